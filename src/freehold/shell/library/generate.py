"""The methods of `freehold.connect(...)`, written out of the registered operations."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from freehold.kernel import installed
from freehold.kernel.cli.building import bare
from freehold.kernel.operation import Field, Operation

_HEAD = '''"""Every operation as a method. Written by `python -m freehold.shell.generate`; change a feature's `wire.py`."""

# what is answered was read as the shape that its operation says
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

{imports}

__all__ = ["Operations"]


class Operations({bases}):
    """What a node does for its owner; what is left out has the default of the request."""
'''


def text() -> str:
    """The file."""
    wires = {owner: f"{owner}_wire" for owner, _ in installed.said("wire", "OPERATIONS")}
    by_hand = dict(installed.said("library", "Methods"))
    own = {name for methods in by_hand.values() for name in vars(methods)}
    methods = "".join(_method(wires[owner], one) for owner, one in _operations() if one.method not in own)
    bases = [*(f"{owner}_library.Methods" for owner in by_hand), "Performs"]
    imports = [f"from {_module(owner)} import wire as {name}" for owner, name in wires.items()]
    imports += [f"from {_module(owner)} import library as {owner}_library" for owner in wires]
    imports += [
        "from freehold.core.documents import Asset, Claim, Grant, Party, Receipt, Terms",
        "from freehold.kernel.notebook import Rows",
        "from freehold.kernel.performing import Identified, Performs",
    ]
    named = methods + ", ".join(bases)
    used = [one for one in sorted(imports) if _is_used(one, named)]
    return _HEAD.format(imports="\n".join(used), bases=", ".join(bases)) + methods


def _operations() -> Iterator[tuple[str, Operation[Any]]]:
    for owner, operations in installed.said("wire", "OPERATIONS"):
        for one in operations:
            yield owner, one


def _module(owner: str) -> str:
    return f"freehold.{owner}" if owner == installed.KERNEL else f"{installed.PACKAGE}.{owner}"


def _is_used(line: str, named: str) -> bool:
    return " as " not in line or f"{line.rsplit(' ', 1)[1]}." in named


def _method(wire: str, operation: Operation[Any]) -> str:
    fields = sorted(operation.fields.values(), key=lambda one: not one.info.is_required())
    first = [_parameter(one) for one in fields if _stands_first(one, operation)]
    named = [_parameter(one) for one in fields if not _stands_first(one, operation)]
    parameters = ["self", *first, *(["*", *named] if named else [])]
    returned = _answer(wire, operation)
    performed = f"self._perform({wire}.{_constant(wire, operation)}{', **locals()' if fields else ''})"
    if made := _made_of(wire, operation):
        returned, performed = made, f"{made}(self, {performed})"
    return (
        f"\n    def {operation.method}({', '.join(parameters)}) -> {returned}:\n"
        f'        """{_indented(operation.text)}"""\n'
        f"        return {performed}\n"
    )


def _made_of(wire: str, operation: Operation[Any]) -> str:
    """What a feature makes of an answer for people, which it says in its `library`; else empty."""
    owner = wire.removesuffix("_wire")
    kinds = dict(installed.said("library", "RETURNS")).get(owner, {})
    return f"{owner}_library.{kinds[operation].__name__}" if operation in kinds else ""


def _stands_first(one: Field, operation: Operation[Any]) -> bool:
    return one.flag.positional or one.flag.first or one.name in operation.in_path


def _constant(wire: str, operation: Operation[Any]) -> str:
    module = installed.part(wire.removesuffix("_wire"), "wire")
    return next(name for name, value in vars(module).items() if value is operation)


def _indented(said: str) -> str:
    lines = said.replace("\\", "\\\\").splitlines()
    whole = "\n".join([lines[0], *(f"        {line}" if line else "" for line in lines[1:])])
    return whole if len(lines) == 1 else f"{whole}\n        "


def _parameter(one: Field) -> str:
    kind = one.surface.python or _spelled(one.info.annotation)
    if one.surface.python and get_origin(bare(one.info.annotation)) is list:
        kind = f"{kind} | Iterable[{kind}]"
    if one.info.is_required():
        return f"{one.face}: {kind}"
    return f"{one.face}: {kind if kind.endswith('None') or kind == 'Any' else kind + ' | None'} = None"


def _spelled(kind: Any) -> str:
    """A type as a signature says it."""
    kind = bare(kind)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inside))}]".replace("'", '"')
    if origin is list:
        return f"Sequence[{_spelled(inside[0])}]"
    if origin is tuple:
        return "Sequence[Any]"
    if origin is dict:
        return f"Mapping[str, {_spelled(inside[1])}]"
    return "Any" if kind is Any or origin is not None else kind.__name__


def _answer(wire: str, operation: Operation[Any]) -> str:
    kind = operation.shape
    for name in filter(None, operation.gives.split(".")):
        kind = bare(kind.model_fields[name].annotation)
    if get_origin(kind) is list:
        return f"Rows[{_shape(wire, get_args(kind)[0])}]"
    return _shape(wire, kind)


def _shape(wire: str, kind: Any) -> str:
    kind = bare(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(_shape(wire, one) for one in get_args(kind))
    if not inspect.isclass(kind) or get_origin(kind) is not None:
        return "dict[str, Any]" if get_origin(kind) is dict else "Any"
    where = re.fullmatch(r"freehold\.(?:features\.)?(\w+)\.wire", kind.__module__)
    if where:
        return f"{where[1]}_wire.{kind.__name__}"
    return kind.__name__
