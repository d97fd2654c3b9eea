"""Evidence while it is being checked: what earlier checks established, for later ones to rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Claim, Document, Grant, Party, Receipt
from freehold.core.errors import FreeholdError, VerificationFailed
from freehold.core.signing import Envelope
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import Manifest

D = TypeVar("D", bound=Document)


class Broken(VerificationFailed):
    """One file does not prove what it must; `file` names it."""

    code = "evidence.broken"

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(detail, hint="Ask for the evidence again, from a party you trust.", file=file)
        self.file = file


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


class Replay(Protocol):
    """Recomputes a training run: `replaying.replay` by this package's rules, others may give their own."""

    def __call__(
        self, plan: Any, start: Any, rounds: Sequence[tuple[Any, Any]], test: Any, salt: str
    ) -> Replayed:
        """From the JSON of `plan.json`, `start.json` and `test.json`, and for each round (statement, revealed).

        Raises:
            FreeholdError: the record contradicts itself; field `part` says where: "plan", "start", "rounds",
                "test" or "opening" (the salt).
        """
        ...


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
class Evidence:
    """A bundle and what is known about it so far."""

    bundle: Bundle
    replay: Replay
    manifest: Manifest = field(init=False)
    documents: dict[str, Envelope] = field(init=False, default_factory=dict)
    """By id, in the order of their files."""
    parties: dict[str, Party] = field(init=False, default_factory=dict)
    """By account."""
    subject: Receipt | Asset = field(init=False)
    """What this evidence is about: an answer, or a model."""
    rounds: list[RoundShown] = field(init=False, default_factory=list)
    """As `training/rounds.json` lists them."""
    places: dict[str, str] = field(init=False, default_factory=dict)
    """Document id -> its file."""
    logs: dict[str, dict[str, int]] = field(init=False, default_factory=dict)
    """account -> document id -> position, as proven."""
    heads: dict[str, tuple[int, bytes]] = field(init=False, default_factory=dict)
    """account -> (size, root) of its signed checkpoint."""
    state: Mapping[tuple[str, int], int] = field(init=False, default_factory=dict)
    """(address, slot) -> word, as proven against `block_hash`."""
    block_hash: str = field(init=False, default="")
    block_number: int = field(init=False, default=0)
    block_time: int = field(init=False, default=0)
    run: Run = field(init=False)
    replayed: Replayed = field(init=False)
    parsed: dict[str, Any] = field(init=False, default_factory=dict)
    """Files read so far, by path."""
    file: str = field(init=False, default="manifest.json")
    """The file now looked at: what is named when something fails unexpectedly."""

    def json(self, path: str) -> Any:
        """The values of a canonical file; a broken one is `Broken`."""
        self.file = path
        if path not in self.parsed:
            try:
                self.parsed[path] = self.bundle.json(path)
            except FreeholdError as error:
                raise Broken(path, error.message) from error
        return self.parsed[path]

    def add(self, envelope: Envelope, path: str) -> None:
        """One more document that is here."""
        document_id = envelope.document.id
        if document_id in self.documents:
            raise Broken(path, f"holds {document_id[:10]}, which is here already")
        self.documents[document_id] = envelope
        self.places[document_id] = path

    def place(self, document: Document) -> str:
        """The file that holds a document."""
        return self.places[document.id]

    def of_type(self, kind: type[D]) -> Iterator[D]:
        """Documents of one type, each one's file becoming the one looked at."""
        for envelope in self.documents.values():
            if isinstance(envelope.document, kind):
                self.file = self.place(envelope.document)
                yield envelope.document

    def get(self, document_id: str, kind: type[D], named_by: Document) -> D:
        """The document with an id; `Broken` names the one that refers to it when it is not here."""
        envelope = self.documents.get(document_id)
        if envelope is None or not isinstance(envelope.document, kind):
            raise Broken(
                self.place(named_by), f"names {kind.__name__.lower()} {document_id[:10]}, which is not here"
            )
        return envelope.document

    def claims(self, kind: str, issuer: str, about: str) -> list[Claim]:
        """Claims of one kind by one issuer about one subject, in the order of the issuer's log."""
        found = [
            claim
            for claim in self.of_type(Claim)
            if (claim.claim_kind, claim.issuer, claim.about) == (kind, issuer, about)
        ]
        return sorted(found, key=self.index)

    def keeper(self, document: Document) -> str:
        """In whose log a document is looked up: its first signer's, or, where that shows none, its holder's."""
        first = next(iter(document.signers().values()))
        if first not in self.logs and isinstance(document, Grant | Receipt):
            return document.holder
        return first

    def index(self, document: Document) -> int:
        """A document's position in the log in which it is looked up."""
        return self.logs[self.keeper(document)][document.id]

    def word(self, contract: str, slot: int) -> int:
        """A word of a contract's storage; `Broken` where chain.json does not prove it."""
        address = self.manifest.statement.contracts[contract]
        if (address, slot) not in self.state:
            raise Broken("chain.json", f"does not prove a storage word of {contract} that is needed")
        return self.state[address, slot]

    def asset(self) -> Asset:
        """The asset that this evidence is about, or that its receipt is about."""
        if isinstance(self.subject, Asset):
            return self.subject
        return self.get(self.get(self.subject.grant, Grant, self.subject).asset, Asset, self.subject)


def path_of(document: Document) -> str:
    """The file of a document that has one of its own."""
    return f"documents/{document.id}.json"


def log_path(account: str) -> str:
    """The file of a log."""
    return f"logs/{account}.json"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are written alike; to Python, true equals 1."""
    return canonical_bytes(one) == canonical_bytes(other)
