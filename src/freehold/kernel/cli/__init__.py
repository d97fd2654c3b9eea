"""What commands print, options that many of them share, and commands made of operations."""
