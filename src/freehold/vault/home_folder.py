"""The folder of a node on a machine that other people use too: who may reach it, and what they may read.

A process that may hold keys confines itself first: no core dumps, no look into its memory, private files.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import resource
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold import plain_file
from freehold.core import causes
from freehold.core.errors import NotAllowed

OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ROOT = 0
_UNMAPPED = 65_534
"""Owner of what a user namespace does not know; nobody in it acts as that user."""


class UnsafeHome(NotAllowed, code="home.unsafe"):
    """Other users could read the home, or put another folder in its place."""


class HomeTaken(NotAllowed, code="home.taken"):
    """The folder named as a home holds folders or what other users own, and was no home before."""


@dataclass(frozen=True)
class Called:
    """What whoever reads a refusal calls the folder, and how one names another."""

    noun: str
    option: str


HOME = Called("home", "--home")
MARKS = frozenset({"keys.jwe", "node.sqlite", "chain.sqlite", "buyer-state"})
"""Of these one is in every folder that a node, a chain or a buyer used."""
_BEFORE = re.compile(r"run-\d|(blobs|uploads|chain|quickstart|lost\+found)$")
"""Folders that may be there before them: what a start left that was cut off, other homes of Freehold beneath."""


def make(home: Path, called: Called = HOME) -> int:
    """The folder, made if it is not there, with everything in it readable by its owner only.

    Returns how many files and folders were open to others before. Raises `UnsafeHome`: it belongs to another user,
    or others may replace it or a folder above it; `HomeTaken`, and nothing was changed.
    """
    home = home.absolute()
    _require_own_link(home, called)
    if other := strange(home):
        raise HomeTaken(
            f"{home} holds other things, such as {other[:80]!r}, and no {called.noun} yet",
            hint=f"Choose another {called.option}: a new or empty folder, or one that was used so before.",
            path=str(home),
        )
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if isinstance(error, FileExistsError) and home.is_file():
            error = NotADirectoryError(errno.ENOTDIR, "it is a file", str(home))
        raise causes.of(error, f"use that {called.noun}", f"Choose another {called.option}.") from error
    require_own(home, called)
    return tighten(home)


def strange(home: Path) -> str | None:
    """The name of something in a folder which nothing of ours used yet; None for an empty folder, and for one that was.

    All that lies in a home is closed to other users, which a whole system or a person's own folder would not survive.
    Files may lie there, such as settings, a passphrase or a table; folders, devices and what other users own may not.
    """
    try:
        with os.scandir(home) as found:
            # links are neither followed nor closed
            entries = {one.name: one for one in found if not one.is_symlink() or one.name in MARKS}
        if not MARKS.isdisjoint(entries):
            return None
        return min((name for name, one in entries.items() if not _may_lie_beside(one)), default=None)
    except OSError:
        # none yet, or whoever makes it says why not
        return None


def option(home: Path) -> str:
    """` --home DIR` as a command typed for this home needs it; empty for the default one."""
    home = plain_file.named(home)
    try:
        usual = Path("~/.freehold").expanduser()
    except RuntimeError:
        usual = None
    return "" if home == usual else f" --home {plain_file.typed(home)}"


def require_own(home: Path, called: Called = HOME) -> None:
    """The folder is this user's, and nobody else can put another one in its place. Raises `UnsafeHome`."""
    _require_own_link(home, called)
    if (owner := home.stat().st_uid) != os.geteuid():
        raise UnsafeHome(
            f"{home} belongs to {_user(owner)}",
            hint=f"Run Freehold as that user, or choose another {called.option}.",
            path=str(home),
        )
    require_own_place(home, called)


def require_own_place(home: Path, called: Called = HOME) -> None:
    """Nobody else can move what lies there, or is to be put there. Raises `UnsafeHome`."""
    for above in home.resolve().parents:
        if not above.exists():
            continue
        found = above.stat()
        if found.st_uid not in (os.geteuid(), _ROOT, _UNMAPPED):
            raise UnsafeHome(
                f"{above}, above the {called.noun}, belongs to {_user(found.st_uid)}, who could replace the {called.noun}",
                hint=f"Choose a {called.option} below folders of your own.",
                path=str(above),
            )
        if _others_may_write(found) and not found.st_mode & stat.S_ISVTX:
            raise UnsafeHome(
                f"other users may write into {above} and so replace the {called.noun} in it",
                hint=f"chmod go-w {plain_file.typed(above)}, or choose another {called.option}.",
                path=str(above),
            )


def tighten(home: Path) -> int:
    """Take group's and others' rights from everything in the folder; returns how many had some.

    Links are not followed, and a file of another name elsewhere (a hard link) is left for `doctor` to name.
    """
    changed = 0
    for path, found in _everything(home):
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
            changed += 1
    return changed


def open_to_others(home: Path) -> list[Path]:
    """What other users could read if they reached it."""
    return [
        path
        for path, found in _everything(home)
        if found.st_mode & OTHERS and not stat.S_ISLNK(found.st_mode)
    ]


def _everything(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The folder itself first, then what is in it; files that go meanwhile are left out."""
    yield folder, folder.stat()
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found_there:
                entries = list(found_there)
        except (FileNotFoundError, PermissionError):
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Path(entry.path), found
            if stat.S_ISDIR(found.st_mode):
                waiting.append(Path(entry.path))


def _may_lie_beside(entry: os.DirEntry[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid() and entry.name != "lost+found":
        return False
    return stat.S_ISREG(found.st_mode) or _BEFORE.match(entry.name) is not None


def _require_own_link(home: Path, called: Called) -> None:
    """A link is as good as who made it."""
    if home.is_symlink() and (owner := home.lstat().st_uid) not in (os.geteuid(), _ROOT):
        raise UnsafeHome(
            f"{home} is a link that {_user(owner)} made",
            hint=f"Remove it, or choose another {called.option}.",
        )


def _others_may_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _own_group(found.st_gid)


def _own_group(number: int) -> bool:
    """The group that many systems make for each user: its name, and nobody else in it."""
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"


PRIVATE_UMASK = 0o077
_PR_SET_DUMPABLE = 4
"""From linux/prctl.h."""


def confine() -> None:
    """Keep this process's memory and the files it makes from other users, and from other programs of this one.

    No core is written however the process ends (also none piped to a crash reporter, which a limit of 0
    alone would not stop), other processes of the same user cannot read its memory or environment, and
    files that libraries create are readable by their owner only. Children that run another program begin
    with the limit and the umask and confine themselves again.
    """
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        from ctypes import CDLL  # noqa: PLC0415

        CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def is_root() -> bool:
    """Whether this process may do anything on the machine, which a node never needs."""
    return os.geteuid() == 0
