"""All features of this process, put together once and held against one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, TypeVar

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.kernel import installed
from freehold.kernel.feature import Action, Feature, PeerCall, Question
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.operation import Bound, Operation
from freehold.kernel.own import OWN
from freehold.kernel.rights.plans import Plans
from freehold.kernel.tally import Tally

A = TypeVar("A")
V = TypeVar("V")


class FeaturesClash(FreeholdError):
    """Two features say the same name, or one needs what is not there: a fault of the program."""

    code = "features.clash"


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
        self._require_once("feature", (one.name for one in features))
        self._require_once("operation", (one.operation.name for one in self.operations))
        self._require_once("route", (f"{one.operation.verb} {one.operation.path}" for one in self.operations))
        self._require_once("method", (one.operation.method for one in self.operations))
        self._require_once("peer call", (one.path for one in self.every("peer_calls")))
        self._require_once("page", (f"{one.method} {one.path}" for one in self.every("pages")))
        self._require_once("menu entry", (one.path for one in self.every("menu")))
        self._require_once("act on chain", (act for one in features for act in one.once))
        self._require_once("finder", (kind for one in features for kind in one.finders))
        for words in ("actions", "metrics"):
            self._require_once(
                words.removesuffix("s").replace("_", " "), (one.name for one in self.every(words))
            )

    def every(self, what: str) -> Iterator[Any]:
        """What all features say under one heading, in their order."""
        return (one for feature in self.features for one in getattr(feature, what))

    @cached_property
    def operations(self) -> tuple[Bound, ...]:
        """Every operation."""
        return tuple(self.every("operations"))

    def operation(self, name: str) -> Bound:
        """One operation."""
        return next(one for one in self.operations if one.operation.name == name)

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

    def host(self, node: Node, tally: Tally | None = None) -> Host:
        """A node with all its parts, not begun yet."""
        for feature in self.features:
            node.once.update(feature.once)
        return Host(node, tuple(self.every("parts")), tuple(self.every("recurring")), tally)

    def perform(self, host: Host, bound: Bound, request: Any) -> Any:
        """Do an operation: names in the request become ids, then it is done.

        Raises:
            NotFound, Ambiguous: a name means nothing here, or two things. What the operation raises.
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

    @staticmethod
    def _require_once(what: str, names: Iterable[str]) -> None:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise FeaturesClash(f"{what} {twice[0]} is said by two features")


@cache
def everything() -> Registry:
    """The registry of this process.

    Raises:
        FeaturesClash.
    """
    found = [OWN]
    for name in installed.names():
        module = installed.part(name, "feature")
        if module is None or module.FEATURE.name != name:
            raise InvalidInput(f"the feature {name} has no feature.py that says so")
        found.append(module.FEATURE)
    return Registry(tuple(found))
