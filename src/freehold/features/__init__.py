"""One folder for each thing that a user would name; `feature.py` in it is read first.

All of them, those that others need before those that need them. `docs/how-to/add-a-feature.md` adds one.
"""

FEATURES = (
    "identity",
    "privacy",
    "data",
    "grants",
    "payments",
    "models",
    "earnings",
    "gateway",
    "training",
    "proof",
    "notifications",
)
