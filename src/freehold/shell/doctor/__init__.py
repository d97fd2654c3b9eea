"""What is wrong with a node, and how to mend it: every check stands alone and changes nothing.

1. `checks.examine(home)` runs them all, whether the node runs or not, without keys.
2. `home` looks at folder, settings, port and disk; `database` at SQLite, log and data.
3. `network` looks at the chain, the clock and the peers.

A check that cannot be made says so; only a `problem` makes the whole a failure.
"""
