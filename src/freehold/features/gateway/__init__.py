"""Answers of models by the call: sold here, bought elsewhere."""
