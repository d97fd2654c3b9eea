"""Words that training adds to documents, in the order of a run."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ACCOUNT, COUNT, ID, TEXT, ActionWord, ClaimKind, by, many, record

_DIGITS = {"type": "string", "pattern": "^-?[0-9]+$"}
ACTIONS = (
    ActionWord(
        "train",
        said("training"),
        lambda who, what: said("{who} trained on {what}", who=who, what=what),
        lambda what: said("You trained on {what}", what=what),
        in_run=True,
    ),
)
CLAIM_KINDS = (
    ClaimKind(
        "test_commitment",
        "the commitment",
        said("a test table fixed"),
        "by who keeps the test: `{commitment, rows, positives, columns, label}`",
        fields={"commitment": ID, "rows": COUNT, "positives": COUNT, "columns": many(TEXT), "label": TEXT},
    ),
    ClaimKind(
        "training_plan",
        "run",
        said("a training plan"),
        "`{plan}`: `training.rules.record.RunPlan.to_json()`; its hash is the run id. Then"
        " `Timestamps.stamp(run)`, then the builder anchors its log",
        fields={"plan": {"type": "object"}},
    ),
    ClaimKind(
        "training_start",
        "run",
        said("a training started"),
        "`{start: {grants: {owner: grant id}}}`: who agreed",
        fields={"start": record(grants=by(ACCOUNT, ID))},
    ),
    ClaimKind(
        "training_round",
        "run",
        said("a round of training"),
        "`record.round_statement`: `{number, start, previous, missing, commitments: {owner: hash}, absent: {owner:"
        " code}}`; signed once owners committed and before any reveals. `previous` is the hash of the model before"
        " the round, `missing` who did not reveal in the round before",
        fields={
            "number": COUNT,
            "start": ID,
            "previous": ID,
            "missing": many(ACCOUNT),
            "commitments": by(ACCOUNT, ID),
            "absent": by(ACCOUNT, TEXT),
        },
    ),
    ClaimKind(
        "test_opening",
        "run",
        said("a test table opened"),
        "by who keeps the test: `{commitment, salt, model}`",
        fields={"commitment": ID, "salt": ID, "model": ID},
    ),
    ClaimKind(
        "contribution",
        "run",
        said("contributions measured"),
        "`{accounts, values, errors, shares_bps, scores}` as `record.value` gives them, `model` (its hash),"
        " `missing` of the last round",
        fields={
            "accounts": many(ACCOUNT),
            "values": many(_DIGITS),
            "errors": many(_DIGITS),
            "shares_bps": many(COUNT),
            "scores": by(TEXT, COUNT),
            "model": ID,
            "missing": many(ACCOUNT),
        },
    ),
    ClaimKind(
        "agreement",
        "run",
        said("an owner's agreement"),
        "by an owner that recomputed it: `{contribution: claim id}`",
        fields={"contribution": ID},
        names=("contribution",),
        stands_alone=True,
    ),
    ClaimKind(
        "audit",
        "run",
        said("a judge's finding"),
        "by the plan's judge: `{owner, holds, detail}`",
        fields={"owner": ACCOUNT, "holds": {"type": "boolean"}, "detail": TEXT},
    ),
)
