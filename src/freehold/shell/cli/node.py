"""A node's life: start it, look at it, introduce it to others, read its log."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold import plain_file
from freehold.core.errors import InvalidInput
from freehold.kernel.cli.output import DEFAULT_HOME, Home, note, plain
from freehold.shell.cli import network
from freehold.shell.cli import passphrase as passphrases
from freehold.shell.cli.passphrase import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from freehold.kernel.node import Node

UntilEof = Annotated[
    int | None,
    typer.Option("--until-eof", help="End when this file descriptor closes: for supervisors.", metavar="FD"),
]
_GRACE_SECONDS = 8.0


def up(
    *,
    name: Annotated[str | None, typer.Option(help="What others see; asked for at first start.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = None,
    rpc_url: Annotated[
        str | None, typer.Option(help="JSON-RPC endpoint of the chain.", metavar="URL")
    ] = None,
    practice: Annotated[
        bool, typer.Option("--practice", help="Live on a practice network on this machine, with play money.")
    ] = False,
    peer: Annotated[
        list[str] | None, typer.Option(help="A node to search; repeatable.", metavar="URL")
    ] = None,
    blobs: Annotated[
        str | None, typer.Option(help="Folder or s3:// URL for encrypted data.", metavar="WHERE")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="postgresql:// URL for documents and log; never with a password.", metavar="URL"),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    console: Annotated[
        bool, typer.Option("--console", help="Ask for name and passphrase on the console's page.")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the console in the browser.")] = False,
    until_eof: UntilEof = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Run a node until Ctrl-C, with its web console.

    Without a passphrase and without a terminal, the console's page asks for it. A new node that is told of no
    network is asked which: a practice network, kept running in HOME/chain while a node needs it, or a real one.

    What is given here is kept for the next start, except the passphrase. It counts before what the
    environment says (FREEHOLD_PORT and so on, never kept), and that before config.toml.
    """
    # what is loaded stays; `daemon.run` collects garbage again once it serves
    gc.disable()
    from freehold.kernel import reading, setting_sources  # noqa: PLC0415 - the whole node
    from freehold.kernel.door import CONSOLE_PATH  # noqa: PLC0415
    from freehold.shell import daemon  # noqa: PLC0415 - the whole node
    from freehold.shell.web.unvisited import Unvisited  # noqa: PLC0415

    home = plain_file.named(home)
    given = {
        "name": name,
        "port": port,
        "rpc_url": rpc_url,
        "peers": tuple(peer) if peer else None,
        "blobs": blobs,
        "database": database,
    }
    given |= _settings(setting or [])
    given |= _network(home, given, practice=practice)
    chosen = setting_sources.choose(home, os.environ, **given)
    typed = passphrase_fd is None and passphrase_file is None and not (home / passphrases.MARK).exists()
    on_page = typed and (console or not sys.stdin.isatty())
    if not on_page and not chosen.settings.name:
        if not sys.stdin.isatty():
            raise InvalidInput("a new node needs a name", hint="Give --name NAME.")
        given["name"] = typer.prompt("Name that others see", err=True).strip()
        chosen = setting_sources.choose(home, os.environ, **given)
    new = reading.is_new(home)
    asks_network = (
        new and not on_page and sys.stdin.isatty() and passphrase_fd is None and passphrase_file is None
    )
    if asks_network and setting_sources.no_network(chosen):
        given |= network.ask()
        chosen = setting_sources.choose(home, os.environ, **given)
    secret = None if on_page else passphrases.obtain(passphrase_fd, passphrase_file, new=new, home=home)
    if until_eof is not None:
        end_at_eof(until_eof)

    # a line for people among lines of JSON would be read by nobody
    say = note if chosen.settings.log_format == "text" else logging.getLogger("freehold").info

    asked = "choose a name and a passphrase" if new else "give the passphrase"

    def waiting(url: str) -> None:
        address = f"{url}{CONSOLE_PATH}/".replace("//0.0.0.0:", "//127.0.0.1:")
        say(f"console at {address}" + (f": open it and {asked}" if on_page else ""))
        if open_browser and not webbrowser.open(address):
            note("no browser could be opened here; open the address yourself")

    def ready(node: Node, url: str) -> None:
        say(f"{plain(node.settings.name)} ready at {url}, account {node.account}; Ctrl-C ends it")

    with daemon.ending_in_time(home):
        daemon.run(home, secret, chosen.settings, ready, chosen=chosen, mount=Unvisited, waiting=waiting)


def end_at_eof(descriptor: int) -> None:
    """Send this process SIGTERM once `descriptor` reads end of file, and SIGKILL if that does not end it."""

    def watch() -> None:
        try:
            while os.read(descriptor, 1):
                pass
        except OSError:
            note(f"file descriptor {descriptor} of --until-eof cannot be read; ending")
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="until-eof", daemon=True).start()


def _network(home: Path, given: Mapping[str, Any], *, practice: bool) -> dict[str, str]:
    """What --practice or --rpc-url say of the other: a node lives on one network."""
    from freehold.kernel.settings import DEFAULT_RPC_URL, stored  # noqa: PLC0415
    from freehold.shell.practice import FOLDER  # noqa: PLC0415

    if practice and given["rpc_url"] is not None:
        raise InvalidInput("give --practice or --rpc-url, not both", hint="A node lives on one network.")
    kept = stored(home)
    if practice:
        usual = {"rpc_url": DEFAULT_RPC_URL} if "rpc_url" in kept else {}
        return {"practice": given.get("practice") or kept.get("practice") or FOLDER, **usual}
    return {"practice": ""} if given["rpc_url"] is not None and "practice" in kept else {}


def _settings(given: list[str]) -> dict[str, Any]:
    """Values of NAME=VALUE texts."""
    from freehold.kernel import setting_sources  # noqa: PLC0415

    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"{text[:80]!r} is not NAME=VALUE", hint="Write --set log_level=debug.")
        found[name] = setting_sources.read(name, [value])
    return found


COMMANDS = {"up": (up, "freehold up --home ~/clinic --name 'Riverside Clinic' --peer http://127.0.0.1:7401")}
