"""Settings in `HOME/config.toml`: look at them, change one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.options import DEFAULT_HOME, Home, Json
from freehold.cli.output import emit, note
from freehold.core.errors import InvalidInput

if TYPE_CHECKING:
    from freehold.node.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="This node's settings.")
    group.command("show")(show)
    group.command("set")(change)
    group.command("path")(path)
    app.add_typer(group, name="config")


def show(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show every setting with its value."""
    from dataclasses import asdict  # noqa: PLC0415

    from freehold.node import settings  # noqa: PLC0415

    values = asdict(settings.load(home.expanduser()))
    emit(values, lambda: [f"{name} = {json.dumps(value)}" for name, value in values.items()], as_json=as_json)


def change(
    name: Annotated[str, typer.Argument(help="Name of the setting.")],
    value: Annotated[list[str], typer.Argument(help="Its new value; several for a list; '' empties it.")],
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Change one setting; it counts from the next start."""
    from freehold.node import settings  # noqa: PLC0415

    home = home.expanduser()
    known = settings.load(home)
    changed = known.with_overrides(**{name: _value(known, name, value)})
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.save(home, changed)
    if (home / "node.json").exists():
        note("the running node goes on with its present settings; restart it")
    said = getattr(changed, name)
    emit({"name": name, "value": said}, lambda: [f"{name} = {json.dumps(said)}"], as_json=as_json)


def path(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Print where the settings lie."""
    where = home.expanduser().absolute() / "config.toml"
    emit({"path": str(where), "exists": where.exists()}, lambda: [str(where)], as_json=as_json)


def _value(known: Settings, name: str, given: list[str]) -> Any:
    """The typed value of a setting.

    Raises:
        InvalidInput: no such setting, or not a value it can have.
    """
    from dataclasses import fields  # noqa: PLC0415

    names = [field.name for field in fields(known)]
    if name not in names:
        raise InvalidInput(f"there is no setting {name[:40]!r}", hint=f"Settings are: {', '.join(names)}.")
    present = getattr(known, name)
    if isinstance(present, tuple):
        return tuple(_url(name, text) for text in given if text)
    if len(given) != 1:
        raise InvalidInput(f"{name} takes one value")
    (text,) = given
    if isinstance(present, int):
        return _number(name, text)
    if text and name == "endpoint":
        return _url(name, text)
    if text and name == "rpc_url":
        # several endpoints of one chain may be named
        return ", ".join(_url(name, one.strip()) for one in text.split(","))
    if text and name == "token":
        return _account(text)
    if not text and name in ("name", "host", "rpc_url"):
        raise InvalidInput(f"{name} cannot be empty")
    return text


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise InvalidInput(f"{name} is a whole number", hint="Write digits only.")
    return int(text)


def _url(name: str, text: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415

    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput(f"{name}: not a URL", hint="Write http://HOST:PORT or https://HOST.")
    return text.rstrip("/") if name != "rpc_url" else text


def _account(text: str) -> str:
    import re  # noqa: PLC0415

    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise InvalidInput("token: not an address", hint="Addresses are 0x and 40 hex digits.")
    return text.lower()
