"""Parties and the peers where they are met."""
