"""Freehold from Python."""
