"""Commands about grants."""
