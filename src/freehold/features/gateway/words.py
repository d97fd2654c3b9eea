"""Words that the gateway adds to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ActionWord

ACTIONS = (
    ActionWord(
        "infer",
        said("answer"),
        lambda who, what: said("{who} asked {what} for an answer", who=who, what=what),
        lambda what: said("You asked {what} for an answer", what=what),
        pays="pool",
    ),
)
