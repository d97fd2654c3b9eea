"""One market, built once, and what its people do there in a real browser."""
