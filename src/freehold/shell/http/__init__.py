"""The routes of one node."""
