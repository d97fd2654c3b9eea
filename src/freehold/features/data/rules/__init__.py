"""Tables as checked numbers: pure."""
