"""When an asset counts as registered already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.chain.errors import ContractReverted
from freehold.core.ids import keyed_id
from freehold.kernel.once import Once

if TYPE_CHECKING:
    from freehold.kernel.account import Account

_NOBODY = "0x" + "00" * 20


def _registered(node: Account, args: tuple[Any, ...]) -> bool:
    """By this account, whoever owns it since."""
    try:
        owner = node.chain.read("Assets", "ownerOf", int.from_bytes(keyed_id(node.account, args[0]), "big"))
    except ContractReverted:
        return False
    return str(owner) != _NOBODY


ONCE = {"Assets.register": Once(("AlreadyRegistered",), _registered)}
"""By "Contract.function"."""
