"""Peers as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.core.documents import Party
from freehold.features.identity import wire
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import plain, table


def _meet(call: Call) -> None:
    party = call.answer(wire.MEET)["party"]
    call.show(party, lambda said: [f"met {plain(said.get('name'))} ({said.get('account')})"])


def _list(answer: dict[str, Any]) -> Iterable[Any]:
    if not answer["peers"]:
        return ["no peers; meet one: freehold peers add URL"]
    rows = ((plain(one["url"]), plain(one["name"]), one["account"] or "") for one in answer["peers"])
    return [table(("address", "name", "account"), rows)]


def _forgotten(answer: dict[str, Any]) -> Iterable[Any]:
    yield f"forgotten: {plain(answer['url'])}"
    if answer["until_restart"]:
        yield "it stays on the list until the next start of the node"


VIEWS = {wire.PEERS: _list, wire.FORGET: _forgotten}
COMMANDS = {"peers add": Command(wire.MEET, _meet, prints=(Party,))}
