"""An operation: one typed act of the owner, said once, with five faces.

    HTTP      `kernel.http.operations` makes a route and its OpenAPI
    command   `kernel.terminal.building` makes a command with options and `--json`
    Python    `shell.library.generate` writes a method
    MCP       `shell.mcp` offers a tool
    console   pages read its request's fields, and call the same act

A feature's `wire.py` says what its operations ask and answer (light imports: commands load nothing else);
its `feature.py` says which function does each. Defaults and bounds stand in the request alone.

>>> from freehold.kernel.shape import Shape
>>> class Ring(Request):
...     '''Ring a bell.'''
...     times: int = 1
...     '''How often.'''
>>> class Rung(Shape):
...     '''A bell that rang.'''
...     times: int
...     '''How often.'''
>>> RING = Operation("bell.ring", Ring, Rung, "/bell", Effect.CHANGES)
>>> RING.verb, RING.method, RING.summary
('POST', 'ring', 'Ring a bell.')
"""

from __future__ import annotations

import inspect
import json
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import FunctionType
from typing import Any, Generic, Self, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo

from freehold.core.described import Described, description
from freehold.core.errors import InvalidInput, Unavailable
from freehold.kernel import docstrings
from freehold.kernel.installed import FeaturesClash
from freehold.kernel.shape import STRICT
from freehold.kernel.surface import Flag, Plain


class Request(Described):
    """What an operation asks; unknown fields are refused, nothing is coerced. Its docstring is the operation's."""

    model_config = STRICT

    @classmethod
    def of(cls, **chosen: Any) -> Self:
        """The request that says so, as it would over HTTP.

        Raises `InvalidInput`: a value is out of its bounds, or of another kind.
        """
        try:
            return cls(**chosen)
        except ValidationError as error:
            raise refused(error.errors(include_url=False, include_input=False)[0]) from None

    @classmethod
    def require_together(cls, asked: Mapping[str, Any]) -> None:
        """Fields that are each right also go together; looked at before a request travels, and when it arrives.

        Raises `InvalidInput`.
        """

    @model_validator(mode="after")
    def _together(self) -> Self:
        self.require_together({name: getattr(self, name) for name in self.model_fields_set})
        return self


def refused(wrong: Mapping[str, Any]) -> InvalidInput:
    """A request that breaks its schema, in the same words wherever it came in; names the field, echoes no value."""
    parts = [str(part)[:80] for part in wrong["loc"]]
    said = _SAID.get(wrong["type"], wrong["msg"])
    where = {"field": parts[0]} if parts else {}
    return InvalidInput(f"{'.'.join(parts) or 'the request'}: {said}", hint=SCHEMA, **where)


class Nothing(Request):
    """Nothing is asked."""


class Effect(StrEnum):
    """What an operation does to the world, so that a person or a machine knows before calling it."""

    READS = "reads"
    """Changes nothing."""
    CHANGES = "changes"
    """Can be taken back."""
    LASTS = "lasts"
    """Cannot: it is signed, logged or on chain, or others may act on it at once. May take gas."""
    SPENDS = "spends"
    """May take dollars from the wallet; asks for a limit."""


