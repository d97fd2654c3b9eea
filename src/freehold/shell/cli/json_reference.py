"""The reference page of `--json`, out of the shapes; `scripts/reference.py` writes it, with the schemas beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from freehold.shell.cli import answers

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


def page() -> str:
    """The page as Markdown."""
    known = answers.definitions()
    lines = [_HEAD, "## Commands\n", "| command | prints |", "| --- | --- |"]
    lines += [
        f"| `{command}` | {' or '.join(_link(kind.__name__) for kind in kinds)} |"
        for command, kinds in answers.known().items()
    ]
    for name in sorted(known):
        lines += ["", *_section(name, known[name])]
    return "\n".join(lines) + "\n"


def schemas() -> str:
    """All schemas as one JSON document."""
    commands = {
        command: {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}
        for command, kinds in answers.known().items()
    }
    whole = {"$schema": answers.DIALECT, "commands": commands, "$defs": answers.definitions()}
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
