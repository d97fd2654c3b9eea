"""A whole node in one sealed file, and a node out of it again.

1. `saving.save` takes a snapshot of the database, while the node runs or not, and packs it with keys,
   settings and the encrypted data it refers to.
2. `manifest.Manifest` leads the pack: every file with size and hash, the account, the log's size and root.
3. `pack` is the tar stream, `vault.envelope` the seal around it.
4. `restoring.restore` unpacks into a folder beside the new home, checks everything there (`checking`),
   and puts it in place by one rename; `restoring.adopt` lets it go on.
"""
