"""JSON-RPC errors, with the codes Ethereum clients agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What running a message did."""

    failed: str | None
    """None, or the name of the EVM error."""
    output: bytes
    """Returned data, or revert data."""
    gas_used: int
    gas_needed: int
    """Gas used before refunds: the least that might do as a limit."""
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    created: bytes | None


PARSE, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
REFUSED, LIMIT, REVERTED = -32000, -32005, 3
_ERROR_STRING = bytes.fromhex("08c379a0")


class Fault(Exception):
    """A JSON-RPC error object to answer with."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def body(self) -> dict[str, Any]:
        """The `error` member of a response."""
        shown = {"code": self.code, "message": self.message}
        return shown if self.data is None else {**shown, "data": self.data}


_ERRORS = {
    "Revert": "execution reverted",
    "OutOfGas": "out of gas",
    "InvalidJumpDestination": "invalid jump destination",
    "InvalidInstruction": "invalid opcode",
    "InsufficientStack": "stack underflow",
    "FullStack": "stack limit reached",
    "WriteProtection": "write protection",
    "OutOfBoundsRead": "return data out of bounds",
    "ReservedBytesInCode": "invalid code: must not begin with 0xef",
    "ContractCreationCollision": "contract address collision",
    "IncorrectContractCreationAddress": "contract address collision",
    "InsufficientFunds": "insufficient balance for transfer",
    "StackDepthLimit": "max call depth exceeded",
    "VMError": "invalid input to a precompile",
}


def words_for(error: str) -> str:
    """What an error of the EVM is called, in geth's words."""
    return _ERRORS.get(error, "execution failed")


def reverted(outcome: Outcome) -> Fault:
    """The fault for a failed call: code 3 with data for a revert, -32000 for any other EVM error."""
    if outcome.failed != "Revert":
        return Fault(REFUSED, f"execution failed: {words_for(outcome.failed or '')}")
    reason = reason_of(outcome.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    return Fault(REVERTED, message, "0x" + outcome.output.hex())


def reason_of(output: bytes) -> str:
    """The text of Solidity's `Error(string)` in revert data, or nothing."""
    if output[:4] != _ERROR_STRING or len(output) < 68:
        return ""
    length = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + min(length, 1_000)].decode("utf-8", "replace")
