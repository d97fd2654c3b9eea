"""The HTTP surface of a node: `public` for anyone, `peer` for signed requests, `control` for its owner."""
