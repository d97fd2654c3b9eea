"""Market: the offer that follows from a grant, and the Merkle tree by which revenue is split.

Main path: `offer.Offer.of(grant)` -> seller signs its digest -> buyer signs the payment -> one
transaction on Market; at release `split.SplitTree(shares)` gives the root that Revenue keeps.
"""
