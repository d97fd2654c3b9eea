"""A training run as evidence shows it, its rounds each with the documents about it, and what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from freehold.core.documents import Asset, Claim, Document, Receipt
from freehold.core.signing import parse_envelope
from freehold.core.texts import said
from freehold.kernel.evidence.reading import Broken, Evidence, blaming

PLAN, START, ROUNDS, TEST = (f"training/{name}.json" for name in ("plan", "start", "rounds", "test"))
MAX_ROUNDS = 201
MAX_RECEIPTS = 1_000
"""In one round."""
D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Replayed:
    """What a run comes to when it is computed again from its recorded updates."""

    model: str
    """Hash of the final model: its asset's content commitment."""
    previous: Sequence[str]
    """Hash of the model before each recorded round."""
    last: str
    """Hash of the model after the last round, as an opening names it."""
    test_commitment: str
    """Of the opened test table under the opened salt."""
    worth: Mapping[str, Any]
    """As a contribution claim says it: accounts, values, errors, shares_bps, scores."""

    @property
    def shares(self) -> dict[str, int]:
        """Owner -> share in basis points; they sum to 10,000."""
        return dict(zip(self.worth["accounts"], self.worth["shares_bps"], strict=True))


Replay = Callable[[Any, Any, Sequence[tuple[Any, Any]], Any, str], Replayed]
"""As `replaying.replay`, by this package's rules; `verify` takes others as rules of `training.replay`."""


@dataclass(frozen=True)
class RoundShown:
    """One round as evidence shows it."""

    claim: Claim
    """By the builder, before any update was revealed."""
    receipts: tuple[Receipt, ...]
    """One for each commitment."""
    revealed: Any
    """JSON, by owner."""


@dataclass(frozen=True)
class Run:
    """The run that made the model, as the claims about it tell it."""

    id: str
    model: Asset
    plan: Any
    """JSON; its hash is the id."""
    rounds: Sequence[RoundShown]
    committed: Claim
    """To the test table, by who keeps it."""
    planned: Claim
    started: Claim
    opening: Claim
    contribution: Claim
    release: Claim

    @property
    def grants(self) -> dict[str, str]:
        """Owner that takes part -> its grant, in the plan's order."""
        grants = self.started.statement["start"]["grants"]
        return {owner: grants[owner] for owner in sorted(grants)}

    @property
    def owners(self) -> dict[str, dict[str, Any]]:
        """Account -> `{account, asset, rows}` of each owner in the plan."""
        return {owner["account"]: owner for owner in self.plan["owners"]}


@dataclass
class Story:
    """What the checks found out about a run."""

    rounds: list[RoundShown] = field(default_factory=list)
    """As `training/rounds.json` lists them."""
    run: Run = field(init=False)
    replayed: Replayed = field(init=False)


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
        raise Broken(ROUNDS, said("is no list of at most {max_rounds} rounds", max_rounds=MAX_ROUNDS))
    for item in value:
        if not isinstance(item, dict) or set(item) != {"claim", "receipts", "revealed"}:
            raise Broken(ROUNDS, said("holds a round that is not a claim, receipts and what was revealed"))
        if not isinstance(item["receipts"], list) or len(item["receipts"]) > MAX_RECEIPTS:
            raise Broken(
                ROUNDS,
                said(
                    "holds a round without a list of at most {max_receipts} receipts",
                    max_receipts=MAX_RECEIPTS,
                ),
            )
        claim = _kept(evidence, item["claim"], Claim)
        receipts = tuple(_kept(evidence, value, Receipt) for value in item["receipts"])
        evidence.of(Story).rounds.append(RoundShown(claim, receipts, item["revealed"]))


def _kept(evidence: Evidence, value: Any, kind: type[D]) -> D:
    with blaming(ROUNDS):
        envelope = parse_envelope(value)
    if not isinstance(envelope.document, kind):
        raise Broken(
            ROUNDS, said("holds another document where a {kind} must be", kind=kind.__name__.lower())
        )
    evidence.add(envelope, ROUNDS)
    return envelope.document
