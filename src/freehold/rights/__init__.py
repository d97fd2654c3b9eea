"""Rights: whether a grant allows one more use, and what each use must leave behind.

Main path: `check.require_usable` before every use; `check.receipt_for` after it; the holder
countersigns; both sides log the receipt.
"""
