"""`training/rounds.json`: the rounds of a run, each with the documents about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from freehold.core.documents import Claim, Document, Receipt
from freehold.core.signing import parse_envelope
from freehold.features.training.checks.run import ROUNDS, RoundShown, Story
from freehold.kernel.evidence.reading import Broken, Evidence, blaming

MAX_ROUNDS = 201
MAX_RECEIPTS = 1_000
"""In one round."""
D = TypeVar("D", bound=Document)


def envelopes(value: Any) -> Iterator[Any]:
    """Whatever stands where an envelope must."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item.get("claim")
            receipts = item.get("receipts")
            yield from receipts if isinstance(receipts, list) else []


def read(evidence: Evidence, value: Any) -> None:
    """The rounds, their documents added to the evidence."""
    if not isinstance(value, list) or len(value) > MAX_ROUNDS:
        raise Broken(ROUNDS, f"is no list of at most {MAX_ROUNDS} rounds")
    for item in value:
        if not isinstance(item, dict) or set(item) != {"claim", "receipts", "revealed"}:
            raise Broken(ROUNDS, "holds a round that is not a claim, receipts and what was revealed")
        if not isinstance(item["receipts"], list) or len(item["receipts"]) > MAX_RECEIPTS:
            raise Broken(ROUNDS, f"holds a round without a list of at most {MAX_RECEIPTS} receipts")
        claim = _kept(evidence, item["claim"], Claim)
        receipts = tuple(_kept(evidence, value, Receipt) for value in item["receipts"])
        evidence.of(Story).rounds.append(RoundShown(claim, receipts, item["revealed"]))


def _kept(evidence: Evidence, value: Any, kind: type[D]) -> D:
    with blaming(ROUNDS):
        envelope = parse_envelope(value)
    if not isinstance(envelope.document, kind):
        raise Broken(ROUNDS, f"holds another document where a {kind.__name__.lower()} must be")
    evidence.add(envelope, ROUNDS)
    return envelope.document
