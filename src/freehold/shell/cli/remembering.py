"""The passphrase in the operating system's keyring, for who asked for that.

A file in HOME says that it is there, so that the keyring is not opened (and asks nobody for leave) otherwise.
"""

from __future__ import annotations

from pathlib import Path

from freehold.core.errors import InvalidInput, Unavailable

SERVICE = "freehold"
MARK = "passphrase-in-keyring"


class KeyringFailed(Unavailable):
    """The operating system's keyring cannot be used."""

    code = "keyring.failed"


def remember(home: Path, secret: str) -> None:
    """Put the passphrase into the keyring.

    Raises:
        KeyringFailed: there is none, or it refuses.
    """
    import keyring  # noqa: PLC0415 - slow, and seldom needed
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        keyring.set_password(SERVICE, _name(home), secret)
    except KeyringError as error:
        raise _failed() from error
    (home / MARK).touch(mode=0o600)


def recall(home: Path) -> str | None:
    """The passphrase, None if it was not remembered.

    Raises:
        KeyringFailed: it was, and the keyring does not give it.
    """
    if not (home / MARK).exists():
        return None
    import keyring  # noqa: PLC0415 - slow, and seldom needed
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        secret: str | None = keyring.get_password(SERVICE, _name(home))
    except KeyringError as error:
        raise _failed() from error
    if secret is None:
        raise KeyringFailed(
            "the keyring no longer holds this node's passphrase",
            hint="Run freehold keys forget, or give --passphrase-file.",
        )
    return secret


def forget(home: Path) -> bool:
    """Take it out of the keyring; whether it was remembered."""
    import keyring  # noqa: PLC0415 - slow, and seldom needed
    from keyring.errors import KeyringError, PasswordDeleteError  # noqa: PLC0415

    if not (home / MARK).exists():
        return False
    try:
        keyring.delete_password(SERVICE, _name(home))
    except PasswordDeleteError:
        # gone already, which is what was wanted
        pass
    except KeyringError as error:
        raise _failed() from error
    (home / MARK).unlink()
    return True


def require_open(secret: str, home: Path) -> None:
    """Refuse a passphrase that does not open the node's keys."""
    from freehold.shell.daemon import KEYS_FILE  # noqa: PLC0415
    from freehold.vault.keystore import Keys  # noqa: PLC0415

    path = home / KEYS_FILE
    if not path.exists():
        raise InvalidInput(f"there are no keys in {home}", hint="Start the node once: freehold up.")
    Keys.load(path, secret)


def _failed() -> KeyringFailed:
    return KeyringFailed(
        "the operating system's keyring cannot be used here",
        hint="A desktop session has one, and so has macOS; else give --passphrase-file or --passphrase-fd.",
    )


def _name(home: Path) -> str:
    return str(home.resolve())
