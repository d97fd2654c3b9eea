"""What commands print, and options that many of them share."""
