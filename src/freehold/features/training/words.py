"""Words that training adds to documents, in the order of a run."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, ClaimKind

ACTIONS = (ActionWord("train", "trained on {}", in_run=True),)
CLAIM_KINDS = (
    ClaimKind(
        "test_commitment",
        "the commitment",
        "a test table fixed",
        "by who keeps the test: `{commitment, rows, positives, columns, label}`",
        fields=("commitment", "rows", "positives", "columns", "label"),
    ),
    ClaimKind(
        "training_plan",
        "run",
        "a training plan",
        "`{plan}`: `training.rules.record.RunPlan.to_json()`; its hash is the run id. Then"
        " `Timestamps.stamp(run)`, then the builder anchors its log",
        fields=("plan",),
    ),
    ClaimKind(
        "training_start",
        "run",
        "a training started",
        "`{start: {grants: {owner: grant id}}}`: who agreed",
        fields=("start",),
    ),
    ClaimKind(
        "training_round",
        "run",
        "a round of training",
        "`record.round_statement`: `{number, start, previous, missing, commitments: {owner: hash}, absent: {owner:"
        " code}}`; signed once owners committed and before any reveals. `previous` is the hash of the model before"
        " the round, `missing` who did not reveal in the round before",
        fields=("number", "start", "previous", "missing", "commitments", "absent"),
    ),
    ClaimKind(
        "test_opening",
        "run",
        "a test table opened",
        "by who keeps the test: `{commitment, salt, model}`",
        fields=("commitment", "salt", "model"),
    ),
    ClaimKind(
        "contribution",
        "run",
        "contributions measured",
        "`{accounts, values, errors, shares_bps, scores}` as `record.value` gives them, `model` (its hash),"
        " `missing` of the last round",
        fields=("accounts", "values", "errors", "shares_bps", "scores", "model", "missing"),
    ),
    ClaimKind(
        "agreement",
        "run",
        "an owner's agreement",
        "by an owner that recomputed it: `{contribution: claim id}`",
        fields=("contribution",),
        names=("contribution",),
        stands_alone=True,
    ),
    ClaimKind(
        "audit",
        "run",
        "a judge's finding",
        "by the plan's judge: `{owner, holds, detail}`",
        fields=("owner", "holds", "detail"),
    ),
)
