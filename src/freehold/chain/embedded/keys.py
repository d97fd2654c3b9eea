"""The key that everybody has: it is in the documentation of every development chain."""

DEV_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""Key of the funded development account: the first of the public mnemonic `test test ... junk`."""
