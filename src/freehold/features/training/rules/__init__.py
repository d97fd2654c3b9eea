"""Training among owners: whole numbers only, so that anyone can repeat every step.

Main path: `reading.read` checks an owner's file; `expected.suggest` sets a recipe and `record.RunPlan` says all
that is agreed; in each round an owner answers the common model with one noised update (`record.answer`), and
`record.Replay` takes everybody's and makes the next model; `record.value` says what each owner's updates were
worth on the opened test table.

>>> from freehold.features.training.rules.valuation import shares_bps
>>> shares_bps(values=[300, 100, 3], errors=[10, 10, 10], rows=[50, 50, 50])  # the third cannot be told from nothing
[7500, 2500, 0]
"""
