"""One folder for each thing that a user would name; `feature.py` in it is read first."""
