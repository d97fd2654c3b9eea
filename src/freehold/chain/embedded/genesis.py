"""Block 0 of the local chain: fixed, so that every local chain starts from the same hash."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eth.vm.forks.prague.constants import HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CONTRACT_CODE

from freehold.chain.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable

CHAIN_ID = 31337
GAS_LIMIT = 30_000_000
"""Gas of a block, and the most one call may use."""
BASE_FEE_WEI = 7
"""The fixed point of EIP-1559's integer rule: below-target blocks cannot lower it further."""
TIMESTAMP = 1_700_000_000
HASH = bytes.fromhex("d6006db4c741e8a539acbf7b361b786f89b19014d2010016e62023e9c16b8eb7")
"""Of block 0, which follows from all that stands here."""

WEI = 10**18
DEV_ACCOUNT = bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266")
FAUCET_KEY = bytes.fromhex("c3a1d2b0f7e6459488d5a6b7c8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b")
"""Pays `anvil_setBalance`. Apart from the development account, whose nonce belongs to its user. Public."""
DEPLOY_PROXY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
"""Deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy)."""
DEPLOY_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe036016000"
    "81602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)


def genesis_header(state_of: Callable[[Header], Any], faucet: bytes) -> Header:
    """Write the genesis state and return the header over it; `state_of` gives the state at a header's root."""
    empty = Header(
        parent_hash=bytes(32),
        gas_limit=GAS_LIMIT,
        timestamp=TIMESTAMP,
        base_fee_per_gas=BASE_FEE_WEI,
    )
    state = state_of(empty)
    state.set_balance(DEV_ACCOUNT, 1_000_000 * WEI)
    state.set_balance(faucet, 10**12 * WEI)
    for address, code in (
        (DEPLOY_PROXY, DEPLOY_PROXY_CODE),
        (HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CONTRACT_CODE),
    ):
        state.set_nonce(address, 1)
        state.set_code(address, code)
    state.persist()
    return replace(empty, state_root=bytes(state.state_root))
