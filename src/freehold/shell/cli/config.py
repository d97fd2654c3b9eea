"""Settings in `HOME/config.toml`: look at them, change one."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold import plain_file
from freehold.core.errors import Unavailable
from freehold.core.money import dollars
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit, note
from freehold.kernel.client import NodeClient
from freehold.kernel.settings import LIMITS


def show(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show every setting, its value and where that comes from.

    The environment counts before config.toml; what `freehold up` is told counts before both.
    """
    from freehold.kernel import setting_sources  # noqa: PLC0415

    chosen = setting_sources.choose(plain_file.named(home), os.environ)
    values, sources = asdict(chosen.settings), chosen.sources
    emit(
        {**values, "sources": sources},
        lambda: [f"{name} = {json.dumps(value)}  # {sources[name]}" for name, value in values.items()],
        as_json=as_json,
    )


def change(
    name: Annotated[str, typer.Argument(help="Name of the setting.")],
    value: Annotated[list[str], typer.Argument(help="Its new value; several for a list; '' empties it.")],
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Change one setting; it counts from the next start.

    Limits of spending are easier said in dollars: freehold spending --per-day 20. They count at once.
    """
    from freehold.kernel import setting_sources, settings  # noqa: PLC0415
    from freehold.kernel.reading import KEYS_FILE  # noqa: PLC0415
    from freehold.vault import home_folder  # noqa: PLC0415

    home = plain_file.named(home)
    if not (home / KEYS_FILE).exists():
        note(f"there is no node in {home} yet; the setting counts once one is started there")
    known = settings.load(home)
    changed = known.with_overrides(**{name: setting_sources.read(name, value)})
    home_folder.make(home)
    settings.save(home, changed, name)
    if (home / "node.json").exists() and not _told(home, name, getattr(changed, name)):
        note("the running node goes on with its present settings; restart it")
    said = getattr(changed, name)
    in_dollars = f"  # {dollars(said)}" if name in LIMITS else ""
    line = f"{name} = {json.dumps(said)}{in_dollars}"
    emit({"name": name, "value": said}, lambda: [line], as_json=as_json)


def _told(home: Path, name: str, value: Any) -> bool:
    """Whether the running node counts the new value at once, as it does for limits of spending."""
    if name not in LIMITS:
        return False
    with contextlib.suppress(Unavailable):
        NodeClient.of(home).post("/api/spending", {name: value})
        note("the running node counts it from now on")
    return True


def path(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print where the settings lie."""
    where = plain_file.named(home) / "config.toml"
    emit({"path": str(where), "exists": where.exists()}, lambda: [str(where)], as_json=as_json)


GROUPS = {"config": "This node's settings."}
COMMANDS = {
    "config show": (show, "freehold config show"),
    "config set": (change, "freehold config set port 7500"),
    "config path": (path, "freehold config path"),
}
