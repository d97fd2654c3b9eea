"""A file that says how the contracts came onto a chain: which, where, by which transaction, when.

Addresses follow from the bytecode, so nothing depends on this file; it tells people and tools what
was done. What it lacks, or says of another chain, is found on the chain again: the block by
bisection over the heights at which the address has code, the transaction in that block. A node that
has pruned old state leaves these two unknown.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from freehold import durable, plain_file
from freehold.chain import deployments
from freehold.chain.answers import read_data, read_hash, read_number
from freehold.chain.errors import ChainUnreachable, RpcError
from freehold.core import causes
from freehold.core.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.chain.client import Chain

FILE = "deployments.json"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Deployment:
    """One contract on one chain."""

    contract: str
    address: str
    bytecode_hash: str
    """Keccak of the code that stands there, `0x` hex."""
    tx_hash: str | None
    """None where the chain does not tell any more; so too the next two."""
    block_number: int | None
    deployed_at: int | None
    """Time of its block, Unix seconds."""


@dataclass(frozen=True)
class Record:
    """The deployments of one chain."""

    chain_id: int
    genesis: str
    """Hash of block 0: local chains share their id, and their genesis, but a network's is its own."""
    contracts: tuple[Deployment, ...]


def read(path: Path) -> Record:
    """The record in a file. Raises `NotFound` and `InvalidInput`."""
    try:
        told = json.loads(plain_file.text(path, _MOST_BYTES))
        contracts = tuple(Deployment(**one) for one in told.pop("contracts"))
        return Record(contracts=contracts, **told)
    except FileNotFoundError:
        raise NotFound(
            f"there is no record of deployments at {path}",
            hint="freehold chain run writes it; with --rpc-url it is made from the chain itself",
        ) from None
    except OSError as error:
        raise causes.of(error, "read the record of deployments") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"{path} is no record of deployments: {error}",
            hint="remove it; freehold chain run makes it again",
        ) from error


def renew(path: Path, chain: Chain) -> Record:
    """Bring the file up to date with the chain; returns what it says now. Raises what the chain does.

    What the file says of this chain and is still so is kept. Nothing is written when nothing changed.
    """
    try:
        known: Record | None = read(path)
    except (NotFound, InvalidInput, Unavailable):
        known = None
    genesis = _block(chain, 0)
    if known is not None and (known.chain_id, known.genesis) != (chain.chain_id, genesis["hash"]):
        known = None
    held = {} if known is None else {one.contract: one for one in known.contracts}
    names = deployments.names()
    codes = chain.rpc.batch([("eth_getCode", deployments.address(name), "latest") for name in names])
    found = []
    for name, code in zip(names, codes, strict=True):
        if read_data(code):
            digest = "0x" + keccak(read_data(code)).hex()
            found.append(_confirmed(chain, held.get(name), digest) or _found(chain, name, digest))
    record = Record(chain.chain_id, genesis["hash"], tuple(found))
    if record != known:
        _write(path, record)
    return record


def _confirmed(chain: Chain, held: Deployment | None, digest: str) -> Deployment | None:
    """What was noted before, when the chain still has that transaction in that block."""
    if held is None or held.bytecode_hash != digest or held.tx_hash is None:
        return None
    shown = chain.rpc.call("eth_getTransactionReceipt", held.tx_hash)
    if not isinstance(shown, dict) or read_number(shown.get("blockNumber")) != held.block_number:
        return None
    return held if held.address == deployments.address(held.contract) else None


def _found(chain: Chain, name: str, digest: str) -> Deployment:
    address = deployments.address(name)
    block = _made_in(chain, address)
    made = None if block is None else _sent_in(block, deployments.creation(name))
    return Deployment(
        contract=name,
        address=address,
        bytecode_hash=digest,
        tx_hash=made,
        block_number=None if block is None else read_number(block["number"]),
        deployed_at=None if block is None else read_number(block["timestamp"]),
    )


def _made_in(chain: Chain, address: str) -> dict[str, Any] | None:
    """The first block after which the address has code; None when old state is gone."""
    without, having = -1, chain.block_number()
    try:
        while having - without > 1:
            middle = (having + without) // 2
            if read_data(chain.rpc.call("eth_getCode", address, hex(middle))):
                having = middle
            else:
                without = middle
        return _block(chain, having)
    except RpcError:
        return None


def _sent_in(block: dict[str, Any], data: bytes) -> str | None:
    """The transaction of a block that sent these bytes to the proxy."""
    wanted = (deployments.PROXY, "0x" + data.hex())
    for one in block.get("transactions", ()):
        if isinstance(one, dict) and (str(one.get("to")).lower(), str(one.get("input")).lower()) == wanted:
            return read_hash(one.get("hash"))
    return None


def _block(chain: Chain, number: int) -> dict[str, Any]:
    block = chain.rpc.call("eth_getBlockByNumber", hex(number), True)
    if not isinstance(block, dict):
        raise ChainUnreachable(f"the chain does not have block {number}")
    return {**block, "hash": read_hash(block.get("hash"))}


def _write(path: Path, record: Record) -> None:
    durable.write(path, json.dumps(asdict(record), indent=1).encode(), replace=True, mode=0o644)
