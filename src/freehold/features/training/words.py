"""Words that training adds to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, ClaimKind

ACTIONS = (ActionWord("train", "trained on it", in_run=True),)
CLAIM_KINDS = (
    ClaimKind(
        "test_commitment",
        "commitment",
        "Fixed the test table before training, by its commitment.",
        ("commitment", "rows", "positives", "columns", "label"),
    ),
    ClaimKind("training_plan", "run", "Planned a run; the hash of the plan is the run's id.", ("plan",)),
    ClaimKind("training_start", "run", "Started a run, naming who agreed to it.", ("start",)),
    ClaimKind(
        "training_round",
        "run",
        "Fixed what owners committed to in a round, before any update was revealed.",
        ("number", "start", "previous", "missing", "commitments", "absent"),
    ),
    ClaimKind(
        "test_opening", "run", "Opened the test table after training.", ("commitment", "salt", "model")
    ),
    ClaimKind(
        "contribution",
        "run",
        "Said what each owner's data was worth to the model.",
        ("accounts", "values", "errors", "shares_bps", "scores", "model", "missing"),
    ),
    ClaimKind(
        "agreement",
        "run",
        "Computed the contribution again and found the same.",
        ("contribution",),
        names=("contribution",),
        stands_alone=True,
    ),
    ClaimKind("audit", "run", "Judged an owner's table and noise.", ("owner", "holds", "detail")),
)
