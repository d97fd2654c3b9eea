"""The Merkle tree by which revenue is split: pure."""
