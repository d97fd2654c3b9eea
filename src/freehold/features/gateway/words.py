"""Words that the gateway adds to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ActionWord

ACTIONS = (
    ActionWord(
        "infer",
        said("answer"),
        said("{who} asked {what} for an answer"),
        said("You asked {what} for an answer"),
        pays="pool",
    ),
)
