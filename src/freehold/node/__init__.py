"""The node: one person's keys, vault, log and chain client behind one HTTP daemon.

Main path: `settings.Settings` -> `node.Node` (what every feature needs) -> `daemon.run` serves it.
Features live one file each: `publishing`, `granting`, `lending` (a data owner's side of training),
`training` (a builder's side), `releasing`, `serving`, `buying`, `earning`, `proving`.
"""
