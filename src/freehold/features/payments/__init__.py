"""Dollars set aside in channels, promised by vouchers and settled on chain."""
