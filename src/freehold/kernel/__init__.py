"""What every feature stands on and none is named in: keys, store, log, chain, peers, money that leaves, HTTP, evidence.

`node.Node` is one party (identity, signatures, store, log, chain, vault); `settings.Settings` says how it runs.
A feature says what it adds in its `feature.py`; `shell` puts all of them behind one port, one command and one library.
"""
