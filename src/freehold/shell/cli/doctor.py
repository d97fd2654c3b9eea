"""What is wrong with this node, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from freehold import plain_file
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit, plain

if TYPE_CHECKING:
    from freehold.kernel.finding import CheckFound


def doctor(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Find what is wrong with a node, and say how to mend it.

    Works whether it runs or not, and changes nothing. Looks at files and their modes, settings, disk, port,
    database, log, encrypted data, chain, contracts, clock and peers. Exits with 1 if there is a problem.
    """
    from freehold.shell.doctor import examine  # noqa: PLC0415 - the whole node

    found = examine(plain_file.named(home))
    sound = not any(one.level == "problem" for one in found)
    value = {"ok": sound, "checks": [one.model_dump() for one in found]}
    emit(value, lambda: _lines(found, sound=sound), as_json=as_json)
    if not sound:
        raise typer.Exit(1)


def _lines(found: list[CheckFound], *, sound: bool) -> Iterable[str]:
    for one in found:
        mark = "ok" if one.level == "ok" else one.level.upper()
        yield f"{mark:<8} {one.check:<16} {plain(one.detail, most=400)}"
        if one.hint:
            yield f"{'':<25} -> {plain(one.hint, most=400)}"
    if not sound:
        yield "there are problems: mend the first one first"
    elif warned := sum(one.level == "warning" for one in found):
        yield f"nothing is broken; look at what {'is' if warned == 1 else 'are'} marked WARNING above"
    else:
        yield "nothing is wrong"


COMMANDS = {"doctor": (doctor, "freehold doctor")}
