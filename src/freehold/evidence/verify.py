"""Every check on an evidence directory, in order, as a report that never raises on bad evidence.

The first three groups are foundations: when one breaks, nothing after it could mean anything. Of the
rest, a group is looked at where the groups it needs hold. Within a group, the first failure ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from freehold.chain.client import Chain
from freehold.core.errors import FreeholdError
from freehold.evidence.bundle import Bundle
from freehold.evidence.checks import chain as chain_checks
from freehold.evidence.checks import documents, logs, manifest, rights, story, training, valuation
from freehold.evidence.reading import Broken, Evidence, Replay

_FOUNDATIONS = ("manifest", "documents", "chain")
_NEEDS = {"revocation": "logs", "training": "logs", "valuation": "training"}
_STEPS: tuple[tuple[str, Callable[[Evidence], str]], ...] = (
    ("manifest.signature", manifest.signature),
    ("manifest.files", manifest.files),
    ("documents.ids", documents.ids),
    ("documents.parties", documents.parties),
    ("documents.signatures", documents.signatures),
    ("documents.subject", documents.subject),
    ("chain.contracts", chain_checks.contracts),
    ("chain.state", chain_checks.state),
    ("logs.checkpoints", logs.checkpoints),
    ("logs.anchors", logs.anchors),
    ("logs.inclusion", logs.inclusion),
    ("logs.order", logs.order),
    ("grants.terms", rights.grants),
    ("grants.bought", rights.bought),
    ("receipts.use", rights.receipts),
    ("receipts.money", rights.money),
    ("revocation.standing", rights.standing),
    ("training.claims", story.told),
    ("training.order", story.order),
    ("training.grants", training.grants),
    ("training.stamp", training.stamped),
    ("training.receipts", training.receipts),
    ("training.replay", training.replay),
    ("training.model", training.model),
    ("training.terms", training.terms),
    ("valuation.test", valuation.test_table),
    ("valuation.shares", valuation.shares),
    ("valuation.quality", valuation.quality),
    ("valuation.agreements", valuation.agreed),
    ("valuation.lineage", valuation.lineage),
    ("valuation.split", valuation.split),
)


@dataclass(frozen=True)
class Check:
    """The outcome of one check."""

    name: str
    """Group and step, such as "logs.anchors"."""
    ok: bool
    file: str
    """The file that broke it; empty when it holds."""
    detail: str
    """A plain sentence."""


@dataclass(frozen=True)
class Report:
    """What a bundle proves."""

    ok: bool
    """All checks hold, given that the block hash is right."""
    checks: tuple[Check, ...]
    """In order. A group that needs a broken one is left out."""
    block_hash: str
    """The one thing everything else hangs on; empty when the chain proof was not reached."""
    trusted_by: str
    """Who vouches for the block hash: "given hash", "chain client", or "nobody"."""
    subject: str = ""
    """Id of the receipt or model that it is about; empty when that was not reached."""


def verify(
    bundle: Bundle, *, replay: Replay, trusted_block_hash: str | None = None, chain: Chain | None = None
) -> Report:
    """Run every check. Bad evidence gives a report that is not `ok`, never an exception.

    Raises:
        Unavailable: the chain client given does not answer.
    """
    evidence = Evidence(bundle, replay)
    checks: list[Check] = []
    broken: set[str] = set()
    trusted_by = "nobody"
    for name, step in _STEPS:
        group = name.split(".")[0]
        if group in broken or _NEEDS.get(group) in broken:
            broken.add(group)
            continue
        checks.append(_run(name, step, evidence))
        if name == "chain.state" and checks[-1].ok:
            check, trusted_by = _trust(evidence, trusted_block_hash, chain)
            checks.append(check)
        if not checks[-1].ok:
            broken.add(group)
            if group in _FOUNDATIONS:
                break
    subject = "" if "documents" in broken or "manifest" in broken else evidence.subject.id
    return Report(not broken, tuple(checks), evidence.block_hash, trusted_by, subject)


def _run(name: str, step: Callable[[Evidence], str], evidence: Evidence) -> Check:
    if name.startswith(("training.", "valuation.")):
        step = _if_trained(step)
    try:
        return Check(name, ok=True, file="", detail=step(evidence))
    except Broken as error:
        return Check(name, ok=False, file=error.file, detail=error.message)
    except (FreeholdError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        # statements are free-form JSON: whatever a check trips over is a fault of the file it looked at
        detail = f"is malformed ({type(error).__name__})"
        return Check(name, ok=False, file=evidence.file, detail=detail)


def _if_trained(step: Callable[[Evidence], str]) -> Callable[[Evidence], str]:
    def checked(evidence: Evidence) -> str:
        if documents.is_trained(evidence.asset()):
            return step(evidence)
        return "the receipt is not about a trained model"

    return checked


def _trust(evidence: Evidence, trusted: str | None, chain: Chain | None) -> tuple[Check, str]:
    """The block hash is the one that somebody trusted says."""
    number, found = evidence.block_number, evidence.block_hash
    if trusted is not None:
        expected, trusted_by = trusted.lower(), "given hash"
    elif chain is not None:
        expected, trusted_by = _hash_on(chain, number), "chain client"
    else:
        detail = f"nobody vouches for block {number}: compare its hash {found} with a source you trust"
        return Check("chain.block", ok=True, file="", detail=detail), "nobody"
    if found != expected:
        detail = f"is about block {number} with hash {found}, where the {trusted_by} says {expected}"
        return Check("chain.block", ok=False, file="chain.json", detail=detail), trusted_by
    return Check(
        "chain.block", ok=True, file="", detail=f"block {number} is {found}, as the {trusted_by} says"
    ), trusted_by


def _hash_on(chain: Chain, number: int) -> str:
    block = chain.rpc.call("eth_getBlockByNumber", hex(number), False)
    return str(block["hash"]).lower() if isinstance(block, dict) else "no such block"
