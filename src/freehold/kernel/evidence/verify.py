"""Every check on an evidence directory, in order, as a report that never raises on bad evidence.

The first three groups are foundations: when one breaks, nothing after it could mean anything. Of the
rest, a group is looked at where the groups it needs hold. Within a group, the first failure ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from freehold.chain.client import Chain
from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.texts import said
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.checks import chain as chain_checks
from freehold.kernel.evidence.checks import documents, logs, rights, times
from freehold.kernel.evidence.parts import Part, Step, part_about, parts
from freehold.kernel.evidence.reading import Broken, Evidence, Newer

_FOUNDATIONS = ("manifest", "documents", "chain")
_NEEDS = {"times": "logs", "revocation": "logs"}
STEPS: tuple[Step, ...] = (
    ("manifest.signature", documents.signature),
    ("manifest.files", documents.files),
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
    ("times.anchors", times.anchored),
    ("times.order", times.order),
    ("times.revocation", times.revoked),
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
    is_newer: bool = False
    """Whether it does not hold for being later than this program, which cannot tell more."""


Verdict = Literal["holds", "no_lineage", "newer", "fails"]
NO_LINEAGE = said("the answers hold, but nothing shows where the model came from")
"""What is said of evidence whose model names no run: all that is shown is true, and it shows no training."""
SAID: dict[str, str] = {
    "holds": "the evidence holds",
    "no_lineage": NO_LINEAGE,
    "newer": "this program is too old to tell: a later one may",
    "fails": "the evidence does NOT hold",
}
"""Each verdict in words, given that the block is one of the chain."""


def in_words(verdict: Verdict, trusted_by: str, chain_id: int, block_hash: str) -> str:
    """What evidence comes to, in words: what holds by the word of nobody holds only if the block is real."""
    if trusted_by != "nobody" or verdict not in ("holds", "no_lineage"):
        # a client may be older than the node that says it
        return SAID.get(verdict, verdict)
    return (
        f"{SAID[verdict]} - if chain {chain_id} has block {block_hash}, for which nobody vouched:"
        " compare it with a source you trust, by --rpc-url or --block-hash"
    )


@dataclass(frozen=True)
class Report:
    """What a bundle proves."""

    verdict: Verdict
    """Of all checks, given that the block hash is right."""
    checks: tuple[Check, ...]
    """In order. A group that needs a broken one is left out; so are those of training, where there is no lineage."""
    block_hash: str
    """The one thing everything else hangs on; empty when the chain proof was not reached."""
    trusted_by: str
    """Who vouches for the block hash: "given hash", "chain client", or "nobody"."""
    subject: str = ""
    """Id of the receipt or model that it is about; empty when that was not reached."""
    chain_id: int = 0
    """Of the chain that the block must be on; 0 when that was not reached."""

    @property
    def ok(self) -> bool:
        """Everything holds, from the receipt back to the training data."""
        return self.verdict == "holds"


def verify(
    bundle: Bundle,
    *,
    rules: Mapping[str, Any] | None = None,
    trusted_block_hash: str | None = None,
    chain: Chain | None = None,
    must_be_final: bool = True,
) -> Report:
    """Run every check. Bad evidence gives a report that does not hold, never an exception.

    `rules` maps the name of a step to what it computes by, in place of this package's: `training.replay`.
    Raises `InvalidInput`: the trusted hash is none. `Unavailable`: the chain client given does not answer.
    """
    trusted = None if trusted_block_hash is None else chain_checks.read_hash(trusted_block_hash)
    checking = _Checking(Evidence(bundle, rules or {}))
    evidence = checking.evidence
    for name, step in STEPS:
        if not checking.look(name, step, _NEEDS):
            break
        if name == "documents.subject" and evidence.unknown:
            checking.look("documents.unknown", documents.left_out, {})
        if name == "chain.state" and not checking.trust(trusted, chain, must_be_final=must_be_final):
            break
    part = None if checking.broken & set(_FOUNDATIONS) else _origin(evidence)
    for name, step in part.steps if part else ():
        checking.look(name, step, part.needs if part else {})
    for one in parts():
        if one is not part and one.absent and not checking.broken:
            checking.look(*one.absent, {})
    broken = checking.broken
    is_read = not broken & {"manifest", "documents"}
    verdict: Verdict = "fails" if broken else "no_lineage" if part is None else "holds"
    if checking.checks[-1].is_newer:
        verdict = "newer"
    return Report(
        verdict,
        tuple(checking.checks),
        evidence.block_hash,
        checking.trusted_by,
        evidence.subject.id if is_read else "",
        evidence.manifest.statement.chain_id if is_read else 0,
    )


class _Checking:
    """What was looked at so far, and what broke."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.checks: list[Check] = []
        self.broken: set[str] = set()
        self.trusted_by = "nobody"

    def look(self, name: str, step: Callable[[Evidence], str], needs: Mapping[str, str]) -> bool:
        """Look at one thing, unless what it needs is broken; false where nothing after it could mean anything."""
        group = name.split(".", maxsplit=1)[0]
        if group in self.broken or needs.get(group) in self.broken:
            self.broken.add(group)
            return True
        self.checks.append(look(name, step, self.evidence))
        if not self.checks[-1].ok:
            self.broken.add(group)
        return self.checks[-1].ok or group not in _FOUNDATIONS

    def trust(self, trusted: str | None, chain: Chain | None, *, must_be_final: bool) -> bool:
        """The block is the one that somebody trusted says, and who that is."""
        if trusted is not None:
            self.trusted_by = "given hash"
            return self.look("chain.block", lambda found: chain_checks.given(found, trusted), {})
        if chain is None:
            return self.look("chain.block", chain_checks.by_nobody, {})
        self.trusted_by = "chain client"
        return self.look("chain.id", lambda found: chain_checks.same_chain(found, chain), {}) and self.look(
            "chain.block", lambda found: chain_checks.on(found, chain, must_be_final=must_be_final), {}
        )


def look(name: str, step: Callable[[Evidence], str], evidence: Evidence) -> Check:
    """What one step says of evidence for which those before it hold. Raises `Unavailable`."""
    try:
        return Check(name, ok=True, file="", detail=step(evidence))
    except Broken as error:
        newer = isinstance(error, Newer)
        return Check(name, ok=False, file=error.file, detail=error.message, is_newer=newer)
    except Unavailable:
        raise
    except (FreeholdError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        # statements are free-form JSON: whatever a check trips over is a fault of the file it looked at
        detail = said("is malformed ({kind})", kind=type(error).__name__)
        return Check(name, ok=False, file=evidence.file, detail=detail)


def _origin(evidence: Evidence) -> Part | None:
    """What shows how the thing came about; where its asset is not here, all of it is looked at, and says so."""
    try:
        return part_about(evidence.asset())
    except Broken:
        return parts()[0]
