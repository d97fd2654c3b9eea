"""The home folder, its files, the port and the machine."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from freehold import plain_file
from freehold.core.errors import FreeholdError
from freehold.core.version import VERSION
from freehold.kernel import reading, setting_sources
from freehold.kernel.finding import CheckFound, ok, problem, warning
from freehold.kernel.settings import Settings
from freehold.shell import daemon
from freehold.vault import home_folder, keystore
from freehold.vault.keystore import MAX_FILE_BYTES

LITTLE_BYTES = 1024**3
NONE_BYTES = 100 * 1024**2
ANSWER_SECONDS = 5.0
_PRIVATE = (reading.KEYS_FILE, reading.TOKEN_FILE)


@dataclass(frozen=True)
class Running:
    """Whether a node runs in this home, and where it answers."""

    locked: bool
    """A process holds the home."""
    url: str
    """What it left in `node.json`; empty if nothing."""


def folder(home: Path) -> Iterator[CheckFound]:
    """Owner and modes of the home and of what is secret in it."""
    if not home.is_dir():
        yield problem(
            "home", f"there is no folder {home}", f"Start a node there: freehold up{home_folder.option(home)}"
        )
        return
    if other := home_folder.strange(home):
        yield problem(
            "home",
            f"{home} holds other things, such as {other[:80]!r}, and no home yet",
            "Name the home with --home.",
        )
        return
    found = home.stat()
    if found.st_uid != os.getuid():
        yield problem("home", f"{home} belongs to another user", "Run Freehold as the user who owns it.")
    elif found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield problem("home", f"other users can look into {home}", f"chmod 700 {plain_file.typed(home)}")
    else:
        yield ok("home", f"{home} is private")
    yield from _keys(home)
    for name in _PRIVATE:
        yield from _private(home / name)
    others = [path for path in home_folder.open_to_others(home) if path.name not in (home.name, *_PRIVATE)]
    if others:
        yield problem(
            "home.files",
            f"other users may read {len(others)} files or folders, such as {others[0].name}",
            f"The next start closes them; or: chmod -R go-rwx {plain_file.typed(home)}",
        )


def _private(path: Path) -> Iterator[CheckFound]:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    name = f"home.{path.stem}"
    if not stat.S_ISREG(found.st_mode):
        yield problem(name, f"{path.name} is not a plain file", "Look at what took its place.")
    elif found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield problem(name, f"other users may read {path.name}", f"chmod 600 {plain_file.typed(path)}")
    else:
        yield ok(name, f"{path.name} is private")


def _keys(home: Path) -> Iterator[CheckFound]:
    """What a start would say of the key file before it is opened."""
    try:
        if reading.is_new(home):
            yield problem(
                "home.keys",
                "there is no key file",
                "Start the node once, or restore a backup: freehold restore",
            )
        elif (home / reading.KEYS_FILE).is_file():
            keystore.require_whole(home / reading.KEYS_FILE)
    except PermissionError as error:
        yield problem("home.keys", f"the key file cannot be read: {error.strerror}", "Look at its owner.")
    except FreeholdError as error:
        yield problem("home.keys", f"{error.message}", error.hint or "Restore it from a backup.")


def configuration(home: Path) -> tuple[Settings | None, CheckFound]:
    """The settings, where they can be read."""
    try:
        known = setting_sources.choose(home, os.environ).settings
    except FreeholdError as error:
        return None, problem("settings", error.message, error.hint)
    return known, ok("settings", "config.toml is in order")


def versions() -> CheckFound:
    """What this runs on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return ok("versions", f"Freehold {VERSION}, Python {python}, SQLite {sqlite3.sqlite_version}")


def disk(home: Path) -> CheckFound:
    """Room on the disk of the home."""
    found = os.statvfs(home)
    free = found.f_bavail * found.f_frsize
    said = f"{free / 1024**3:.1f} GiB free"
    if free < NONE_BYTES:
        return problem("disk", said, "Free some space: without it nothing can be written, not even receipts.")
    if free < LITTLE_BYTES:
        return warning("disk", said, "Free some space soon.")
    return ok("disk", said)


def running(home: Path) -> Running:
    """Whether a node runs here, by its lock and by what it left."""
    try:
        url = str(json.loads(plain_file.content(home / "node.json", MAX_FILE_BYTES))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        url = ""
    try:
        with plain_file.regular(home / "lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(locked=True, url=url)
    except OSError:
        pass
    return Running(locked=False, url=url)


def process(state: Running, known: Settings, account: str = "") -> Iterator[CheckFound]:
    """The running node answers, or its port is free for it; `account` is that of the home where it is known."""
    if state.locked:
        yield (
            _answers(state.url)
            if state.url
            else warning(
                "node",
                "a node is starting or stopping here, or waits for its passphrase",
                "Give it in its console, at the address that it printed, or look again in a moment.",
            )
        )
        return
    yield ok("node", "no node runs in this home")
    try:
        daemon.listen(known.host, known.port).close()
    except (FreeholdError, OSError, socket.gaierror) as error:
        said = error.message if isinstance(error, FreeholdError) else str(error)
        if account and _account_at(known.host, known.port) == account:
            said += ": another copy of this home runs there, under the same account"
            yield problem("port", said, "Let one of the two run; the other is a fork of its log.")
            return
        yield problem("port", said, "End what listens there, or: freehold config set port NUMBER")
    else:
        yield ok("port", f"{known.host}:{known.port} is free")


def _account_at(host: str, port: int) -> str:
    """The account of the node that answers there; empty if none does."""
    with suppress(httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return str(_about(str(daemon.reached_at(host, port)))["party"]["document"]["account"])
    return ""


def _about(url: str) -> Any:
    with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
        return client.get(f"{url}/.well-known/freehold.json").json()


def _answers(url: str) -> CheckFound:
    try:
        software = str(_about(url).get("software"))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        return problem(
            "node", f"a node runs here but does not answer at {url} ({type(error).__name__})", "Restart it."
        )
    if software != f"freehold/{VERSION}":
        return warning(
            "node",
            f"the running node is {software[:40]}, this is freehold/{VERSION}",
            "Restart the node.",
        )
    return ok("node", f"runs and answers at {url}")
