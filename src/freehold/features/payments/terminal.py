"""Payment channels as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.core.times import minute
from freehold.features.payments import wire
from freehold.kernel.cli.output import gas_line, plain, table


def _closed(answer: dict[str, Any]) -> Iterable[Any]:
    if answer["status"] == "closed":
        yield f"closed: {short(answer['channel'])}, {dollars(answer['withdrawn_units'])} back in the wallet"
    else:
        yield f"closing: {short(answer['channel'])}; call again after {minute(answer['closes_at'])}"


def _retried(answer: dict[str, Any]) -> Iterable[Any]:
    yield f"settled {short(answer['channel'])}: {dollars(answer['units'])} for {answer['gas']:,} gas"


def _lists(answer: dict[str, Any]) -> Iterable[Any]:
    yield from _table(answer["channels"])
    if answer["unsettled"]:
        yield from _unsettled(answer["unsettled"])
    if answer["lost"]:
        yield _lost(answer["lost"])
    yield f"gas: {gas_line(answer['gas'])}"


def _unsettled(rows: list[dict[str, Any]]) -> Iterable[Any]:
    lines = (
        (
            short(row["channel"]),
            short(row["model"]),
            dollars(row["promised_units"]),
            row["state"],
            plain(row["title"]),
        )
        for row in rows
    )
    return [table(("to settle", "model", "promised", "state", "why"), lines, right=("promised",))]


def _lost(rows: list[dict[str, Any]]) -> Any:
    lines = (
        (short(row["channel"]), short(row["model"]), dollars(row["units"]), minute(row["at"])) for row in rows
    )
    return table(("payer withdrew", "model", "lost", "found"), lines, right=("lost",))


def _table(channels: list[dict[str, Any]]) -> Iterable[Any]:
    if not channels:
        return ["no channels; the first prediction of a model opens one"]
    rows = (
        (
            short(item["channel"]),
            short(item["model"]),
            dollars(item["deposited_units"]),
            dollars(item["promised_units"]),
            dollars(item["settled_units"]),
            dollars(item["free_units"]),
            item["status"] + (f" until {minute(item['closes_at'])}" if item["closes_at"] else ""),
        )
        for item in channels
    )
    names = ("channel", "model", "deposited", "paid", "settled", "left", "state")
    locked = sum(item["free_units"] for item in channels if item["status"] != "closed")
    return [
        table(names, rows, right=("deposited", "paid", "settled", "left")),
        f"{dollars(locked)} set aside and unspent; freehold channels close CHANNEL asks for it, and again a day later takes it back",
    ]


def _settled(answer: dict[str, Any]) -> Iterable[Any]:
    for row in answer["settled"]:
        yield f"channel {short(row['channel'])}: {dollars(row['units'])} ({row['gas']:,} gas)"
    for row in answer["failed"]:
        yield f"channel {short(row['channel'])} stays unsettled: {plain(row['title'])}"
    yield f"settled {dollars(answer['units'])}" if answer["settled"] else "nothing to settle"


def _status(answer: dict[str, Any]) -> Iterable[str]:
    for name in answer["quarantined"]:
        yield f"stopped  {plain(name)} failed on chain and waits for you: freehold channels list"
    if answer["lost_units"]:
        yield f"lost     {dollars(answer['lost_units'])} promised by buyers that withdrew before it was settled: freehold channels list"


STATUS = _status
VIEWS = {wire.LIST: _lists, wire.CLOSE: _closed, wire.RETRY: _retried, wire.SETTLE: _settled}
