"""Transactions that a node sends by itself: each with a known cost, a worth, and a day's ceiling over all.

1. `purse` says what each act usually costs, the gas it may take at most, and what that is in dollars; and counts gas
   of the last day durably, before anything is sent.
2. `subjects` remembers what was refused or failed: back off, or leave it to the owner.
3. `keeper.send(node, errand)` does all of it. What the owner orders by hand is counted and never stopped by the
   ceiling; the gas cap holds for both, because others' code may run in an act.
"""
