"""Assets that are known here, for whoever need not know whose feature they are: found by name, shown as lists do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.ids import Ambiguous, short
from freehold.kernel import listed
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.registry import everything


@dataclass(frozen=True)
class Shown(Question[Mapping[str, Any]]):
    """What lists show of an asset."""

    asset: Asset


def shown(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    return {name: value for said in everything().ask(node, Shown(asset)) for name, value in said.items()}


def find(node: Node, text: str, kind: str = "") -> str:
    """The id of a known asset by shortened id or by name.

    Raises:
        NotFound, Ambiguous.
    """
    named = listed.named(node, text, kind)
    if len(named) > 1:
        raise Ambiguous(
            f"{len(named)} assets are called {text}", hint="Use the id: " + ", ".join(map(short, named))
        )
    if named:
        return named[0]
    try:
        return node.store.resolve(text, "asset", kind)
    except InvalidInput as error:
        if isinstance(error, Ambiguous):
            raise
        raise NotFound(
            f"nothing here is called {text[:80]!r}", hint="List what there is with search."
        ) from None
