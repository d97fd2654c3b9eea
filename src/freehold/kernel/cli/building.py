"""Commands out of operations: arguments, options, help, `--json`, and a table for people.

A feature's `terminal` says how the answer of each operation is shown (`VIEWS`), and for the few commands that are more
than one operation what they do (`COMMANDS`): their arguments and options are the operation's, with theirs added.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from freehold import plain_file
from freehold.core.errors import FreeholdError
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit, older
from freehold.kernel.client import NodeClient
from freehold.kernel.operation import SCHEMA, Field, Operation
from freehold.kernel.surface import LocalFile, Plain

View = Callable[[dict[str, Any]], Iterable[Any]]
"""What people see of an answer: lines and tables."""


NEEDED = " [required, unless another option stands for it]"


@dataclass(frozen=True)
class Call:
    """One run of a command: what was typed, and the node it is for."""

    node: NodeClient
    home: Path
    as_json: bool
    given: Mapping[str, Any]
    """Arguments and options of the operation, by their names on the command line; None where left out."""
    more: Mapping[str, Any]
    """Those of the command alone."""

    def answer(self, operation: Operation[Any], **changed: Any) -> dict[str, Any]:
        """What an operation answers to what was typed; `changed` are fields of its request, as they travel."""
        faces = {one.face for one in operation.fields.values()}
        try:
            taken = operation.taken({name: value for name, value in self.given.items() if name in faces})
            return self.node.perform(operation, taken | changed)
        except FreeholdError as error:
            error.spell({name: _spelled(one) for name, one in operation.fields.items()})
            error.hint = "See it with --help." if error.hint == SCHEMA else error.hint
            raise

    def show(self, answer: dict[str, Any], view: View) -> None:
        """Print an answer, as text or as JSON."""
        emit(answer, lambda: view(answer), as_json=self.as_json)

    def show_page(self, answer: dict[str, Any], view: View) -> None:
        """Print a list, and whether it goes on; nothing is said of how to begin where a later page is empty."""

        def shown(answer: dict[str, Any]) -> Iterable[Any]:
            if self.given["before"] and not any(isinstance(one, list) and one for one in answer.values()):
                return ["there are no older ones"]
            return [*view(answer), *older(answer)]

        self.show(answer, shown)


@dataclass(frozen=True)
class Command:
    """A command that does more than its operation."""

    operation: Operation[Any]
    run: Callable[[Call], None]
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments and options: name -> (annotation, default); `...` is required."""
    without: tuple[str, ...] = ()
    """Fields of the request that the command finds out by itself."""
    optional: tuple[str, ...] = ()
    """Fields of the request that may be left out where another option stands for them."""
    also: tuple[Operation[Any], ...] = ()
    """Operations that it calls besides, which have no command of their own."""
    prints: tuple[Any, ...] = ()
    """Shapes of what it prints, where those are not its operations' answers."""
    words: str = ""
    """Its help, where it is not the operation's."""
    shown: str = ""
    """An example, where it is not the operation's."""

    @property
    def example(self) -> str:
        """How it is typed."""
        return self.shown or self.operation.example or ""


def plain(operation: Operation[Any], view: View) -> Command:
    """The command that is just the operation."""

    def run(call: Call) -> None:
        show = call.show_page if "before" in operation.fields else call.show
        show(call.answer(operation), view)

    return Command(operation, run)


def function(command: Command) -> Callable[..., None]:
    """What typer makes a command of."""
    operation = command.operation
    shown = {name: one for name, one in operation.fields.items() if name not in command.without}
    parameters = [_parameter(one, optional=one.name in command.optional) for one in shown.values()]
    parameters += [_more(name, annotation, default) for name, (annotation, default) in command.more.items()]
    parameters += [_more("home", Home, DEFAULT_HOME), _more("as_json", Json, default=False)]
    faces = {one.face: one for one in shown.values()}

    def run(**typed: Any) -> None:
        home, as_json = typed.pop("home"), typed.pop("as_json")
        given = {name: _said(faces[name], value) for name, value in typed.items() if name in faces}
        more = {name: value for name, value in typed.items() if name not in faces}
        command.run(Call(NodeClient.of(home), home, as_json, given, more))

    # what must be given comes first, as positional arguments do in the order of the request
    parameters.sort(key=lambda one: one.default is not inspect.Parameter.empty)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__doc__ = command.words or operation.text
    run.__name__ = operation.method
    return run


