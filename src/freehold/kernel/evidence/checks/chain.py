"""Does the chain say so: one block, and storage proven to be in it?

Who says that the block is the chain's is a hash that somebody brought, or a chain that is asked, for three things:
that it is the chain of the documents, that the block at that number has that hash, and that the block is final, so
that it stays there.
"""

from __future__ import annotations

import re

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.chain.errors import ChainUnreachable, RpcError
from freehold.chain.networks import LOCAL_CHAIN_ID
from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.kernel.evidence.manifest import CONTRACTS, PATH
from freehold.kernel.evidence.reading import Broken, Evidence, blaming

CHAIN = "chain.json"
_HASH = re.compile(r"0x[0-9a-f]{64}")


def contracts(evidence: Evidence) -> str:
    """The contracts stand at the addresses that follow from their code."""
    evidence.file = PATH
    for name in CONTRACTS:
        if evidence.manifest.statement.contracts[name] != deployments.address(name).lower():
            raise Broken(PATH, said("names an address of {name} at which another contract stands", name=name))
    return said("contract addresses follow from the contracts' code")


def state(evidence: Evidence) -> str:
    """Header, accounts and storage words hang together under one block hash."""
    value = evidence.json(CHAIN)
    with blaming(CHAIN):
        proven = proof.verify(value)
    evidence.state = proven.state
    evidence.block_hash, evidence.block_number = proven.block_hash, proven.block_number
    evidence.block_time = proven.timestamp
    return said(
        "{n} values of the chain proven in block {block}",
        n=len(proven.state),
        block=str(proven.block_number),
    )


def read_hash(text: str) -> str:
    """A block hash as a person gives it.

    Raises `InvalidInput`: it is none; an empty one would be a check that checks nothing.
    """
    if not _HASH.fullmatch(text.lower()):
        raise InvalidInput(
            said("{text} is no block hash", text=repr(text[:80])),
            hint=said("A block hash is 0x and 64 hex digits, of a source you trust."),
        )
    return text.lower()


def by_nobody(evidence: Evidence) -> str:
    """Whoever reads this has to."""
    number, found = str(evidence.block_number), evidence.block_hash
    return said(
        "nobody vouches for block {number}: compare its hash {found} with a source you trust",
        number=number,
        found=found,
    )


def given(evidence: Evidence, block_hash: str) -> str:
    """The block is the one with the hash that was brought."""
    number, found = str(evidence.block_number), evidence.block_hash
    if found != block_hash:
        raise Broken(
            CHAIN,
            said(
                "is about block {number} with hash {found}, where the given hash says {block_hash}",
                number=number,
                found=found,
                block_hash=block_hash,
            ),
        )
    return said("block {number} is {found}, as the given hash says", number=number, found=found)


def same_chain(evidence: Evidence, chain: Chain) -> str:
    """The chain that is asked is the one in whose name everything is signed."""
    signed = evidence.manifest.statement.chain_id
    if chain.chain_id != signed:
        raise Broken(
            PATH,
            said(
                "is about chain {signed}, and the chain client speaks of chain {chain_id}",
                signed=str(signed),
                chain_id=str(chain.chain_id),
            ),
        )
    return said("documents and chain client speak of chain {signed}", signed=str(signed))


def on(evidence: Evidence, chain: Chain, *, must_be_final: bool) -> str:
    """The chain has the block, at its number, for good.

    `must_be_final` is not for evidence made a moment ago: that it is not final yet is then said, not held against it.
    """
    return of_chain(evidence.block_number, evidence.block_hash, chain, must_be_final=must_be_final)


def of_chain(number: int, found: str, chain: Chain, *, must_be_final: bool) -> str:
    """As `on`, of a block by its number and hash."""
    try:
        shown = chain.rpc.call("eth_getBlockByNumber", hex(number), False)
    except RpcError as error:
        raise ChainUnreachable(
            said("the chain does not show block {number}: {why}", number=str(number), why=error.message)
        ) from error
    expected = str(shown.get("hash")).lower() if isinstance(shown, dict) else said("no such block")
    block = str(number)
    if found != expected:
        raise Broken(
            CHAIN,
            said(
                "is about block {number} with hash {found}, where the chain client says {expected}",
                number=block,
                found=found,
                expected=expected,
            ),
        )
    final = number if chain.chain_id == LOCAL_CHAIN_ID else _newest_final(chain)
    if final is None:
        return said(
            "block {number} is {found}, as the chain client says, which does not tell whether it is final",
            number=block,
            found=found,
        )
    if number <= final:
        return said(
            "block {number} is {found}, as the chain client says, for good", number=block, found=found
        )
    if must_be_final:
        raise Broken(
            CHAIN,
            said(
                "shows block {number}, and only blocks up to {final} are final: try again in some minutes",
                number=block,
                final=str(final),
            ),
        )
    return said(
        "block {number} is {found}, as the chain client says; it is not final yet", number=block, found=found
    )


def _newest_final(chain: Chain) -> int | None:
    """Number of the newest final block; None where the endpoint does not know the tag."""
    try:
        shown = chain.rpc.call("eth_getBlockByNumber", "finalized", False)
        return int(shown["number"], 16) if isinstance(shown, dict) else None
    except (RpcError, KeyError, TypeError, ValueError):
        return None
