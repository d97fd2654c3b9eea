"""`postgresql://USER@HOST[:PORT]/NAME[?sslmode=...]`: where a database is; never with a password."""

from __future__ import annotations

import getpass
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from freehold import plain_file
from freehold.core.errors import InvalidInput

SSL_MODES = ("disable", "require", "verify-full")
DEFAULT_PORT = 5432
_MAX_CHARACTERS = 2_000
_PORTS = 1 << 16
_MAX_PASSFILE_BYTES = 1 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class PasswordInUrl(InvalidInput, code="database.password"):
    """A database URL holds a password, which command lines, settings and backups would show."""


@dataclass(frozen=True, slots=True)
class Address:
    """One database of one server."""

    host: str
    """Name or IP address; a folder (it begins with /) holds the server's Unix socket."""
    port: int
    name: str
    user: str
    sslmode: str
    """disable, require (encrypted, the server is not verified) or verify-full."""
    sslrootcert: str
    """File of the authorities to verify by; empty means those of the system."""

    @property
    def is_socket(self) -> bool:
        """Whether the server is reached through a Unix socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.name}"


def parse(url: str) -> Address:
    """The parts of a URL. Servers elsewhere are verified (verify-full) unless `sslmode` says otherwise.

    Raises `PasswordInUrl`. `InvalidInput`: not such a URL, or an option that is not known.
    """
    hint = "Write postgresql://USER@HOST/NAME, with ?sslmode=require or verify-full where wanted."
    if len(url) > _MAX_CHARACTERS or not url.isprintable():
        raise InvalidInput("the database URL is too long or holds control characters", hint=hint)
    try:
        parts = urlsplit(url)
        host = unquote(parts.hostname or "")
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        port = parts.port or int(options.pop("port", DEFAULT_PORT))
    except ValueError as error:
        raise InvalidInput("the database URL cannot be read", hint=hint) from error
    if parts.password is not None or "password" in options:
        raise PasswordInUrl(
            "a password does not belong in the database URL",
            hint="Set PGPASSWORD, or keep it in ~/.pgpass (mode 0600); change it if others may have seen it.",
        )
    if parts.scheme not in ("postgresql", "postgres"):
        raise InvalidInput("the database must be a postgresql:// URL", hint=hint)
    host = options.pop("host", host) or "localhost"
    name = unquote(parts.path.removeprefix("/"))
    near = host.startswith("/") or host in _LOOPBACK
    address = Address(
        host=host,
        port=port,
        name=name,
        user=unquote(parts.username or "") or _user(),
        sslmode=options.pop("sslmode", "disable" if near else "verify-full"),
        sslrootcert=options.pop("sslrootcert", ""),
    )
    if not 0 < port < _PORTS:
        raise InvalidInput(f"{port} is not a port", hint=hint)
    if not name or options or address.sslmode not in SSL_MODES:
        wrong = "names no database" if not name else f"has an unknown {', '.join(options) or 'sslmode'}"
        raise InvalidInput(f"the database URL {wrong}", hint=f"{hint} sslmode: {', '.join(SSL_MODES)}.")
    return address


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise InvalidInput(
            "the database URL names no user", hint="Write postgresql://USER@HOST/NAME."
        ) from error


def password(address: Address) -> str:
    """As libpq finds it: PGPASSWORD, else the file PGPASSFILE or ~/.pgpass; empty if there is none.

    Raises `InvalidInput`: the file can be read by others.
    """
    if given := os.environ.get("PGPASSWORD"):
        return given
    path = Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InvalidInput(
                "other users may read the password file", hint=f"chmod 600 {plain_file.typed(path)}"
            )
        lines = plain_file.text(path, _MAX_PASSFILE_BYTES).splitlines()
    except (OSError, ValueError, RuntimeError):
        return ""
    host = "localhost" if address.is_socket else address.host
    wanted = (host, str(address.port), address.name, address.user)
    for line in lines:
        *fields, secret = [*_fields(line), ""][:5]
        if len(fields) == len(wanted) and all(
            field in ("*", value) for field, value in zip(fields, wanted, strict=True)
        ):
            return secret
    return ""


def _fields(line: str) -> list[str]:
    """Parts between colons; a backslash takes the next character as it is."""
    if line.startswith("#"):
        return []
    fields, escaped = [""], False
    for character in line:
        if character == "\\" and not escaped:
            escaped = True
            continue
        if character == ":" and not escaped:
            fields.append("")
        else:
            fields[-1] += character
        escaped = False
    return fields
