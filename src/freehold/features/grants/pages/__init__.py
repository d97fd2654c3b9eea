"""Pages about permissions, and about what they are given for: my data, and what others offer."""
