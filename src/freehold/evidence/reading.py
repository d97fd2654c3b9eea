"""Evidence while it is being checked: what earlier checks established, for later ones to rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from freehold.core.documents import Asset, Claim, Document, Grant, Party, Receipt
from freehold.core.errors import FreeholdError, VerificationFailed
from freehold.core.signing import Envelope
from freehold.evidence.bundle import Bundle
from freehold.evidence.manifest import Manifest

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
    """Hash of the model that all owners trained together: its asset's content commitment."""
    test_commitment: str
    """Of the opened test table under the opened salt."""
    utilities: Sequence[int]
    """Of every coalition, index = bitmask over the owners."""
    values: Sequence[str]
    """Shapley value of each owner, as an exact fraction "a/b" or integer "a"."""
    shares_bps: Sequence[int]
    """Of each owner; sums to 10,000."""
    correct: Sequence[int]
    """Test rows that each coalition's model gets right."""
    test_rows: int


class Replay(Protocol):
    """Recomputes a training run; the node gives `freehold.training`, others may give their own."""

    def __call__(self, plan: Any, rounds: Sequence[Any], test: Any, salt: str) -> Replayed:
        """From the JSON of `training/plan.json`, `round-*.json`, `test.json` and the 0x-hex salt.

        Raises:
            FreeholdError: the record contradicts itself; field `round` (from 1) names the round at
                fault, field `part` = "test" the test table, neither the plan.
        """
        ...


@dataclass
class Evidence:
    """A bundle and what is known about it so far."""

    bundle: Bundle
    replay: Replay
    manifest: Manifest = field(init=False)
    documents: dict[str, Envelope] = field(init=False, default_factory=dict)
    """By id, in the order of ids."""
    parties: dict[str, Party] = field(init=False, default_factory=dict)
    """By account."""
    receipt: Receipt = field(init=False)
    """The one this evidence is about."""
    logs: dict[str, dict[str, int]] = field(init=False, default_factory=dict)
    """account -> document id -> position, as proven."""
    heads: dict[str, tuple[int, bytes]] = field(init=False, default_factory=dict)
    """account -> (size, root) of its signed checkpoint."""
    state: Mapping[tuple[str, int], int] = field(init=False, default_factory=dict)
    """(address, slot) -> word, as proven against `block_hash`."""
    block_hash: str = field(init=False, default="")
    block_number: int = field(init=False, default=0)
    block_time: int = field(init=False, default=0)
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

    def of_type(self, kind: type[D]) -> Iterator[D]:
        """Documents of one type in the order of ids, each becoming the file looked at."""
        for envelope in self.documents.values():
            if isinstance(envelope.document, kind):
                self.file = path_of(envelope.document)
                yield envelope.document

    def get(self, document_id: str, kind: type[D], named_by: Document) -> D:
        """The document with an id; `Broken` names the one that refers to it when it is not here."""
        envelope = self.documents.get(document_id)
        if envelope is None or not isinstance(envelope.document, kind):
            raise Broken(
                path_of(named_by), f"names {kind.__name__.lower()} {document_id[:10]}, which is not here"
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

    def index(self, document: Document, account: str | None = None) -> int:
        """A document's position in the log of `account`, by default of its first signer."""
        return self.logs[account or next(iter(document.signers().values()))][document.id]

    def word(self, contract: str, slot: int) -> int:
        """A word of a contract's storage; `Broken` where chain.json does not prove it."""
        address = self.manifest.statement.contracts[contract]
        if (address, slot) not in self.state:
            raise Broken("chain.json", f"does not prove a storage word of {contract} that is needed")
        return self.state[address, slot]

    def asset(self) -> Asset:
        """The asset that the receipt is about."""
        return self.get(self.get(self.receipt.grant, Grant, self.receipt).asset, Asset, self.receipt)


def path_of(document: Document) -> str:
    """The file of a document."""
    return f"documents/{document.id}.json"


def log_path(account: str) -> str:
    """The file of a log."""
    return f"logs/{account}.json"
