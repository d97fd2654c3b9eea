"""The checks, one file a group. Each takes the evidence, returns one sentence, or raises `Broken`."""
