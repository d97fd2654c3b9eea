"""A contract account that accepts what one key signs (ERC-1271)."""

import json
from pathlib import Path

ARTIFACT = Path(__file__).resolve().parents[1] / "contracts" / "artifacts" / "ContractAccount.json"


def init_code(signer: str) -> bytes:
    """Creation code for the account of a signer."""
    made = json.loads(ARTIFACT.read_text())
    return bytes.fromhex(made["bytecode"].removeprefix("0x")) + bytes.fromhex(signer[2:]).rjust(32, b"\0")
