"""The network that a new node is to live on: a practice one or a real one, looked at before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.errors import ChainUnreachable, ContractNotDeployed, ContractReverted, RpcError
from freehold.chain.networks import LOCAL_CHAIN_ID, NETWORKS
from freehold.chain.rpc import Rpc
from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.kernel import setting_sources
from freehold.kernel.settings import DEFAULT_RPC_URL
from freehold.shell import practice

ANSWER_SECONDS = 6.0
OWN = "practice"
REAL = "real"
SHARED = "shared:"
"""Before the folder of a practice network that runs already."""
_DECIMALS = 6


@dataclass(frozen=True)
class Network:
    """What was found at an address."""

    chain_id: int
    name: str
    """Empty where it is none of the known ones."""
    block: int
    token: str
    """Address of the dollar token; empty on a local chain, whose test dollar stands in its place."""


def examine(rpc_url: str, token: str) -> Network:
    """The network at an address: it answers, holds Freehold's contracts, and a dollar with six decimals.

    Raises `InvalidInput`, `ChainUnreachable`, `ContractNotDeployed`.
    """
    if not rpc_url.strip():
        raise InvalidInput(
            said("the address of the network is missing"),
            hint=said("Its provider tells it: https://… or http://…"),
        )
    address = _read("rpc_url", rpc_url, said("the address of the network is not a URL"))
    dollar = _read("token", token, said("that of the dollar token is not an address")) if token else ""
    with Rpc(address, timeout=ANSWER_SECONDS) as rpc:
        chain = Chain(rpc)
        number = _asked(rpc.name, lambda: chain.chain_id)
        if lacks := _asked(rpc.name, lambda: deployments.missing(chain)):
            raise ContractNotDeployed(
                said(
                    "network {number} answers, but lacks contracts of Freehold: {names}",
                    number=str(number),
                    names=", ".join(lacks),
                ),
                hint=said("Is it the right network? If so, put them there once: freehold chain deploy"),
                missing=lacks,
            )
        known = NETWORKS.get(number)
        if dollar:
            _require_dollar(chain, dollar)
        elif number != LOCAL_CHAIN_ID:
            raise InvalidInput(
                said(
                    "network {number} answers; the address of its dollar token is missing", number=str(number)
                ),
                hint=said("Its issuer tells it, such as that of USDC on this network."),
            )
        return Network(number, known.name if known else "", chain.block_number(), dollar)


def _read(setting: str, text: str, wrong: str) -> str:
    try:
        return str(setting_sources.read(setting, [text]))
    except InvalidInput as error:
        raise InvalidInput(wrong, hint=error.hint) from None


def _asked(name: str, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ChainUnreachable as error:
        raise ChainUnreachable(
            said("nothing that is a network answers at {name}", name=name),
            hint=said("Check the address, and that this machine may reach it."),
        ) from error
    except RpcError as error:
        raise ChainUnreachable(
            said("what answers at {name} refuses: {why}", name=name, why=error.message[:200]),
            hint=said("Perhaps a key is missing in the address."),
        ) from error


def _require_dollar(chain: Chain, token: str) -> None:
    wrong = InvalidInput(
        said("there is no dollar with six decimals at {token}", token=token),
        hint=said("Take the address from its issuer, for this very network."),
    )
    try:
        decimals = chain.read((token, _ERC20), "decimals") if chain.code(token) else None
    except (ContractReverted, RpcError) as error:
        raise wrong from error
    if decimals != _DECIMALS:
        raise wrong


_ERC20 = [
    {
        "type": "function",
        "name": "decimals",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint8"}],
    }
]


def settings_of(choice: str, rpc_url: str = "", token: str = "") -> dict[str, str]:
    """The settings of a choice, once it was looked at. Raises as `examine` does; `InvalidInput`: no such choice."""
    if choice == OWN:
        return {"practice": practice.FOLDER, "rpc_url": DEFAULT_RPC_URL}
    if choice == REAL:
        examine(rpc_url, token)
        return {
            "practice": "",
            "rpc_url": setting_sources.read("rpc_url", [rpc_url]),
            "token": setting_sources.read("token", [token]) if token else "",
        }
    for one in practice.found():
        if choice == SHARED + str(one.folder):
            return {"practice": str(one.folder), "rpc_url": DEFAULT_RPC_URL}
    raise InvalidInput(
        said("that network does not run any more"),
        hint=said("Choose again: a practice network or a real one."),
    )
