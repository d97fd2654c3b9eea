"""Which chain this home lives on: pinned at first contact, so that another in its place is noticed.

A chain id is a number that anybody may give a chain, and every local chain begins with the same genesis.
So two hashes are kept: of block 0, and of the newest block that was deep enough at first contact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.chain.answers import read_hash, read_number
from freehold.chain.networks import network
from freehold.core.errors import Conflict

if TYPE_CHECKING:
    from freehold.chain.client import Chain
    from freehold.kernel.account import Account
    from freehold.kernel.store import Store

STATE = "chain:identity"
_ON_PURPOSE = "Name the right chain with rpc_url. To begin anew on this one: freehold chain forget"


class OtherChain(Conflict):
    """The chain at this address is not the one this home lives on."""

    code = "chain.other"


def require_same_chain(node: Account) -> None:
    """The chain is the one that this home knows; at first contact it is remembered.

    Raises `OtherChain`: another id, another genesis, or without the block seen at first contact. `ChainUnreachable`.
    """
    known = node.store.state(STATE)
    if known is None:
        found = _identity(node.chain)
        require_identity(node.chain, {**found, "chain_id": node.chain_id})
        with node.store.transaction() as tx:
            tx.set(STATE, found)
        return
    require_identity(node.chain, known)


def require_identity(chain: Chain, known: dict[str, Any]) -> None:
    """The chain has the id and holds the blocks that were remembered of it; asked in one request.

    Raises `OtherChain`, `ChainUnreachable`.
    """
    kept = {0: known["genesis"], int(known["block"]): known["block_hash"]}
    asked = [("eth_getBlockByNumber", hex(number), False) for number in kept]
    answered, *blocks = chain.rpc.batch([("eth_chainId",), *asked])
    if (chain_id := read_number(answered)) != known["chain_id"]:
        raise OtherChain(f"the chain is {chain_id}, this home lives on {known['chain_id']}", hint=_ON_PURPOSE)
    for (number, expected), block in zip(kept.items(), blocks, strict=True):
        found = _hash_in(block)
        if found is None:
            raise OtherChain(
                f"the chain has no block {number}, which this home has seen: it lost its state or was replaced",
                hint=_ON_PURPOSE,
            )
        if found != expected:
            raise OtherChain(
                f"block {number} of the chain is {found[:18]}, this home knows {expected[:18]}: another chain"
                f" with the id {chain_id}",
                hint=_ON_PURPOSE,
            )


def forget(store: Store) -> dict[str, Any] | None:
    """Let the next start take whatever chain it finds; returns what was known.

    What was bought, opened and anchored on the chain before is not on another; test money is given anew.
    """
    known: dict[str, Any] | None = store.state(STATE)
    with store.transaction() as tx:
        for name in (STATE, "anchored", "funded"):
            tx.delete(name)
    return known


def _identity(chain: Chain) -> dict[str, Any]:
    deep = max(0, chain.block_number() - network(chain.chain_id).confirmations + 1)
    return {
        "chain_id": chain.chain_id,
        "genesis": _hash(chain, 0),
        "block": deep,
        "block_hash": _hash(chain, deep),
    }


def _hash(chain: Chain, number: int) -> str | None:
    return _hash_in(chain.rpc.call("eth_getBlockByNumber", hex(number), False))


def _hash_in(block: Any) -> str | None:
    return read_hash(block.get("hash")) if isinstance(block, dict) else None