def _said(one: Field, value: Any) -> Any:
    """The field's value as it was typed; None where its option was not given, as by an empty list."""
    if value is None or value in ([], ()):
        return None
    if _is_off(one):
        return False if value else None
    return value if one.flag.scale == 1 else round(value * one.flag.scale)


def _is_off(one: Field) -> bool:
    """Whether its option turns off what is on where nothing is said."""
    return one.info.default is True


def _more(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    fallback = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=fallback, annotation=annotation)


def _parameter(one: Field, *, optional: bool) -> inspect.Parameter:
    required = one.info.is_required() and not optional
    info, flag, surface = one.info, one.flag, one.surface
    kind = _kind(info, surface) if flag.scale == 1 else float
    said: dict[str, Any] = {
        "help": _help(one) + (NEEDED if optional else ""),
        "metavar": flag.metavar or surface.metavar,
        **_bounds(one),
    }
    if kind is Path:
        said["parser"] = plain_file.chosen
    if flag.positional:
        mark: Any = typer.Argument(**said)
    else:
        off = "no-" if _is_off(one) else ""
        names = flag.names or ((f"--{off}{one.face.replace('_', '-')}",) if kind is bool else ())
        mark = typer.Option(*names, **said)
    default: Any = inspect.Parameter.empty
    if not required:
        # None is "not said": the default stands in the request alone, and is shown as it is
        default = False if kind is bool else "" if flag.positional and info.default == "" else None
        kind = kind if kind is bool or default == "" else kind | None
    return inspect.Parameter(
        one.face, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, mark]
    )


def _kind(info: FieldInfo, surface: Plain) -> Any:
    """The type a value has on the command line."""
    if isinstance(surface, LocalFile):
        return Path
    kind = bare(info.annotation)
    if get_origin(kind) in (list, tuple, dict):
        return list[str]
    if surface.python:
        return bool if surface.python == "bool" else str
    return kind


def _spelled(one: Field) -> str:
    """How a field is named on the command line."""
    flag = one.flag
    if flag.positional:
        return flag.metavar or one.surface.metavar or one.face.upper()
    return flag.names[0] if flag.names else f"--{one.face.replace('_', '-')}"


def _help(one: Field) -> str:
    """What a field means, and what it is where it is left out, unless that is said there or depends."""
    said = one.flag.help or one.text
    schema = {"default": one.info.get_default(call_default_factory=True)}
    if callable(change := one.info.json_schema_extra):
        change(schema)
    usual: Any = schema.get("default")
    is_said = "default" in said or _kind(one.info, one.surface) is bool
    if is_said or usual in (None, "", [], {}, PydanticUndefined):
        return said
    if one.flag.scale != 1:
        shown = f"{usual / one.flag.scale:g}"
    else:
        shown = ", ".join(usual) if isinstance(usual, list) else one.surface.typed(usual)
    return f"{said} [default: {shown}]"


def bare(kind: Any) -> Any:
    """A type without annotations, and without None where nothing but one other type is left."""
    while get_origin(kind) is Annotated or hasattr(kind, "__value__"):
        kind = kind.__value__ if hasattr(kind, "__value__") else get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        return bare(parts[0]) if len(parts) == 1 else kind
    return kind


def _bounds(one: Field) -> dict[str, Any]:
    """Least and most of a number, which the command refuses before it asks the node."""
    if bare(one.info.annotation) is not int or one.surface != Plain(face=one.surface.face):
        return {}
    scale = one.flag.scale
    found = zip(("min", "max"), one.bounds, strict=True)
    return {name: end if scale == 1 else end / scale for name, end in found if end is not None}
