"""Both verifiers over many altered bundles: where they differ, or both are taken in, the least that shows it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from evidence_grammar import STEPS, Altered, Base, altered, bases, meaning
from evidence_memory import Memory
from evidence_verdicts import verdict

from freehold.kernel.words import actions, asset_kinds, claim_kinds

REFUSED = ("fails", "newer")
"""What says nothing good of a bundle."""


@dataclass
class Found:
    """What became of the bundles of one run."""

    verdicts: Counter[str] = field(default_factory=Counter)
    harmless: Counter[str] = field(default_factory=Counter)
    """Why alterations after which a bundle holds as before have no meaning."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def bundles(self) -> int:
        """How many were verified."""
        return sum(self.verdicts.values())


def compare(seed: str, count: int) -> Found:
    """Draw `count` bundles and verify each of them twice."""
    found = Found()
    with Memory([base.files for base in bases()]) as memory:
        start = time.perf_counter()
        for number in range(count):
            made = altered(f"{seed} {number}")
            if made.bundle is None:
                continue
            fault, said = judge(made, memory)
            if fault:
                found.faults.append(f"{fault}: {minimised(made, memory)}")
            else:
                found.verdicts[said] += 1
                if said not in REFUSED:
                    found.harmless[harmless(made.base, made.bundle.files)] += 1
        found.seconds = time.perf_counter() - start
    return found


def judge(made: Altered, memory: Memory) -> tuple[str, str]:
    """(what is wrong, the verdict of both)."""
    try:
        said = verdict(made.bundle, made.trusted, replay=memory.replay)
    except AssertionError as error:
        return f"the verifiers differ ({str(error)[:300]})", ""
    if said not in (*REFUSED, made.base.verdict):
        return f"{made.base.verdict} became {said}", said
    if said not in REFUSED and not harmless(made.base, made.bundle.files):
        return f"both say {said}, and it was altered", said
    return "", said


def minimised(made: Altered, memory: Memory) -> str:
    """The fewest of its steps that still show a fault, as a line to repeat it with."""
    steps = made.steps
    for step in list(steps):
        fewer = tuple(one for one in steps if one != step)
        again = altered(made.seed, fewer)
        if fewer and again.bundle is not None and judge(again, memory)[0]:
            steps = fewer
    names = [STEPS[step].__name__ for step in steps]
    return f"{made.base.name} by {names}: altered({made.seed!r}, {steps!r})"


def harmless(base: Base, files: dict[str, bytes]) -> str:
    """Why an alteration cannot mean anything; empty where it might. The list is complete: anything else is a fault."""
    one, two = meaning(base.files), meaning(files)
    if one == two:
        return "order, who shows it, or nothing"
    reasons = []
    if (one["said"], one["header"]) != (two["said"], two["header"]):
        return ""
    for part in ("words", "logs", "heads", "files"):
        before, after = one[part], two[part]
        if any(before[key] != after[key] for key in before.keys() & after.keys()):
            return ""
        gone, new = before.keys() - after.keys(), after.keys() - before.keys()
        reason = _REASONS[part](gone, new, one, two)
        if (gone or new) and not reason:
            return ""
        reasons += [reason] if gone or new else []
    return ", ".join(dict.fromkeys(reasons))


def _words(_gone, _new, _one, _two):
    # each is proven against the block, and every check that needs one that is gone fails
    return "words of storage that no check reads"


def _logs(gone, new, one, two):
    away = one["heads"].keys() - two["heads"].keys()
    for path, name in gone:
        kept = any(other == name for _, other in two["logs"])
        if path not in away and not kept and _kind(one, name) not in ("party", "asset", "unknown"):
            return ""
    shown = two["heads"].keys() - one["heads"].keys()
    if all(path in shown or _kind(two, name) in ("party", "asset", "unknown") for path, name in new):
        return "entries of documents that need no log, or of owners that are away"
    return ""


def _heads(gone, new, _one, _two):
    return "logs of owners that are away" if gone or new else ""


def _files(gone, new, one, two):
    if not all(path.startswith("documents/") for path in (*gone, *new)):
        return ""
    if gone:
        # of itself, a party may say another name or address
        same = sorted(_party(one, path) for path in gone) == sorted(_party(two, path) for path in new)
        return "a party that says something else of itself" if same else ""
    extra = all(_kind(two, path[10:-5]) in ("party", "asset", "agreement", "unknown") for path in new)
    return "signed documents that nothing refers to" if extra else ""


def _party(meant, path):
    document = meant["files"][path]["document"]
    return [str(document.get(name)) for name in ("type", "account", "account_key", "chain_id", "log_key")]


def _kind(meant, name):
    document = meant["files"].get(f"documents/{name}.json", {}).get("document", {})
    known = {"claim_kind": claim_kinds(), "asset_kind": asset_kinds(), "action": actions()}
    if any(document[name] not in words for name, words in known.items() if name in document):
        return "unknown"
    return document.get("claim_kind") or document.get("type")


_REASONS = {"words": _words, "logs": _logs, "heads": _heads, "files": _files}
