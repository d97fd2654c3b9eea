"""The transparency log: what happened, in order, with nothing removed.

One append-only Merkle tree per party (RFC 6962 hashing, C2SP tlog-tiles, signed-note and
tlog-checkpoint formats), so that a stranger can check it with anybody's tools.

1. `store.LogStore.append` puts an entry into the caller's own database transaction.
2. `checkpoint.Checkpoint(origin, size, root)` states the tree; `note.sign` signs that statement.
3. `tiles` names and encodes what is served, so that readers can cache it for ever.
4. `tree.verify_inclusion` and `tree.verify_consistency` check proofs with public values only.

>>> from freehold.log import tree
>>> leaves = [tree.leaf_hash(entry) for entry in (b"one", b"two", b"three")]
>>> proof = [leaves[1], leaves[2]]
>>> tree.verify_inclusion(leaves[0], 0, 3, proof, tree.root_from_leaves(leaves))
"""
