"""What pages are made of: a visit, forms, words and charts."""
