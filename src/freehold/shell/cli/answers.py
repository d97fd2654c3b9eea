"""Which shape each command prints with `--json`; JSON Schema 2020-12 of any of them.

>>> schema("freehold serve")["required"]
['model', 'serving']
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from freehold.core.errors import NotFound
from freehold.kernel.cli.building import Command
from freehold.kernel.shape import Failure
from freehold.shell.cli import commands, shapes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
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


def schema(command: str) -> dict[str, Any]:
    """Schema of the object a command prints when it succeeds.

    Raises:
        NotFound: no command of that name prints JSON.
    """
    if command not in known():
        raise NotFound(f"{command} prints no JSON", hint="Commands are listed in docs/reference/json.md.")
    union: Any = known()[command][0]
    for other in known()[command][1:]:
        union |= other
    return {"$schema": DIALECT, **TypeAdapter(union).json_schema(mode="serialization")}


def failure() -> dict[str, Any]:
    """Schema of the object any command prints when it fails."""
    return {"$schema": DIALECT, **Failure.model_json_schema(mode="serialization")}


def definitions() -> dict[str, dict[str, Any]]:
    """Every shape by its name, as JSON Schema definitions that refer to one another."""
    every: list[type[BaseModel]] = [Failure, *(kind for kinds in known().values() for kind in kinds)]
    wanted: list[tuple[type[BaseModel], Literal["serialization"]]]
    wanted = [(kind, "serialization") for kind in dict.fromkeys(every)]
    _, made = models_json_schema(wanted)
    return cast("dict[str, dict[str, Any]]", made["$defs"])
