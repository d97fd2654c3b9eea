"""Permissions: asked for, given within terms or by hand, paid, taken back."""
