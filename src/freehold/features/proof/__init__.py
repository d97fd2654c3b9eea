"""Showing what happened: uses, lineage, log, evidence."""
