"""What a verifier repeats of a run."""
