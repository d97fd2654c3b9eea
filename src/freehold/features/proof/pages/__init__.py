"""Pages that show what happened."""
