"""Building an evidence directory from what a node holds: pure, no store, no chain, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Receipt
from freehold.core.errors import InvalidInput
from freehold.core.signing import Envelope, public_account, seal
from freehold.evidence.bundle import Bundle
from freehold.evidence.manifest import PATH, Manifest, Statement, file_hashes


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


def training_files(plan: Any, rounds: Iterable[Any], test: Any) -> dict[str, Any]:
    """The files of a run by name: `plan`, `rounds` (from 1) and the opened `test` table.

    The table is `{"columns", "label", "features", "labels"}`, features in micro-units, row by row.
    """
    numbered = {f"round-{number:03d}.json": item for number, item in enumerate(rounds, start=1)}
    return {"plan.json": plan, "test.json": test, **numbered}


def assemble(
    receipt: Receipt,
    *,
    envelopes: Iterable[Envelope],
    logs: Iterable[LogProofs],
    training: Mapping[str, Any],
    chain_proof: dict[str, Any],
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
) -> Bundle:
    """The bundle of one receipt, its manifest signed with `key`.

    `training` maps file names below `training/` (such as "plan.json") to JSON values; it is empty
    where the receipt is not about a trained model. `chain_proof` is what `chain.proof.capture` gave.

    Raises:
        InvalidInput: the key is of neither side of the receipt, or the receipt is not among the envelopes.
    """
    files = {f"documents/{envelope.document.id}.json": envelope.to_bytes() for envelope in envelopes}
    if f"documents/{receipt.id}.json" not in files:
        raise InvalidInput("the receipt is not among the envelopes", hint="Pass its envelope too.")
    files |= {f"logs/{log.account}.json": canonical_bytes(log.to_json()) for log in logs}
    files |= {f"training/{name}": canonical_bytes(value) for name, value in training.items()}
    files["chain.json"] = canonical_bytes(chain_proof)
    return sign_files(files, receipt, chain_id=chain_id, contracts=contracts, key=key, issued_at=issued_at)


def sign_files(
    files: dict[str, bytes],
    receipt: Receipt,
    *,
    chain_id: int,
    contracts: Mapping[str, str],
    key: bytes,
    issued_at: int,
) -> Bundle:
    """`files` under a manifest signed by the provider or the holder of `receipt`."""
    issuer = account_of(key)
    if issuer not in {receipt.provider, receipt.holder}:
        raise InvalidInput(
            "evidence is signed by the provider or the holder of its receipt",
            hint="Run this on the node of one of the two.",
            account=issuer,
        )
    statement = Statement(chain_id=chain_id, contracts=dict(contracts), files=file_hashes(files))
    manifest = Manifest(issuer=issuer, about=receipt.id, statement=statement, issued_at=issued_at)
    return Bundle(files | {PATH: seal(manifest, key, manifest.domain()).to_bytes()})


def account_of(key: bytes) -> str:
    """The account of a secp256k1 private key."""
    import coincurve  # noqa: PLC0415 - loaded only where something is signed

    return public_account(coincurve.PrivateKey(key).public_key.format(compressed=False))
