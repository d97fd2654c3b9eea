"""What came in, and what is yours of it."""
