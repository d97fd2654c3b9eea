"""Keys: what others may know of them, and the passphrase that guards them."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from freehold import plain_file
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit, note
from freehold.shell.cli import passphrase as passphrases
from freehold.shell.cli.passphrase import PassphraseFd, PassphraseFile


def show(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show the public parts of this node's keys.

    Out of its party document; needs neither passphrase nor a running node.
    """
    from freehold.kernel.reading import NodeFile, open_database  # noqa: PLC0415

    with closing(open_database(plain_file.named(home))) as connection:
        party = NodeFile(connection).party()
    value = {name: getattr(party, name) for name in ("account", "account_key", "log_key", "encryption_key")}
    lines = [f"{name.replace('_', ' '):<14}  {said}" for name, said in value.items()]
    emit(value, lambda: lines, as_json=as_json)


def passphrase(
    *,
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    new_passphrase_fd: Annotated[
        int | None, typer.Option("--new-passphrase-fd", help="Read the new one from it.", metavar="FD")
    ] = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file",
            help="Read the new one from it.",
            metavar="FILE",
            parser=plain_file.chosen,
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Change the passphrase of the key file.

    The keys stay the same, and a running node goes on. Backups made before still open with the old one.
    """
    from freehold.kernel import setting_sources  # noqa: PLC0415
    from freehold.kernel.reading import KEYS_FILE  # noqa: PLC0415
    from freehold.vault.keystore import Keys  # noqa: PLC0415
    from freehold.vault.passphrases import require_strong  # noqa: PLC0415

    path = plain_file.named(home) / KEYS_FILE
    if passphrase_fd is None and passphrase_file is None:
        note("the present passphrase:")
    keys = Keys.load(path, passphrases.obtain(passphrase_fd, passphrase_file, new=False))
    in_keyring = passphrases.recall(plain_file.named(home)) is not None
    if new_passphrase_fd is None and new_passphrase_file is None:
        note("the new passphrase:")
    fresh = passphrases.obtain(new_passphrase_fd, new_passphrase_file, new=True)
    require_strong(fresh, setting_sources.choose(plain_file.named(home), os.environ).settings.name)
    keys.save(path, fresh, replace=True)
    if in_keyring:
        passphrases.remember(plain_file.named(home), fresh)
    emit(
        {"account": keys.account, "changed": True},
        lambda: ["the passphrase is changed; make a new backup"],
        as_json=as_json,
    )


def suggest(*, as_json: Json = False) -> None:
    """Make a random passphrase, short enough to write down.

    It is printed and kept nowhere.
    """
    from freehold.vault import passphrases  # noqa: PLC0415

    made = passphrases.suggest()
    emit({"passphrase": made}, lambda: [made], as_json=as_json)


def remember(
    *,
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Keep the passphrase in the operating system's keyring.

    After that `freehold up` and the others do not ask for it. Whoever can open the keyring can open the keys.
    """
    home = plain_file.named(home)
    secret = passphrases.obtain(passphrase_fd, passphrase_file, new=False)
    passphrases.require_open(secret, home)
    passphrases.remember(home, secret)
    emit({"remembered": True}, lambda: ["the keyring holds the passphrase"], as_json=as_json)


def forget(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Take the passphrase out of the operating system's keyring."""
    known = passphrases.forget(plain_file.named(home))
    said = "the keyring no longer holds the passphrase" if known else "it was not in the keyring"
    emit({"remembered": False, "was_remembered": known}, lambda: [said], as_json=as_json)


GROUPS = {"keys": "This node's keys and their passphrase."}
COMMANDS = {
    "keys show": (show, "freehold keys show"),
    "keys passphrase": (passphrase, "freehold keys passphrase"),
    "keys suggest": (suggest, "freehold keys suggest"),
    "keys remember": (remember, "freehold keys remember"),
    "keys forget": (forget, "freehold keys forget"),
}
