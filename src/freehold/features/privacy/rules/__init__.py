"""Privacy accounting and noise: pure."""
