"""Rights: whether a grant allows one more use, and what each use must leave behind.

Main path: `standing.standing` asks, `check.require_usable` decides before every use; `check.require_receipt_fits` after it; the holder
countersigns; both sides log the receipt. `check.Offer.of(grant)` is what a priced grant is bought by: the seller
signs its digest, the buyer the payment, and one transaction on Market exchanges them.
"""
