"""What can go wrong between a caller and an EVM network.

```
Unavailable
├── ChainUnreachable      no answer, a cut answer or an oversized one; retry may help
├── EndpointsDisagree     the endpoints of one chain tell different stories; none is believed
├── TransactionPending    sent, not mined within the time given; it may still be mined
└── CursorLost            the chain reorganised deeper than the cursor remembers
FreeholdError
└── RpcError              the node answered with a JSON-RPC error
Conflict
├── ContractReverted      a contract refused the call; name and arguments of its custom error
└── GasOverCap            the act would take more gas than it may; it was not sent
InvalidInput
└── ContractNotDeployed   the network does not hold the contracts this version expects
```
"""

from __future__ import annotations

from typing import Any

from freehold.core.errors import Conflict, FreeholdError, InvalidInput, Unavailable


class ChainUnreachable(Unavailable, code="chain.unreachable"):
    """No usable answer came from the JSON-RPC endpoint."""

    was_delivered = True
    """False when the request certainly did not reach the endpoint."""
    is_final = False
    """True when the same request to the same endpoint would fare no better."""
    wait_seconds: float = 0
    """What the endpoint asked to be left alone for."""


class EndpointsDisagree(Unavailable, code="chain.endpoints_disagree"):
    """The configured endpoints are on different chains or forks; `fields["endpoints"]` says which says what."""


class TransactionPending(Unavailable, code="chain.transaction_pending"):
    """A transaction was sent and is not in a block yet; `fields["tx_hash"]` names it."""


class CursorLost(Unavailable, code="chain.cursor_lost"):
    """The chain reorganised deeper than an event cursor remembers; rebuild the index from its start."""


class RpcError(FreeholdError, code="chain.rpc", http_status=502):
    """The node answered a request with a JSON-RPC error object."""

    def __init__(
        self, message: str, *, rpc_code: int, data: Any = None, hint: str = "", **fields: Any
    ) -> None:
        super().__init__(message, hint=hint, rpc_code=rpc_code, **fields)
        self.rpc_code = rpc_code
        """The JSON-RPC error code: 3 for a revert, -32000 for a refused transaction, ..."""
        self.data = data
        """The error's `data` member as the node gave it (untrusted)."""


class ContractReverted(Conflict, code="chain.reverted"):
    """A contract refused a call. `fields`: `name`, `args`, `contract`, as in its custom error."""

    def __init__(self, name: str, arguments: tuple[Any, ...], contract: str, *, hint: str = "") -> None:
        told = ", ".join(_shown(value) for value in arguments)
        super().__init__(
            f"{contract} refused: {name}({told})",
            hint=hint,
            name=name,
            args=[_shown(value) for value in arguments],
            contract=contract,
        )
        self.name = name
        """Name of the custom error; `Error` for a reason string, `Panic` for a panic code."""
        self.arguments = arguments
        """Its decoded arguments."""
        self.contract = contract
        """Name or address of the contract that was called."""
        self.gas_used = 0
        """What it cost all the same; 0 where it was refused before it was sent."""


class GasOverCap(Conflict, code="chain.gas_over_cap"):
    """An act would take more gas than it is allowed; nothing was sent. `fields["most_gas"]` is the cap."""


class ContractNotDeployed(InvalidInput, code="chain.not_deployed"):
    """The network lacks a contract; `fields["missing"]` names it."""


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