Q = TypeVar("Q", bound=Request)
A = TypeVar("A")
LIMIT = "at_most_units"
"""Field of every request that spends: how much it may take."""
SCHEMA = "Compare with its schema."
"""The hint where a request breaks it."""
_SAID = {
    **dict.fromkeys(("list_type", "tuple_type"), "Input should be a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "Input should be an object"),
}
"""What the library says otherwise for JSON than for the values in it."""
_IN_PATH = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Waiting:
    """An answer that is not final: HTTP 202."""

    answer: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Operation(Generic[Q]):
    """One operation, without what does it."""

    name: str
    """`group.verb` or `verb`: the command's words, with dots."""
    asks: type[Q]
    answers: Any
    """A shape, a union of them, or a function that puts one together of what features say."""
    path: str
    """Below `/api`; parts in braces are fields of the request."""
    effect: Effect
    verb: str = ""
    """HTTP method; by default GET for what reads."""
    method: str = ""
    """Name in Python; by default the verb, or what is listed."""
    gives: str = ""
    """Field of the answer that the Python method returns, where it does not return all of it; may be a path of fields."""
    personal: bool = False
    """Whether it is for the owner in person: no assistant is offered it, whatever else it may do."""
    waiting: Any = None
    """Shape of a 202 answer."""
    example: str | None = None
    """What stands after its command's words, in an example of it; None where it has no command of its own."""
    words: str = ""
    """What its help says first, where that is not what its request's docstring says."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verb", self.verb or ("GET" if self.effect is Effect.READS else "POST"))
        if self.example is not None:
            command = " ".join(("freehold", *self.name.split("."), self.example)).rstrip()
            object.__setattr__(self, "example", command)
        group, _, verb = self.name.rpartition(".")
        object.__setattr__(self, "method", self.method or (group if verb == "list" else verb))
        for fault in self._faults():
            raise FeaturesClash(f"{self.asks.__module__}: operation {self.name}: {fault}")

    def _faults(self) -> Iterator[str]:
        """What some face could not make anything of."""
        if not self.method.isidentifier() or keyword.iskeyword(self.method):
            yield f"Python has no method {self.method!r}; say another as `method`"
        for name in self.in_path:
            field = self.asks.model_fields.get(name)
            if field is None:
                yield f"its path has {name}, which {self.asks.__name__} does not ask"
            elif field.annotation not in (str, int) or not field.is_required():
                yield f"{name} stands in the path, so it is text or a whole number, and is always said"
        if self.effect is Effect.SPENDS and LIMIT not in self.asks.model_fields:
            yield f"it spends, so {self.asks.__name__} asks {LIMIT}"

    @cached_property
    def text(self) -> str:
        """What it does, at length."""
        return inspect.cleandoc(self.words) or docstrings.of(self.asks)

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return self.text.split("\n\n")[0].replace("\n", " ")

    @property
    def in_path(self) -> tuple[str, ...]:
        """Fields that stand in the path."""
        return tuple(_IN_PATH.findall(self.path))

    @cached_property
    def fields(self) -> dict[str, Field]:
        """What is asked, field by field."""
        return {name: Field(name, info, self.asks) for name, info in self.asks.model_fields.items()}

    @cached_property
    def shape(self) -> Any:
        """The shape of its answer, or a union of them."""
        return self.answers() if isinstance(self.answers, FunctionType) else self.answers

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.shape)

    @cached_property
    def _waiting_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.waiting)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of its answer."""
        return self._adapter.json_schema(mode="serialization")

    def written(self, answer: Any) -> tuple[int, bytes]:
        """HTTP status and JSON of an answer, which has every field that its shape says and no other.

        Raises `ValueError`: it has not.
        """
        status, adapter = 200, self._adapter
        if isinstance(answer, Waiting):
            status, adapter, answer = 202, self._waiting_adapter, answer.answer
        if isinstance(answer, BaseModel):
            answer = answer.model_dump(mode="json", exclude_unset=True)
        content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        adapter.validate_json(content)
        return status, content

    def read(self, answer: Any, *, waiting: bool = False) -> Any:
        """An answer as the shape it has; of a newer node it may say more.

        Raises `Unavailable`: it has no such shape.
        """
        adapter = self._waiting_adapter if waiting else self._adapter
        try:
            return adapter.validate_python(answer, strict=False, extra="ignore")
        except ValidationError:
            raise Unavailable(
                f"the node's answer is not what {self.name} answers",
                hint="Is it a node, and of the same version?",
            ) from None

    def understood(self, answer: Any) -> dict[str, Any]:
        """An answer in JSON, with what its shape says and no more, also where it is not final.

        Raises `Unavailable`: it has no such shape.
        """
        adapter = self._adapter
        try:
            read = self.read(answer)
        except Unavailable:
            if self.waiting is None:
                raise
            adapter, read = self._waiting_adapter, self.read(answer, waiting=True)
        shown: dict[str, Any] = adapter.dump_python(read, mode="json", by_alias=True, exclude_unset=True)
        return shown

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it travels, of one that a program wrote: strictly what the node would take.

        Raises `InvalidInput`: it is not.
        """
        try:
            self.asks.model_validate_json(json.dumps(given, allow_nan=False))
        except ValidationError as error:
            raise refused(error.errors(include_url=False, include_input=False)[0]) from None
        except (ValueError, RecursionError):
            raise InvalidInput(
                "the request is not JSON", hint="NaN, infinity and numbers of thousands of digits are not."
            ) from None
        return {name: value for name, value in given.items() if value is not None}

    def taken(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it travels, of what people typed; names are those of the faces, None is left out.

        Raises `InvalidInput`: a value cannot be read, or two do not go together.
        """
        names = {field.face: field for field in self.fields.values()}
        asked = {}
        for face, value in given.items():
            if value is not None:
                try:
                    asked[names[face].name] = names[face].take(value)
                except InvalidInput as error:
                    name = names[face].name
                    raise InvalidInput(f"{name}: {error.message}", hint=error.hint, field=name) from None
                except (TypeError, ValueError) as error:
                    name = names[face].name
                    raise InvalidInput(f"{name}: {str(error)[:100]}", hint=SCHEMA, field=name) from None
        self.asks.require_together(asked)
        return asked

    def does(self, act: Callable[[Any, Q], Any]) -> Bound:
        """This operation with the function that does it."""
        return Bound(self, cast("Callable[[Any, Request], Any]", act))


@dataclass(frozen=True)
class Field:
    """One field of a request."""

    name: str
    info: FieldInfo
    asks: type[Request]

    @property
    def text(self) -> str:
        """What it means; may be empty."""
        return description(self.asks, self.name)

    @property
    def surface(self) -> Plain:
        """How it is typed."""
        return next((one for one in self._marks() if isinstance(one, Plain)), Plain())

    @property
    def flag(self) -> Flag:
        """How it stands on the command line."""
        return next((one for one in self._marks() if isinstance(one, Flag)), Flag())

    @property
    def face(self) -> str:
        """Its name where people type."""
        return self.surface.name(self.name)

    def take(self, given: Any) -> Any:
        """The value that travels; one of what is a list becomes the only one.

        Raises `InvalidInput`: it cannot be read.
        """
        taken = self.surface.take(given)
        kinds = (self.info.annotation, *get_args(self.info.annotation))
        return [taken] if isinstance(taken, str) and any(get_origin(one) is list for one in kinds) else taken

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """Least and most of a whole number."""
        return self._bound("ge"), self._bound("le")

    def _bound(self, name: str) -> int | None:
        return next((getattr(one, name) for one in self._marks() if hasattr(one, name)), None)

    def _marks(self) -> Iterator[Any]:
        yield from self.info.metadata
        # also of `Annotated[...] | None`, whose marks pydantic leaves where they are written
        for one in get_args(self.info.annotation):
            for mark in getattr(one, "__metadata__", ()):
                yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


@dataclass(frozen=True)
class Bound:
    """An operation and the function `(host, request) -> answer` that does it."""

    operation: Operation[Any]
    act: Callable[[Any, Request], Any]
