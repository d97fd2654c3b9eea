"""Holds what commands print with `--json` against the schemas that document it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from freehold.kernel.operation import Operation
from freehold.shell.cli import answers

SEEN: set[str] = set()
"""Commands that printed an object in this process' tests."""


def documented(arguments: Sequence[object], printed: str) -> dict[str, Any]:
    """The one object a command printed; fails unless it is as documented."""
    command = _command([str(word) for word in arguments])
    found: dict[str, Any] = json.loads(printed)
    failed = set(found) == {"error"}
    wrong = [
        f"{error.json_path}: {error.message}"
        for error in _validator("" if failed else command).iter_errors(found)
    ]
    assert not wrong, f"{command} --json is not what its schema says: {wrong}\n{printed[:4_000]}"
    if not failed:
        SEEN.add(command)
    return found


def shaped(operation: Operation[Any], answer: dict[str, Any]) -> None:
    """Fails unless an answer of the node is of the operation's shape, or of the one it has while waiting."""
    kinds = [operation.shape] if operation.waiting is None else [operation.shape, operation.waiting]
    schemas = [TypeAdapter(kind).json_schema(mode="serialization") for kind in kinds]
    wrong = [[error.message for error in Draft202012Validator(one).iter_errors(answer)] for one in schemas]
    assert not all(wrong), f"{operation.name} is not answered as its shape says: {wrong}"


@cache
def _validator(command: str) -> Draft202012Validator:
    published = json.loads(answers.schemas())
    which = published.pop("commands").get(command, {"$ref": "#/$defs/Failure"})
    schema = {**published, **which}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _command(words: list[str]) -> str:
    for length in (2, 1):
        name = " ".join(["freehold", *words[:length]])
        if name in answers.known():
            return name
    raise AssertionError(f"no schema for freehold {' '.join(words[:2])}")
