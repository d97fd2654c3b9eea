"""Pages of models: those of this node, those on the market, and what each says of itself."""
