"""Where a node's settings come from: command line, then environment, then `config.toml`, then defaults.

What the command line says is kept in `config.toml`, so that the second `freehold up` needs only the
passphrase. What the environment says counts for one start and is written nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freehold.core import origins
from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.kernel.settings import Settings, said_by, stored

PREFIX = "FREEHOLD_"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NEVER_EMPTY = ("name", "host", "rpc_url", "log_level", "log_format", "metrics", "allow_private_peers")


@dataclass(frozen=True)
class Chosen:
    """The settings of one start, and why each has its value."""

    settings: Settings
    """What counts."""
    written: dict[str, Any]
    """What `config.toml` said."""
    spoken: dict[str, Any]
    """What the command line said, which belongs there too."""
    sources: dict[str, str]
    """By setting: "command line", "FREEHOLD_PORT", "config.toml" or "default"."""


def choose(home: Path, environment: Mapping[str, str], **given: Any) -> Chosen:
    """The settings in force; `given` is what the command line said, None where it said nothing.

    Raises `InvalidInput`: a value makes no sense; the message names where it was found.
    """
    spoken = {name: value for name, value in given.items() if value is not None}
    ambient = {}
    for field in fields(Settings):
        if (named := variable(field.name)) in environment and field.name not in spoken:
            with said_by(named):
                ambient[field.name] = read(field.name, [environment[named]])
    written = stored(home)
    sources = {field.name: "default" for field in fields(Settings)}
    sources |= dict.fromkeys(written, "config.toml")
    sources |= {name: variable(name) for name in ambient}
    sources |= dict.fromkeys(spoken, "command line")
    values = {**written, **ambient, **spoken}
    # one at a time, so that the message can say whose value it is
    for name, value in written.items():
        with said_by(home / "config.toml"):
            Settings(**{name: value})
    for name, value in {**ambient, **spoken}.items():
        with said_by(sources[name]):
            Settings().with_overrides(**{name: value})
    return Chosen(Settings(**values), written, spoken, sources)


def no_network(chosen: Chosen | None) -> bool:
    """Whether nobody said which network to use, though somebody could have."""
    return chosen is not None and all(
        chosen.sources.get(name, "default") == "default" for name in ("rpc_url", "practice")
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def read(name: str, texts: Sequence[str]) -> Any:
    """The typed value of a setting written as text: several texts, or one with commas, for a list.

    Raises `InvalidInput`: no such setting, or not a value it can have.
    """
    known = {field.name: field.default for field in fields(Settings)}
    if name not in known:
        raise InvalidInput(
            said("there is no setting {name}", name=repr(name[:40])),
            hint=said("Settings are: {known}.", known=", ".join(known)),
        )
    if isinstance(known[name], tuple):
        parts = [part.strip() for text in texts for part in text.split(",")]
        if name == "peers":
            with said_by(name):
                parts = [str(origins.parse(part)) for part in parts if part]
        return tuple(part for part in parts if part)
    if len(texts) != 1:
        raise InvalidInput(said("{name} takes one value", name=name))
    if isinstance(known[name], bool):
        if texts[0] not in ("true", "false"):
            raise InvalidInput(
                said("{name} is true or false", name=name), hint=said("Write one of the two words.")
            )
        return _spelled(name, texts[0] == "true")
    value = _number(name, texts[0]) if isinstance(known[name], int) else _text(name, texts[0])
    return _spelled(name, value)


def _spelled(name: str, value: Any) -> Any:
    """A value as the settings keep it."""
    return getattr(Settings(**{name: value}), name)


def _text(name: str, text: str) -> str:
    if not text:
        if name in _NEVER_EMPTY:
            raise InvalidInput(said("{name} cannot be empty", name=name))
        return text
    if name == "rpc_url":
        # several endpoints of one chain may be named; what follows the host may be a key, so it stays as it is
        return ", ".join(_url(name, one.strip()) for one in text.split(","))
    if name == "token":
        if not _ADDRESS.fullmatch(text):
            raise InvalidInput(
                said("token: not an address"), hint=said("Addresses are 0x and 40 hex digits.")
            )
        return text.lower()
    return text


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidInput(said("{name} is a whole number", name=name), hint=said("Write digits only."))
    return int(text)


def _url(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput(
            said("{name}: not a URL", name=name),
            hint=said("Write http://HOST or https://HOST, with :PORT where it is not 80 or 443."),
        )
    return text
