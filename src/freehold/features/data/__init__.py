"""Tables on offer: looked at, sealed, published, found."""
