"""Assets that are known here, for whoever need not know whose feature they are: found by name, shown as lists do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.ids import Ambiguous, is_id_shaped, short
from freehold.kernel import listed
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything

_MOST_NAMED = 8
"""Things that a refusal counts up."""


@dataclass(frozen=True)
class Shown(Question[Mapping[str, Any]]):
    """What lists show of an asset."""

    asset: Asset


def shown(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    return {name: value for said in everything().ask(node, Shown(asset)) for name, value in said.items()}


def find(node: Node, text: str, kind: str = "") -> str:
    """The id of a known asset by id, the beginning of one, or name.

    What reads like an id is one, whatever anybody calls something. A name means this node's own things first, and
    where it could be the beginning of another thing's id, too, it means neither. Raises `NotFound`, `Ambiguous`.
    """
    named = [] if is_id_shaped(text) else [node.asset(one) for one in listed.named(node, text, kind)]
    own = [asset for asset in named if asset.owner == node.account]
    found = own or named
    if len(found) > 1:
        raise _ambiguous(node, f"{len(found)} assets are called {text}", found)
    if found:
        if not own:
            _require_no_id(node, text, kind, found)
        return found[0].id
    try:
        return node.store.resolve(text, "asset", kind)
    except InvalidInput as error:
        if isinstance(error, Ambiguous):
            raise
        raise NotFound(
            f"nothing here is called {text[:80]!r}", hint="List what there is with search."
        ) from None


def _require_no_id(node: Node, text: str, kind: str, named: list[Asset]) -> None:
    """A name that others chose is not the beginning of something's id as well."""
    try:
        other = node.store.resolve(text, "asset", kind)
    except Ambiguous:
        raise
    except (InvalidInput, NotFound):
        return
    if other != named[0].id:
        raise _ambiguous(node, f"{text} is a name, and the beginning of an id", [*named, node.asset(other)])


def _ambiguous(node: Node, why: str, found: list[Asset]) -> Ambiguous:
    shown = [f"{short(one.id)} of {known_as(node, one.owner)}" for one in found[:_MOST_NAMED]]
    more = [f"{len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return Ambiguous(why, hint="Use the id: " + ", ".join(shown + more))
