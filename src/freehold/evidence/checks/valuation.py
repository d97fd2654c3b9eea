"""Is each owner's share what its data contributed, and does the money follow it?"""

from __future__ import annotations

from typing import Any

from eth_hash.auto import keccak

from freehold.evidence.checks.training import TEST, only, owners_of, plan_of, run_of
from freehold.evidence.reading import Broken, Evidence, path_of
from freehold.evidence.state import pool_id, pool_slots

_SHARES_LIMIT = 2**96
_MAX_PAYEES = 256


def test_table(evidence: Evidence) -> str:
    """The opened test table is the one committed to before training."""
    _, run = run_of(evidence)
    opening = only(evidence, "test_opening", run)
    _, plan = plan_of(evidence)
    if opening.statement["commitment"] != plan["test_commitment"]:
        raise Broken(path_of(opening), "opens another commitment than the plan's")
    if evidence.replayed.test_commitment != plan["test_commitment"]:
        raise Broken(TEST, "is not the table committed to before training")
    return "the test table was fixed before training"


def shares(evidence: Evidence) -> str:
    """Utilities, values and shares are what anyone computes from the updates and the test table."""
    _, run = run_of(evidence)
    claim = only(evidence, "contribution", run)
    again = evidence.replayed
    recomputed = {
        "accounts": list(owners_of(evidence)),
        "utilities": list(again.utilities),
        "values": list(again.values),
        "shares_bps": list(again.shares_bps),
        "correct": list(again.correct),
        "test_rows": again.test_rows,
    }
    for name in sorted({*claim.statement, "accounts", "utilities", "shares_bps"}):
        if name not in recomputed or claim.statement.get(name) != recomputed[name]:
            raise Broken(path_of(claim), f"states other {name} than the training gives")
    return "shares in basis points: " + ", ".join(map(str, evidence.replayed.shares_bps))


def lineage(evidence: Evidence) -> str:
    """The model names the data it came from, each with its share."""
    model, _ = run_of(evidence)
    assets = (owner["asset"] for owner in owners_of(evidence).values())
    weights = dict(zip(assets, evidence.replayed.shares_bps, strict=True))
    stated = [(source.asset, source.weight) for source in model.derived_from]
    if sorted(stated) != sorted(weights.items()):
        raise Broken(path_of(model), "does not name the data it was trained on with their shares")
    return f"derived from {len(weights)} data sets"


def split(evidence: Evidence) -> str:
    """The released split has those shares, and is the one the revenue pool pays by."""
    model, run = run_of(evidence)
    release = only(evidence, "release", model.id)
    file, statement = path_of(release), release.statement
    paid = _shares(file, statement["shares"])
    earned = dict(zip(owners_of(evidence), evidence.replayed.shares_bps, strict=True))
    if {account: count for account, count in paid.items() if count} != {a: s for a, s in earned.items() if s}:
        raise Broken(file, "splits by other shares than the data earned")
    root = split_root(list(paid.items()))
    pool = pool_id(model.owner, model.id)
    if statement["run"] != run or statement["pool"] != pool or statement["split_root"] != "0x" + root.hex():
        raise Broken(file, "names another run, pool or split root than follows from it")
    packed, root_slot = pool_slots(pool)
    on_chain = evidence.word("Revenue", packed)
    if evidence.word("Revenue", root_slot) != int.from_bytes(root, "big") or on_chain >> 160 != sum(
        paid.values()
    ):
        raise Broken(file, "is not the split by which the pool on chain pays")
    if on_chain % 2**160 != int(model.terms.token, 16):
        raise Broken(path_of(model), "is priced in another token than its pool pays")
    return f"pool {pool[:10]} pays by these shares"


def split_root(paid: list[tuple[str, int]]) -> bytes:
    """Root over (account, shares), in the order of OpenZeppelin's StandardMerkleTree."""
    leaves = sorted(
        keccak(keccak(int(account, 16).to_bytes(32, "big") + count.to_bytes(32, "big")))
        for account, count in paid
    )
    nodes = [b""] * (len(leaves) - 1) + leaves[::-1]
    for i in range(len(leaves) - 2, -1, -1):
        nodes[i] = keccak(b"".join(sorted(nodes[2 * i + 1 : 2 * i + 3])))
    return nodes[0]


def _shares(file: str, value: Any) -> dict[str, int]:
    paid = {item["account"]: item["shares"] for item in value}
    if (
        not 1 <= len(paid) <= _MAX_PAYEES
        or len(paid) != len(value)
        or any(
            set(item) != {"account", "shares"}
            or type(item["shares"]) is not int
            or not 0 <= item["shares"] < _SHARES_LIMIT
            for item in value
        )
    ):
        raise Broken(file, "does not list each payee once with its shares")
    return paid
