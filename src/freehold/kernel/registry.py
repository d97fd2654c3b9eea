"""All features of this process, put together once and held against one another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, TypeVar

from freehold.kernel import installed
from freehold.kernel.feature import Action, Card, Feature, PeerCall, Plans, Question
from freehold.kernel.host import Host
from freehold.kernel.installed import FeaturesClash, require_once
from freehold.kernel.node import Node
from freehold.kernel.operation import Bound, Operation
from freehold.kernel.tally import Tally

A = TypeVar("A")
V = TypeVar("V")
_ONCE: dict[str, Callable[[Feature], Iterable[str]]] = {
    "feature": lambda one: (one.name,),
    "operation": lambda one: (bound.operation.name for bound in one.operations),
    "route": lambda one: (
        f"{bound.operation.verb} {_place(bound.operation.path)}" for bound in one.operations
    ),
    "method": lambda one: (bound.operation.method for bound in one.operations),
    "peer call": lambda one: (call.path for call in one.peer_calls),
    "page": lambda one: (f"{page.method} {_place(page.path)}" for page in one.pages),
    "tab": lambda one: (tab.path for tab in one.tabs),
    "facet": lambda one: (facet.slug for facet in one.facets),
    "head of an asset's page": lambda one: (kind for head in one.heads for kind in head.kinds),
    "act on chain": lambda one: one.once,
    "finder": lambda one: one.finders,
    "topic": lambda one: one.topics,
    "action": lambda one: (action.name for action in one.actions),
    "metric": lambda one: (metric.name for metric in one.metrics),
}
"""What no two may say; commands besides, where they are put together."""


def _place(path: str) -> str:
    """A path whose parts in braces match each other's, whatever they are called."""
    return re.sub(r"{\w+}", "{}", path)


class Registry:
    """What all features say, by kind."""

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features
        known: set[str] = set()
        for feature in features:
            if missing := set(feature.needs) - known:
                raise FeaturesClash(
                    f"{feature.name} needs {', '.join(sorted(missing))}, which comes later or not"
                )
            known.add(feature.name)
        for what, names in _ONCE.items():
            require_once(what, ((one.name, name) for one in features for name in names(one)))

    def every(self, what: str) -> Iterator[Any]:
        """What all features say under one heading, in their order."""
        return (one for feature in self.features for one in getattr(feature, what))

    @cached_property
    def operations(self) -> tuple[Bound, ...]:
        """Every operation."""
        return tuple(self.every("operations"))

    @cached_property
    def finders(self) -> dict[str, Callable[[Host, str], str]]:
        """Kind of thing -> what finds one."""
        return {kind: find for feature in self.features for kind, find in feature.finders.items()}

    @cached_property
    def peer_calls(self) -> dict[str, PeerCall]:
        """Path -> what other nodes may call there."""
        return {f"/peer{one.path}": one for one in self.every("peer_calls")}

    @cached_property
    def vouching(self) -> dict[str, Callable[[Host, Mapping[str, str]], None]]:
        """Path open to everybody -> what makes sure, by its head, of who sends a large body there."""
        return {path: vouch for one in self.features for path, vouch in one.vouching.items()}

    def has_dealt(self, node: Node, account: str) -> bool:
        """Whether this party deals with an account, as far as any feature can tell."""
        return any(knows(node, account) for knows in self.every("partners"))

    @cached_property
    def actions(self) -> dict[str, Action]:
        """Name -> what a grant can allow. Others are kept and shown, and granted by hand alone."""
        return {one.name: one for one in self.every("actions")}

    def plans(self, actions: Iterable[str]) -> Plans[Any] | None:
        """How the plan is read that comes with a wish for these actions; None where none comes."""
        found = (self.actions[name].plans for name in actions if name in self.actions)
        return next(filter(None, found), None)

    def tell(self, where: object, event: object) -> None:
        """Let those who listen do what they do when this happens, in their order."""
        for feature in self.features:
            if (hear := feature.listens.get(type(event))) is not None:
                hear(where, event)

    def ask(self, where: object, question: Question[A]) -> list[A]:
        """What those who have something to say to a question answer, in their order."""
        return [
            answer(where, question)
            for feature in self.features
            if (answer := feature.answers.get(type(question))) is not None
        ]

    def cards(self, page: str) -> list[Card]:
        """What features add to a page, in its order."""
        return sorted((one for one in self.every("cards") if one.page == page), key=lambda one: one.place)

    def host(self, node: Node, tally: Tally | None = None) -> Host:
        """A node with all its parts, not begun yet."""
        for feature in self.features:
            node.once.update(feature.once)
        return Host(node, tuple(self.every("parts")), tuple(self.every("recurring")), tally)

    def perform(self, host: Host, bound: Bound, request: Any) -> Any:
        """Do an operation: names in the request become ids, then it is done.

        Raises `NotFound`, `Ambiguous`: a name means nothing here, or two things. What the operation raises.
        """
        return bound.act(host, self._found(host, bound.operation, request))

    def _found(self, host: Host, operation: Operation[Any], request: Any) -> Any:
        ids: dict[str, Any] = {}
        for name, field in operation.fields.items():
            find = self.finders.get(getattr(field.surface, "kind", ""))
            said = getattr(request, name)
            if find is None or not said:
                continue
            ids[name] = [find(host, one) for one in said] if isinstance(said, list) else find(host, said)
        return request.model_copy(update=ids) if ids else request


@cache
def everything() -> Registry:
    """The registry of this process. Raises `FeaturesClash`."""
    found = {owner: installed.registration(owner) for owner in installed.owners()}
    for owner, feature in found.items():
        if feature is None or feature.name != owner:
            raise FeaturesClash(f"{owner} has no feature.py that says so")
        said = getattr(installed.part(owner, "wire"), "OPERATIONS", ())
        for one in {bound.operation for bound in feature.operations} ^ set(said):
            raise FeaturesClash(
                f"{owner}: operation {one.name} belongs into OPERATIONS of wire.py and into operations of feature.py"
            )
    return Registry(tuple(found.values()))
