"""Commands about channels and limits."""
