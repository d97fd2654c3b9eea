"""Values that every room shares: documents, ids, signatures, terms, errors. No I/O, no clock."""
