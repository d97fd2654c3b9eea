"""Does the chain say so: one block, and storage proven to be in it?"""

from __future__ import annotations

from freehold.chain import deployments, proof
from freehold.kernel.evidence.manifest import CONTRACTS, PATH
from freehold.kernel.evidence.reading import Broken, Evidence, blaming


def contracts(evidence: Evidence) -> str:
    """The contracts stand at the addresses that follow from their code."""
    evidence.file = PATH
    for name in CONTRACTS:
        if evidence.manifest.statement.contracts[name] != deployments.address(name).lower():
            raise Broken(PATH, f"names an address of {name} at which another contract stands")
    return "contract addresses follow from the contracts' code"


def state(evidence: Evidence) -> str:
    """Header, accounts and storage words hang together under one block hash."""
    value = evidence.json("chain.json")
    with blaming("chain.json"):
        proven = proof.verify(value)
    evidence.state = proven.state
    evidence.block_hash, evidence.block_number = proven.block_hash, proven.block_number
    evidence.block_time = proven.timestamp
    return f"{len(proven.state)} storage words proven in block {proven.block_number}"
