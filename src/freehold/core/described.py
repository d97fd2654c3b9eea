"""Fields that are described by the text under them, which is read when somebody asks, not when a class is made.

Reading it takes longer than all else about a class, and is of use for schemas and help alone.
"""

from __future__ import annotations

import ast
import inspect
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, GetJsonSchemaHandler

_PARSING = threading.Lock()


class Described(BaseModel):
    """A model whose JSON Schema says of each field what stands under it."""

    described_by: ClassVar[type[BaseModel] | None] = None
    """The model whose fields these are, where they were not written in this class or above it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As of any model, with descriptions."""
        made = handler(schema)
        shown = handler.resolve_ref_schema(made).get("properties", {})
        for name, info in cls.model_fields.items():
            said = description(cls, name)
            if said and (field := shown.get(info.alias or name)) is not None:
                field["description"] = said
        return made


def description(model: type[BaseModel], name: str) -> str:
    """What a field of a model means; empty where nobody says so."""
    info = model.model_fields[name]
    if info.description is not None:
        return info.description
    # of a class that names a field anew the text is another's
    for one in model.__mro__:
        if said := _texts(one).get(name):
            return said
    above = getattr(model, "described_by", None)
    return description(above, name) if above is not None and name in above.model_fields else ""


def _texts(one: type) -> dict[str, str]:
    written = getattr(sys.modules.get(one.__module__), "__file__", None)
    return _classes(written).get(one.__qualname__, {}) if written else {}


def parse(source: str | bytes) -> ast.Module:
    """As `ast.parse`, by one thread at a time: in CPython 3.11 several spoil each other's (gh-106905)."""
    with _PARSING:
        return ast.parse(source)


@cache
def _classes(written: str) -> dict[str, dict[str, str]]:
    """Of each class in a file by its qualified name: the text under each of its fields."""
    try:
        parsed = parse(Path(written).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {name: dict(_fields(found)) for name, found in _walk(parsed, "")}


def _walk(part: ast.AST, above: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for one in ast.iter_child_nodes(part):
        if isinstance(one, ast.ClassDef):
            yield above + one.name, one
            yield from _walk(one, f"{above}{one.name}.")
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(one, f"{above}{one.name}.<locals>.")
        else:
            yield from _walk(one, above)


def _fields(written: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one, after in zip(written.body, written.body[1:], strict=False):
        if (
            isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield one.target.id, inspect.cleandoc(after.value.value)
