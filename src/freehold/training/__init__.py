"""Training among owners: whole numbers only, so that anyone can repeat every step.

Main path: `table.read` checks an owner's file; `statistics.measure` and `pool` fix one scaling;
`logistic.train_locally` trains the models of every coalition an owner belongs to;
`coalitions.aggregate` combines a round; `record.RunPlan` and `record.RoundRecord` keep it;
`record.replay` recomputes it and `record.value` says what each owner's data contributed.

>>> from freehold.training.valuation import exact_shapley, shares_bps
>>> shares_bps(exact_shapley([0, 10, 10, 40]))  # utilities of {}, {a}, {b}, {a, b}
[5000, 5000]
"""
