"""Where a passphrase comes from: a descriptor, a file, the keyring, the keyboard; never arguments or environment."""

from __future__ import annotations

import codecs
import getpass
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold import plain_file
from freehold.core import causes, extras
from freehold.core.errors import InvalidInput, Unavailable
from freehold.vault.passphrases import MOST_BYTES

SERVICE = "freehold"
MARK = "passphrase-in-keyring"
"""A file in HOME that says that it is in the keyring, which is not opened (and asks nobody for leave) otherwise."""
PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", help="Read the passphrase from it.", metavar="FD")
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="Read the passphrase from it.", metavar="FILE", parser=plain_file.chosen
    ),
]
"""Options by which commands that open keys are told where the passphrase comes from."""


class PassphraseExposed(InvalidInput, code="passphrase.exposed"):
    """The file with the passphrase or key is open to other users of this machine."""


class KeyringFailed(Unavailable, code="keyring.failed"):
    """The operating system's keyring cannot be used."""


def obtain(descriptor: int | None, file: Path | None, *, new: bool, home: Path | None = None) -> str:
    """The passphrase, from the first source given; at the keyboard twice when it is `new`.

    Where neither descriptor nor file is given, the keyring is asked for that of `home` if it was told. Raises
    InvalidInput where none is given, or two that differ, PassphraseExposed and KeyringFailed.
    """
    if descriptor is not None and file is not None:
        raise InvalidInput("give --passphrase-fd or --passphrase-file, not both")
    if descriptor is not None:
        return _checked(_from_descriptor(descriptor))
    if file is not None:
        return _checked(_from_file(plain_file.named(file)))
    if home is not None and (remembered := recall(home)) is not None:
        return _checked(remembered.encode())
    if not sys.stdin.isatty():
        raise InvalidInput(
            "a passphrase is needed and there is no keyboard to type it at",
            hint="Give --passphrase-file FILE or --passphrase-fd N.",
        )
    given = getpass.getpass("Passphrase for this node's keys: ")
    if new and getpass.getpass("The same once more: ") != given:
        raise InvalidInput("the two passphrases differ", hint="Nothing was made. Try again.")
    return _checked(given.encode(errors="surrogateescape"))


def _from_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb", buffering=0, closefd=True):
            return _line(plain_file.received(descriptor, MOST_BYTES, b"\n"))
    except (OSError, OverflowError) as error:
        why = f": {error.strerror}" if isinstance(error, TimeoutError) else ""
        raise InvalidInput(
            f"file descriptor {descriptor} cannot be read{why}", hint="Open it for the command: 3<FILE."
        ) from error


def _from_file(path: Path) -> bytes:
    try:
        return _line(
            plain_file.given(
                path, MOST_BYTES, until=b"\n", allowed=lambda found: require_private(path, found)
            )
        )
    except OSError as error:
        raise causes.of(plain_file.nameless(error), "read the passphrase") from error


def _line(content: bytes) -> bytes:
    line, end, _ = content.partition(b"\n")
    return line + end


def require_private(path: Path, found: os.stat_result) -> None:
    """PassphraseExposed where others may read, or write. Pipes, as of `<(pass show node)`, are private.

    Credentials of systemd are as systemd made them: some show a group's bit that stands for an access list.
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
                hint=f"chmod 600 {plain_file.typed(path)}; change the secret if somebody may have read it.",
            )
    elif not stat.S_ISCHR(found.st_mode):
        raise PassphraseExposed(f"{path} is no file to keep a secret in", hint="Give a file or a pipe.")


def _checked(line: bytes) -> str:
    if len(line) > MOST_BYTES:
        raise InvalidInput(
            f"a passphrase has at most {MOST_BYTES:,} bytes; what was given is longer",
            hint="Give one line: is it the right file?",
        )
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


def remember(home: Path, secret: str) -> None:
    """Put the passphrase into the keyring; KeyringFailed where there is none, or it refuses."""
    with _keyring() as keyring:
        keyring.set_password(SERVICE, _name(home), secret)
    (home / MARK).touch(mode=0o600)


def recall(home: Path) -> str | None:
    """The passphrase; None if it was not remembered, KeyringFailed if it was and the keyring does not give it."""
    if not (home / MARK).exists():
        return None
    with _keyring() as keyring:
        secret: str | None = keyring.get_password(SERVICE, _name(home))
    if secret is None:
        raise KeyringFailed(
            "the keyring no longer holds this node's passphrase",
            hint="Run freehold keys forget, or give --passphrase-file.",
        )
    return secret


def forget(home: Path) -> bool:
    """Take it out of the keyring; whether it was remembered."""
    if not (home / MARK).exists():
        return False
    # one that is gone already is what was wanted
    with _keyring() as keyring, suppress(keyring.errors.PasswordDeleteError):
        keyring.delete_password(SERVICE, _name(home))
    (home / MARK).unlink()
    return True


def require_open(secret: str, home: Path) -> None:
    """Refuse a passphrase that does not open the node's keys."""
    from freehold.kernel.reading import KEYS_FILE  # noqa: PLC0415
    from freehold.vault.keystore import Keys  # noqa: PLC0415

    path = home / KEYS_FILE
    if not path.exists():
        raise InvalidInput(f"there are no keys in {home}", hint="Start the node once: freehold up.")
    Keys.load(path, secret)


@contextmanager
def _keyring() -> Iterator[Any]:
    with extras.needed("keyring"):
        import keyring.errors  # noqa: PLC0415 - an extra

    try:
        yield keyring
    except keyring.errors.KeyringError as error:
        raise KeyringFailed(
            "the operating system's keyring cannot be used here",
            hint="A desktop session has one, and so has macOS; else give --passphrase-file or --passphrase-fd.",
        ) from error


def _name(home: Path) -> str:
    return str(home.resolve())
