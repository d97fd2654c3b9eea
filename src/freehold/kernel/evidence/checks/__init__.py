"""The checks, by what they ask. Each takes the evidence, returns one sentence, or raises `Broken`."""
