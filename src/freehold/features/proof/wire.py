"""Proof: what its operations ask and answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, create_model

from freehold.core.documents import Action
from freehold.kernel import installed
from freehold.kernel.operation import Effect, Operation, Request
from freehold.kernel.shape import SOMETIMES, Account, Bps, Count, Id, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT, Flag, Reference
from freehold.kernel.wire import Before, SignedReceipt


class ReceiptRow(Shape):
    """A receipt as lists show it."""

    id: Id
    """The receipt."""
    action: Action
    """What was done."""
    provider: Account
    """Who did it."""
    provider_name: str
    """As it calls itself, or the beginning of its account."""
    holder: Account
    """For whom."""
    holder_name: str
    """As it calls itself, or the beginning of its account."""
    asset: Id
    """What was used."""
    grant: Id
    """Which grant allowed it."""
    units: Units
    """What it cost."""
    issued_at: Time
    """When."""
    position: Count | None
    """Its place in this node's log; null where it is in another's only."""
    anchored: bool | None
    """Whether the chain vouches for that place; null while it does not answer."""
    complete: bool
    """Whether both sides have signed."""


class Receipts(Shape):
    """The newest receipts with this party on either side."""

    receipts: tuple[ReceiptRow, ...]
    """Oldest first."""
    earlier: str
    """What `before` takes for the page of older ones; empty where there are none."""
    total: Count
    """All there are, listed or not."""


class LineageNode(Shape):
    """A thing in a lineage: a dataset that is not known here, or a receipt."""

    id: Id
    """Its id."""
    kind: Literal["dataset", "receipt"]
    """What it is."""
    name: str
    """Its name; of a receipt, its action."""
    owner_name: str
    """Who owns it; of a receipt, who asked. Empty where unknown."""
    weight: Bps = SOMETIMES
    """Its share of what was made from it; not of receipts."""


class LineageEdge(Shape):
    """That one thing came from another."""

    from_: Annotated[Id, Field(alias="from")]
    """The source."""
    to: Id
    """What was made from it."""
    role: str
    """As what it was used."""
    weight: Bps
    """Its share of the result."""


class Lineage(Shape):
    """From an asset or receipt back to the data."""

    nodes: tuple[LineageNode, ...]
    """The things."""
    edges: tuple[LineageEdge, ...]
    """How they hang together."""
    calls: Count
    """Answers bought or sold here, of any model."""


class EvidenceFiles(Shape):
    """Files that prove one answer; `freehold evidence` writes them."""

    files: dict[str, str]
    """Text by path."""


def whole_lineage() -> type[Lineage]:
    """A lineage whose assets say what features say of them: `ASSET` in their `wire`."""
    parts = (kind for _, kind in installed.said("wire", "ASSET"))
    asset = create_model(
        "LineageAsset",
        __base__=(*parts,),
        __doc__="An asset in a lineage, with all its fields.",
        __module__=__name__,
        weight=(Bps, Field(description="Its share of what was made from it.")),
    )
    nodes = (tuple[asset | LineageNode, ...], Field(description="The things."))  # type: ignore[valid-type]
    return create_model(
        "Lineage", __base__=Lineage, __doc__=Lineage.__doc__, __module__=__name__, nodes=nodes
    )


class EvidenceWritten(Shape):
    """Evidence on disk."""

    directory: str
    """Where."""
    files: Count
    """Files written."""
    size_bytes: Annotated[Count, Field(alias="bytes")]
    """Their size."""

    @classmethod
    def of(cls, directory: Path, files: Mapping[str, bytes]) -> Self:
        """What was written there."""
        said = {"directory": str(directory), "files": len(files), "bytes": sum(map(len, files.values()))}
        return cls.model_validate(said)


class ListReceipts(Request):
    """List uses of data and models."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many of the newest, by default 100."""
    before: Annotated[Before, Flag(metavar="RECEIPT")] = ""


class ShowReceipt(Request):
    """Show one receipt in full, with its signatures."""

    receipt_id: Annotated[str, Reference(face="receipt", kind="receipt"), ARGUMENT]
    """Id of the receipt, in full or its first digits; "last" is the newest answer's."""


class ShowLineage(Request):
    """Show what something was made from."""

    document_id: Annotated[str, Reference(face="asset"), ARGUMENT]
    """Id of a model, dataset or receipt; "last" is the newest answer's receipt."""


class CollectEvidence(Request):
    """Collect the files that prove one answer.

    Public files only, from its payment back to the commitments to the training data.
    """

    receipt: Annotated[str, Reference(kind="receipt"), ARGUMENT]
    """Id of an answer's receipt, bought or sold; "last" is the newest answer's."""


RECEIPTS = Operation(
    "receipts", ListReceipts, Receipts, "/receipts", Effect.READS, gives="receipts", example="--limit 5"
)
RECEIPT = Operation("receipt", ShowReceipt, SignedReceipt, "/receipts/{receipt_id}", Effect.READS)
LINEAGE = Operation(
    "lineage",
    ShowLineage,
    whole_lineage,
    "/lineage/{document_id}",
    Effect.READS,
    example="'Tumour model' -o lineage.svg",
)
EVIDENCE = Operation(
    "evidence",
    CollectEvidence,
    EvidenceFiles,
    "/evidence",
    Effect.READS,
    verb="POST",
    method="evidence_files",
    example="last -o evidence",
)
OPERATIONS = (RECEIPTS, RECEIPT, LINEAGE, EVIDENCE)
