"""A released model: its rows, answers and hash, how good it is, and the tree by which its revenue is split: pure."""
