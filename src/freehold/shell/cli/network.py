"""Asking at the keyboard which network a new node is to live on."""

from __future__ import annotations

import typer

from freehold.core.errors import FreeholdError
from freehold.kernel.cli.output import note, plain


def ask() -> dict[str, str]:
    """Settings of the network that somebody chose; asked again until they hold."""
    from freehold.shell import networks, practice  # noqa: PLC0415 - the whole client

    offers = [(networks.OWN, "a practice network on this machine: play money, nothing is real")]
    offers += [
        (
            f"{networks.SHARED}{one.folder}",
            f"the practice network that runs already, of {one.folder.parent}, at {one.url}",
        )
        for one in practice.found()
    ]
    offers.append((networks.REAL, "a real network, by the address of its JSON-RPC"))
    note("Which network is this node to live on?")
    for number, (_, text) in enumerate(offers, 1):
        note(f"  {number}  {plain(text)}")
    while True:
        number = typer.prompt("Number", default=1, err=True, type=int)
        if not 1 <= number <= len(offers):
            note(f"Type a number from 1 to {len(offers)}.")
            continue
        choice, url, token = offers[number - 1][0], "", ""
        if choice == networks.REAL:
            url = typer.prompt("Address (https://…)", err=True).strip()
            token = typer.prompt(
                "Address of its dollar token (0x…)", default="", show_default=False, err=True
            ).strip()
        try:
            return networks.settings_of(choice, url, token)
        except FreeholdError as error:
            note(f"{error.message}. {error.hint}")
