"""Where a passphrase comes from: a descriptor, a file, the keyring, the keyboard; never arguments or environment."""

from __future__ import annotations

import codecs
import getpass
import os
import stat
import sys
import unicodedata
from pathlib import Path
from typing import Annotated

import typer

from freehold.core.errors import InvalidInput
from freehold.shell.cli import remembering

MOST_BYTES = 4_096
PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", help="Read the passphrase from it.", metavar="FD")
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Read the passphrase from it.", metavar="FILE")
]
"""Options by which commands that open keys are told where the passphrase comes from."""


class PassphraseExposed(InvalidInput):
    """The file with the passphrase or key is open to other users of this machine."""

    code = "passphrase.exposed"


def obtain(descriptor: int | None, file: Path | None, *, new: bool, home: Path | None = None) -> str:
    """The passphrase, from the first source given; at the keyboard twice when it is `new`.

    Where neither descriptor nor file is given, the keyring is asked for that of `home` if it was told.

    Raises:
        InvalidInput: none was given, or two that differ. PassphraseExposed: others may read the file.
        KeyringFailed: it should be in the keyring and is not.
    """
    if descriptor is not None and file is not None:
        raise InvalidInput("give --passphrase-fd or --passphrase-file, not both")
    if descriptor is not None:
        return _checked(_from_descriptor(descriptor))
    if file is not None:
        return _checked(_from_file(file.expanduser()))
    if home is not None and (remembered := remembering.recall(home)) is not None:
        return _checked(remembered.encode())
    if not sys.stdin.isatty():
        raise InvalidInput(
            "a passphrase is needed and there is no keyboard to type it at",
            hint="Give --passphrase-file FILE or --passphrase-fd N.",
        )
    return _checked(_from_keyboard(new=new))


def _from_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb", closefd=True) as stream:
            return stream.readline(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"file descriptor {descriptor} cannot be read", hint="Open it for the command: 3<FILE."
        ) from error


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            require_private(path, os.fstat(stream.fileno()))
            return stream.readline(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"cannot read {path}: {error.strerror}", hint="Check its name and mode."
        ) from error


def require_private(path: Path, found: os.stat_result) -> None:
    """A passphrase or key that others may read, or write, is no secret. Pipes, as of `<(pass show node)`, are private.

    Credentials of systemd are as systemd made them: some show a group's bit that stands for an access list.

    Raises:
        PassphraseExposed.
    """
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if given and path.resolve().parent == Path(given).resolve():
        return
    if stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode):
        if found.st_uid not in (os.geteuid(), 0):
            raise PassphraseExposed(
                f"{path} belongs to another user", hint="Copy it into a file of your own, with mode 600."
            )
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PassphraseExposed(
                f"other users may read or write {path}",
                hint=f"chmod 600 {path}; change the secret if somebody may have read it.",
            )
    elif not stat.S_ISCHR(found.st_mode):
        raise PassphraseExposed(f"{path} is no file to keep a secret in", hint="Give a file or a pipe.")


def _from_keyboard(*, new: bool) -> bytes:
    given = getpass.getpass("Passphrase for this node's keys: ")
    if new and getpass.getpass("The same once more: ") != given:
        raise InvalidInput("the two passphrases differ", hint="Nothing was made. Try again.")
    return given.encode()


def _checked(line: bytes) -> str:
    if len(line) > MOST_BYTES:
        raise InvalidInput(f"a passphrase has at most {MOST_BYTES} bytes")
    try:
        # editors of one system begin a file with a byte order mark, which nobody types at a keyboard
        text = line.removeprefix(codecs.BOM_UTF8).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput("a passphrase must be UTF-8 text") from None
    if control := next((one for one in text if unicodedata.category(one) == "Cc"), ""):
        raise InvalidInput(
            f"the passphrase holds the control character U+{ord(control):04X}, which cannot be typed",
            hint="Write it as one line of plain text, in UTF-8.",
        )
    if not text:
        raise InvalidInput("the passphrase is empty", hint="Keys are worth a long one.")
    return text
