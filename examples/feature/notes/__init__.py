"""Notes: what the owner wants to remember about a document, for itself alone."""
