"""Which shape each command prints with `--json`, and the reference page of that; `scripts/reference.py` writes it.

>>> known()["freehold serve"][0].__name__
'Served'
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from freehold.kernel.cli.building import Command
from freehold.kernel.shape import Failure
from freehold.shell.cli import commands, shapes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HEAD = """# JSON output

Written by `python scripts/reference.py` out of the code; change the code, not this page.

With `--json` a command prints exactly one JSON object on stdout: the one below, or [Failure](#failure) if it
failed; the exit code says which. Objects hold the fields listed and no others. Fields in *italics* are left out where they have no meaning;
all others are always there. Where a command prints the answer of the node, HTTP gives the same object; the route
is in `/openapi.json`. The same as JSON Schema (2020-12), for programs: [json-schema.json](json-schema.json), one
definition for each name on this page, and `commands` says which each command prints.

The schemas are exactly those of this version. A later one may add fields: programs do well to pass over what they
do not know.
"""
_OWN: dict[str, tuple[type[BaseModel], ...]] = {
    "freehold verify": (shapes.Verification,),
    "freehold doctor": (shapes.Diagnosis,),
    "freehold config show": (shapes.Config,),
    "freehold config set": (shapes.SettingChanged,),
    "freehold config path": (shapes.ConfigPath,),
    "freehold keys show": (shapes.PublicKeys,),
    "freehold keys passphrase": (shapes.PassphraseChanged,),
    "freehold keys suggest": (shapes.SuggestedPassphrase,),
    "freehold keys remember": (shapes.Remembered,),
    "freehold keys forget": (shapes.Forgotten,),
    "freehold backup": (shapes.BackupWritten,),
    "freehold restore": (shapes.Restored, shapes.BackupChecked),
    "freehold adopt": (shapes.HomeAdopted,),
    "freehold chain run": (shapes.ChainReady,),
    "freehold chain contracts": (shapes.Contracts,),
    "freehold chain deploy": (shapes.Deployment,),
    "freehold chain faucet": (shapes.Minted,),
    "freehold chain forget": (shapes.ChainForgotten,),
    "freehold completion": (shapes.Completion,),
}
"""Several shapes where options or circumstances decide which."""


@cache
def known() -> dict[str, tuple[type[BaseModel], ...]]:
    """Command -> the shapes it prints, one of them at a time."""
    made = {
        f"freehold {words}": tuple(dict.fromkeys(_shapes(command))) for _, words, command in commands.every()
    }
    local = {f"freehold {words}": kinds for words, kinds in commands.of_files("PRINTS").items()}
    return {**local, **_OWN, **made}


def _shapes(command: Command) -> Iterator[type[BaseModel]]:
    yield from command.prints
    for operation in () if command.prints else dict.fromkeys((command.operation, *command.also)):
        for answer in (operation.shape, operation.waiting):
            yield from get_args(answer) or ((answer,) if answer is not None else ())


def definitions() -> dict[str, dict[str, Any]]:
    """Every shape by its name, as JSON Schema definitions that refer to one another."""
    every: list[type[BaseModel]] = [Failure, *(kind for kinds in known().values() for kind in kinds)]
    mode: Literal["serialization"] = "serialization"
    _, made = models_json_schema([(kind, mode) for kind in dict.fromkeys(every)])
    found: dict[str, dict[str, Any]] = made["$defs"]
    return found


def page() -> str:
    """The page as Markdown."""
    defined = definitions()
    lines = [_HEAD, "## Commands\n", "| command | prints |", "| --- | --- |"]
    lines += [
        f"| `{command}` | {' or '.join(_link(kind.__name__) for kind in kinds)} |"
        for command, kinds in known().items()
    ]
    for name in sorted(defined):
        lines += ["", *_section(name, defined[name])]
    return "\n".join(lines) + "\n"


def schemas() -> str:
    """All schemas as one JSON document."""
    commands = {
        command: {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}
        for command, kinds in known().items()
    }
    whole = {"$schema": DIALECT, "commands": commands, "$defs": definitions()}
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _section(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}\n"
    said = " ".join(str(schema.get("description", "")).split())
    if "properties" not in schema:
        yield f"{said} (`{schema['type']}`)" if "enum" not in schema else f"{said} {_type(schema)}".strip()
        return
    yield f"{said}\n"
    yield "| field | type | meaning |"
    yield "| --- | --- | --- |"
    required = schema.get("required", [])
    for field, one in schema["properties"].items():
        shown = f"`{field}`" if field in required else f"*`{field}`*"
        yield f"| {shown} | {_type(one)} | {one.get('description', '')} |"


def _type(schema: dict[str, Any]) -> str:
    """A type in few words."""
    match schema:
        case {"$ref": reference}:
            said = _link(str(reference).rsplit("/", 1)[-1])
        case {"const": value}:
            said = f"`{json.dumps(value)}`"
        case {"enum": values}:
            said = " or ".join(f"`{json.dumps(value)}`" for value in values)
        case {"anyOf": kinds}:
            said = " or ".join(map(_type, kinds))
        case {"type": "array", "items": inner}:
            said = f"list of {_type(inner)}"
        case {"type": "object", "additionalProperties": dict() as inner}:
            said = f"object of {_type(inner)}"
        case _:
            said = str(schema.get("type", "any"))
    return said


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
