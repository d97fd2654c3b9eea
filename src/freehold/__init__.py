"""Freehold: own the data, models and agents you make."""

__version__ = "0.1.0"
