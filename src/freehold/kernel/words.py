"""The words of documents that this program knows: kinds of assets and claims, and actions.

Documents are open: any of these may be a word that a later program made. Each feature says its own in its `words`
(ASSET_KINDS, CLAIM_KINDS, ACTIONS), a light file: verifiers read it too. What is not said there is kept and shown, and
nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from freehold.core.documents import Asset, Claim, Document, Receipt
from freehold.core.errors import InvalidInput
from freehold.core.texts import Text
from freehold.kernel import installed

ID: Mapping[str, Any] = {"type": "string", "pattern": "^0x[0-9a-f]{64}$"}
ACCOUNT: Mapping[str, Any] = {"type": "string", "pattern": "^0x[0-9a-f]{40}$"}
COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
TEXT: Mapping[str, Any] = {"type": "string"}


def many(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """An array of such."""
    return {"type": "array", "items": one}


def by(key: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object that has such a value for each such key."""
    return {"type": "object", "propertyNames": key, "additionalProperties": one}


def record(**fields: Mapping[str, Any]) -> dict[str, Any]:
    """An object with just these fields."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


@dataclass(frozen=True)
class Word:
    """Of a feature's `words`."""

    name: str


@dataclass(frozen=True)
class AssetKind(Word):
    """A kind of thing that can be owned and licensed."""

    said: str
    """What publishing it is, as the log shows it to people."""
    noun: str = ""
    """What one is, at the beginning of a line; the word itself where nothing is said."""


@dataclass(frozen=True)
class ClaimKind(Word):
    """A kind of claim: who says what about what."""

    about: str
    """What its subject is: a run, a model, a grant, a receipt, ..."""
    said: str
    """What it is, as the log shows it to people."""
    meaning: str
    """By whom and what its statement says, for whoever reads one."""
    fields: Mapping[str, Mapping[str, Any]]
    """Of its statement, each with its JSON Schema."""
    names: tuple[str, ...] = ()
    """Fields of its statement that hold ids of documents which were there before it."""
    stands_alone: bool = False
    """Whether it counts by its signature where its issuer, being away, shows no log."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of its statement."""
        return record(**self.fields)


@dataclass(frozen=True)
class ActionWord(Word):
    """Something that a grant can allow, as a receipt names it."""

    noun: Text
    """What a use is called: "training"."""
    they: Callable[[str, str], Text]
    """What a holder did, of its name and the thing's: "{who} trained on {what}"."""
    you: Callable[[str], Text]
    """The same of this node, of the thing's name."""
    pays: str = "owner"
    """Whom the price of a use reaches: `owner`, or the `pool` of the thing."""
    in_run: bool = False
    """Whether a use is part of a run, which its grant names."""


W = TypeVar("W", bound=Word)


@cache
def asset_kinds() -> Mapping[str, AssetKind]:
    """By name, those of all features."""
    return _every("ASSET_KINDS")


@cache
def claim_kinds() -> Mapping[str, ClaimKind]:
    """By name, those of all features."""
    return _every("CLAIM_KINDS")


@cache
def actions() -> Mapping[str, ActionWord]:
    """By name, those of all features."""
    return _every("ACTIONS")


@cache
def known() -> frozenset[str]:
    """Every word that this program knows, under its heading: what evidence may call critical."""
    kinds = {"asset_kind": asset_kinds(), "claim_kind": claim_kinds(), "action": actions()}
    return frozenset(f"{heading}.{name}" for heading, words in kinds.items() for name in words)


def unknown(document: Document) -> str:
    """The word for which this program does not know what a document means, under its heading; empty where it does."""
    if isinstance(document, Asset) and document.asset_kind not in asset_kinds():
        return f"asset_kind.{document.asset_kind}"
    if isinstance(document, Claim) and document.claim_kind not in claim_kinds():
        return f"claim_kind.{document.claim_kind}"
    if isinstance(document, Receipt) and document.action not in actions():
        return f"action.{document.action}"
    return ""


def require_kind(asset: Asset) -> None:
    """An asset of a kind that this program knows, before a grant of it is asked for. Raises `InvalidInput`."""
    if word := unknown(asset):
        raise InvalidInput(f"{word} is nothing that this program knows how to use", hint="Update Freehold.")


def require_action(word: str) -> str:
    """An action that this program knows, before anything is granted, asked for, or signed that names it.

    Raises `InvalidInput`.
    """
    if word not in actions():
        raise InvalidInput(f"{word[:40]!r} is not an action", hint=f"Actions are: {', '.join(actions())}.")
    return word


def _every(heading: str) -> dict[str, W]:
    found: dict[str, W] = {}
    said: Iterable[tuple[str, Iterable[W]]] = installed.said("words", heading)
    for feature, words in said:
        for word in words:
            if word.name in found:
                raise InvalidInput(f"{feature} says {word.name}, which another feature says already")
            found[word.name] = word
    return found
