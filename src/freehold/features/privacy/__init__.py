"""What training costs the rows of this node, and what was promised about them."""
