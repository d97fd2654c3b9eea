"""Words that the gateway adds to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord

ACTIONS = (ActionWord("infer", "asked {} for an answer", pays="pool"),)
