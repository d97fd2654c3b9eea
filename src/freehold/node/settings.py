"""Settings of one node: `HOME/config.toml`, overridden by what `freehold up` is told.

What is given on the command line is kept, so the second `freehold up` needs only the passphrase.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from freehold.core.errors import InvalidInput

DEFAULT_RPC_URL = "http://127.0.0.1:8545"
DEFAULT_PORT = 7400


@dataclass(frozen=True)
class Settings:
    """One node's settings; all of them, with their defaults."""

    name: str = ""
    """What others see; asked for at first start."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = DEFAULT_PORT
    """Port to listen on; 0 takes a free one."""
    rpc_url: str = DEFAULT_RPC_URL
    """JSON-RPC endpoint of the chain."""
    peers: tuple[str, ...] = ()
    """Nodes whose catalogues `search` reads."""
    blobs: str = ""
    """Where encrypted payloads lie: a folder or an s3:// URL; empty means HOME/blobs."""
    token: str = ""
    """Address of the dollar token; empty means the test dollar of a local chain."""
    endpoint: str = ""
    """URL under which others reach this node; empty means http://HOST:PORT."""
    max_table_bytes: int = 256 * 1024 * 1024
    """Largest table file that `publish` accepts."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidInput(f"{self.port} is not a port", hint="Ports are 0 to 65535; 0 takes a free one.")

    def with_overrides(self, **given: Any) -> Settings:
        """These settings with every value that is not None replaced."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def load(home: Path) -> Settings:
    """Read `HOME/config.toml`; defaults where it is absent.

    Raises:
        InvalidInput: unreadable, an unknown setting or a wrong type.
    """
    path = home / "config.toml"
    if not path.exists():
        return Settings()
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {error}", hint="Mend or delete the file.") from error
    known = {field.name: field for field in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise InvalidInput(f"{path}: unknown setting {name}", hint=f"Settings are: {', '.join(known)}.")
        expected = type(known[name].default)
        if expected is tuple:
            fits, wanted = (
                isinstance(value, list) and all(isinstance(item, str) for item in value),
                "a list of text",
            )
        else:
            fits, wanted = type(value) is expected, expected.__name__
        if not fits:
            raise InvalidInput(f"{path}: {name} must be {wanted}", hint="See docs/reference/settings.md.")
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return Settings(**given)


def save(home: Path, settings: Settings) -> None:
    """Write `HOME/config.toml` whole or not at all."""
    # JSON strings, numbers and lists of strings are TOML too
    lines = [f"{name} = {json.dumps(value)}" for name, value in asdict(settings).items()]
    write_private(home / "config.toml", "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
