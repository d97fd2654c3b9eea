"""Evidence while it is being checked: what earlier checks established, for later ones to rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Claim, Document, Grant, Party, Receipt
from freehold.core.errors import FreeholdError, NewerFormat, VerificationFailed
from freehold.core.signing import Envelope
from freehold.core.texts import said
from freehold.kernel import words
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import Manifest

D = TypeVar("D", bound=Document)
T = TypeVar("T")


class Broken(VerificationFailed, code="evidence.broken"):
    """One file does not prove what it must; `file` names it."""

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(detail, hint=said("Ask for the evidence again, from a party you trust."), file=file)
        self.file = file


class Newer(Broken, code="evidence.newer", exit_code=NewerFormat.exit_code):
    """A file is of a later version, or about a kind that this program does not know: it may be good all the same."""


@contextmanager
def blaming(file: str) -> Iterator[None]:
    """What cannot be read or does not hold in here is `Broken`, by that file."""
    try:
        yield
    except FreeholdError as error:
        raise Broken(file, error.message) from error


@dataclass
class Evidence:
    """A bundle and what is known about it so far."""

    bundle: Bundle
    rules: Mapping[str, Any] = field(default_factory=dict)
    """Step -> rules of one's own by which it computes, in place of this package's."""
    manifest: Manifest = field(init=False)
    documents: dict[str, Envelope] = field(init=False, default_factory=dict)
    """By id, in the order of their files."""
    unknown: dict[str, str] = field(init=False, default_factory=dict)
    """Id -> word, of those that mean something this program does not know: nothing is concluded from them."""
    parties: dict[str, Party] = field(init=False, default_factory=dict)
    """By account."""
    subject: Receipt | Asset = field(init=False)
    """What this evidence is about: an answer, or a model."""
    told: dict[type, Any] = field(init=False, default_factory=dict)
    """What features found out, by its type."""
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
    parsed: dict[str, Any] = field(init=False, default_factory=dict)
    """Files read so far, by path."""
    file: str = field(init=False, default="manifest.json")
    """The file now looked at: what is named when something fails unexpectedly."""

    def json(self, path: str) -> Any:
        """The values of a canonical file; a broken one is `Broken`."""
        self.file = path
        if path not in self.parsed:
            with blaming(path):
                self.parsed[path] = self.bundle.json(path)
        return self.parsed[path]

    def of(self, kind: Callable[[], T]) -> T:
        """What one feature found out, which begins with nothing."""
        assert isinstance(kind, type)
        found: T = self.told.setdefault(kind, kind())
        return found

    def add(self, envelope: Envelope, path: str) -> None:
        """One more document that is here."""
        document_id = envelope.document.id
        if document_id in self.documents:
            raise Broken(
                path, said("holds {document_id}, which is here already", document_id=document_id[:10])
            )
        self.documents[document_id] = envelope
        self.places[document_id] = path
        if word := words.unknown(envelope.document):
            self.unknown[document_id] = word

    def place(self, document: Document) -> str:
        """The file that holds a document."""
        return self.places[document.id]

    def of_type(self, kind: type[D]) -> Iterator[D]:
        """Documents of one type whose meaning is known, each one's file becoming the one looked at."""
        for document in self.known():
            if isinstance(document, kind):
                yield document

    def known(self) -> Iterator[Document]:
        """Documents whose meaning is known, each one's file becoming the one looked at."""
        for document_id, envelope in self.documents.items():
            if document_id not in self.unknown:
                self.file = self.places[document_id]
                yield envelope.document

    def get(self, document_id: str, kind: type[D], named_by: Document) -> D:
        """The document with an id; `Broken` names the one that refers to it when it is not here."""
        envelope = self.documents.get(document_id)
        if envelope is None or not isinstance(envelope.document, kind):
            raise Broken(
                self.place(named_by),
                said(
                    "names {kind} {document_id}, which is not here",
                    kind=kind.__name__.lower(),
                    document_id=document_id[:10],
                ),
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
            raise Broken(
                "chain.json",
                said("does not prove a storage word of {contract} that is needed", contract=contract),
            )
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
