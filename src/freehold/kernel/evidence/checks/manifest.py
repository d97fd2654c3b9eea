"""Is this exactly what somebody signed?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from freehold.core.documents import VERSION, later_version
from freehold.core.ids import sha256_hex
from freehold.core.signing import check
from freehold.kernel import words
from freehold.kernel.evidence import parts
from freehold.kernel.evidence.manifest import PATH, parse_manifest
from freehold.kernel.evidence.reading import Broken, Evidence, Newer, blaming

_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_MOST_SHOWN = 5
_PATHS = re.compile(r"chain\.json|documents/0x[0-9a-f]{64}\.json|logs/0x[0-9a-f]{40}\.json")


def signature(evidence: Evidence) -> str:
    """The manifest is an evidence claim under its issuer's signature."""
    value = evidence.json(PATH)
    _require_readable(value)
    with blaming(PATH):
        envelope = parse_manifest(value)
        evidence.manifest = envelope.document  # type: ignore[assignment]
        check(envelope, evidence.manifest.domain())
    return f"signed by {evidence.manifest.issuer}"


def _require_readable(value: Any) -> None:
    """The manifest is of a version that is known here, and so is all that it calls critical.

    Before its signature: nothing is concluded from it but that this program must not conclude anything.
    """
    document = value.get("document") if isinstance(value, dict) else None
    if version := later_version(document):
        raise Newer(PATH, f"is of version {version}, and this program reads version {VERSION}")
    statement = document.get("statement") if isinstance(document, dict) else None
    critical = statement.get("critical") if isinstance(statement, dict) else None
    if isinstance(critical, list) and all(isinstance(word, str) for word in critical):
        known = words.known() | parts.names()
        if unknown := sorted(set(critical) - known):
            raise Newer(PATH, f"must not be judged without knowing {plain_words(unknown)}")


def plain_words(said: Iterable[str]) -> str:
    """Words that somebody wrote, as they may be repeated."""
    shown = [word for word in said if _WORD.fullmatch(word)]
    return ", ".join(shown[:_MOST_SHOWN]) + (", ..." if len(shown) > _MOST_SHOWN else "") or "what it names"


def files(evidence: Evidence) -> str:
    """Every file has the bytes the manifest names; none is missing, none is extra, all are canonical."""
    named = evidence.manifest.statement.files
    if not all(_PATHS.fullmatch(path) or path in parts.files() for path in named):
        # a name that whoever signed made up is not repeated
        raise Broken(PATH, "names a file that has no place in evidence")
    for path in sorted({*named, *evidence.bundle.files} - {PATH}):
        if path not in evidence.bundle.files:
            raise Broken(path, "is named by the manifest and missing")
        if path not in named:
            raise Broken(path, "is not named by the manifest")
        if sha256_hex(evidence.bundle.files[path]) != named[path]:
            raise Broken(path, "has other bytes than the manifest says")
        evidence.json(path)
    if "chain.json" not in named:
        raise Broken(PATH, "must name chain.json")
    return f"{len(named)} files, each as signed"
