"""Released models: shares, revenue pools, what they are made of."""
