"""Payment channels: dollars set aside for calls of models, and taking back what is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.kernel.client import NodeClient
from freehold.kernel.terminal.options import DEFAULT_HOME, Home, Json
from freehold.kernel.terminal.output import emit, minute, plain, table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="Dollars set aside to pay for predictions.")
    group.command("list")(list_channels)
    group.command("close")(close)
    group.command("retry")(retry)
    app.add_typer(group, name="channels")


def list_channels(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List channels: those paid from, and those still to settle."""
    answer = NodeClient.of(home).get("/api/channels")
    emit(answer, lambda: _lists(answer), as_json=as_json)


def retry(
    channel: Annotated[str, typer.Argument(help="Id of a channel, in full or its first digits.")],
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Settle a channel once more that failed or was refused.

    A settlement that was mined and failed has cost its gas, so the node does not send another by itself.
    """
    answer = NodeClient.of(home).post(f"/api/channels/{channel}/retry")
    emit(answer, lambda: _retried(answer), as_json=as_json)


def close(
    channel: Annotated[str, typer.Argument(help="Id of a channel, in full or its first digits.")],
    *,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Take back what a channel still holds.

    The first call asks to close; the seller then has a day to settle what was paid. Call again after that
    to get the rest.
    """
    answer = NodeClient.of(home).post(f"/api/channels/{channel}/close")
    emit(answer, lambda: _closed(answer), as_json=as_json)


def _closed(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    if answer["status"] == "closed":
        yield f"closed: {short(answer['channel'])}, {dollars(answer['withdrawn_units'])} back in the wallet"
    else:
        yield f"closing: {short(answer['channel'])}; call again after {minute(answer['closes_at'])}"


def _retried(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    yield f"settled {short(answer['channel'])}: {dollars(answer['units'])} for {answer['gas']:,} gas"


def gas_line(gas: dict[str, Any]) -> str:
    """What a node spends on gas by itself, in one line."""
    ceiling = "no limit" if gas["ceiling"] is None else f"of {gas['ceiling']:,}"
    said = f"{gas['used']:,} {ceiling} in 24 hours by itself, {gas['by_hand']:,} by hand"
    return f"{said}; spent, next from {minute(gas['frees_at'])}" if gas["spent"] else said


def _lists(answer: dict[str, Any]) -> Iterable[Any]:
    yield from _table(answer["channels"])
    if answer["unsettled"]:
        yield from _unsettled(answer["unsettled"])
    if answer["lost"]:
        yield _lost(answer["lost"])
    yield f"gas: {gas_line(answer['gas'])}"


def _unsettled(rows: list[dict[str, Any]]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

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
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    lines = (
        (short(row["channel"]), short(row["model"]), dollars(row["units"]), minute(row["at"])) for row in rows
    )
    return table(("payer withdrew", "model", "lost", "found"), lines, right=("lost",))


def _table(channels: list[dict[str, Any]]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

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
        f"{dollars(locked)} set aside and unspent; a day after freehold channels close CHANNEL it can be taken back",
    ]
