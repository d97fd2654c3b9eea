"""The vault: a party's keys, and its data encrypted under them.

Nothing readable touches the disk: plaintext goes in as a stream, age ciphertext comes out.

1. `keystore.Keys` holds account, log and encryption key in one passphrase-encrypted file.
2. `vault.Vault.put` seals a data set under its current *epoch* and stores it by content id.
3. `vault.Vault.share` wraps that epoch's secret to one holder's encryption key (HPKE).
4. `vault.Vault.rotate` starts a new epoch, so earlier holders cannot open later versions.

>>> from freehold.vault.blobs import cid_of
>>> cid_of(b"hello")
'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
"""
