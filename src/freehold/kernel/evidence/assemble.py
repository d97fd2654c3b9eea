"""Building an evidence directory from what a node holds: pure, no store, no chain, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Receipt
from freehold.core.errors import InvalidInput
from freehold.core.signing import Envelope, account_of, seal
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import PATH, Manifest, Statement, file_hashes


@dataclass(frozen=True)
class LogProofs:
    """One party's log at its anchored size."""

    account: str
    checkpoint: str
    """The signed note."""
    proofs: tuple[tuple[str, int, tuple[bytes, ...]], ...]
    """(document id, index, inclusion proof) of each document shown."""

    def to_json(self) -> dict[str, Any]:
        """As in `logs/<account>.json`, in the order of the log."""
        ordered = sorted(self.proofs, key=lambda item: item[1])
        return {
            "checkpoint": self.checkpoint,
            "proofs": [
                {"id": document_id, "index": index, "proof": ["0x" + value.hex() for value in proof]}
                for document_id, index, proof in ordered
            ],
        }


def log_entry(document_id: str, kind: str) -> bytes:
    """The data of a log entry: an id and a type, so that what is private stays so until shown."""
    return canonical_bytes({"id": document_id, "type": kind})


def assemble(
    subject: Receipt | Asset,
    *,
    envelopes: Iterable[Envelope],
    logs: Iterable[LogProofs],
    files: Mapping[str, Any],
    chain_proof: dict[str, Any],
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
    critical: tuple[str, ...] = (),
) -> Bundle:
    """The bundle about one receipt or one released model, its manifest signed with `key`.

    `files` maps the files that features have in evidence to JSON values; it is empty where nothing shows how the
    subject came about. `envelopes` leaves out those that are in such files.
    `chain_proof` is what `chain.proof.capture` gave.
    Raises `InvalidInput`: the key is of nobody who may show the subject, or that is not among the envelopes.
    """
    made = {f"documents/{envelope.document.id}.json": envelope.to_bytes() for envelope in envelopes}
    if f"documents/{subject.id}.json" not in made:
        raise InvalidInput("the subject is not among the envelopes", hint="Pass its envelope too.")
    made |= {f"logs/{log.account}.json": canonical_bytes(log.to_json()) for log in logs}
    made |= {path: canonical_bytes(value) for path, value in files.items()}
    made["chain.json"] = canonical_bytes(chain_proof)
    return sign_files(
        made, subject, chain_id=chain_id, contracts=contracts, key=key, issued_at=issued_at, critical=critical
    )


def sign_files(
    files: dict[str, bytes],
    subject: Receipt | Asset,
    *,
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
    critical: tuple[str, ...] = (),
) -> Bundle:
    """`files` under a manifest signed by a side of the receipt, or by the owner of the model."""
    issuer = account_of(key)
    if issuer not in subject.signers().values():
        raise InvalidInput(
            "evidence is signed by the provider or the holder of its receipt, or the owner of its model",
            hint="Run this on the node of one of them.",
            account=issuer,
        )
    statement = Statement(
        chain_id=chain_id, contracts=dict(contracts), files=file_hashes(files), critical=critical
    )
    manifest = Manifest(issuer=issuer, about=subject.id, statement=statement, issued_at=issued_at)
    return Bundle(files | {PATH: seal(manifest, key, manifest.domain()).to_bytes()})
