"""Requests for grants that owners decide by hand: list, accept, counter, refuse; and as the asker, take or drop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.kernel.cli.allowing import Max
from freehold.kernel.cli.options import DEFAULT_HOME, Dollars, Home, Json, units
from freehold.kernel.cli.output import day, emit, plain, table
from freehold.kernel.client import NodeClient

Request = Annotated[str, typer.Argument(help="Id of the request, in full or its first digits.")]

_INCOMING = ("request", "state", "who asks", "asset", "purpose", "uses", "pays", "until", "asked", "said")
_OUTGOING = ("request", "state", "asked of", "asset", "for", "uses", "price", "asked", "said")


def add(group: typer.Typer) -> None:
    """Add the commands of this file to `grants`."""
    for command in (requests, accept, counter, refuse, take, drop):
        group.command(command.__name__)(command)


def requests(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List requests that wait for an owner's word, both ways.

    Those made to you, because you published with --approval ask, and those you made to others.
    """
    answer = NodeClient.of(home).get("/api/requests")
    emit(answer, lambda: _tables(answer), as_json=as_json)


def accept(request: Request, *, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Issue the grant that was asked for."""
    answer = NodeClient.of(home).post(f"/api/requests/{request}/accept")
    emit(answer, lambda: [f"granted: {answer['request']['grant']}"], as_json=as_json)


def counter(
    request: Request,
    *,
    price: Dollars = None,
    max_uses: Annotated[int | None, typer.Option(help="Other number of uses.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="Other length, from now.", min=1)] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="Other purpose of those published; repeatable.")
    ] = None,
    note: Annotated[str, typer.Option(help="A line for the asker.")] = "",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Offer other terms for a request.

    They stay within the published terms, and the price does not go below the published one.
    """
    change = {
        "price_units": units(price),
        "max_uses": max_uses,
        "days": days,
        "purposes": purpose or None,
        "note": note,
    }
    given = {name: value for name, value in change.items() if value is not None}
    answer = NodeClient.of(home).post(f"/api/requests/{request}/counter", given)
    emit(answer, lambda: [f"offered: {_offered(answer['request']['offer'])}"], as_json=as_json)


def refuse(
    request: Request,
    *,
    reason: Annotated[str, typer.Option(help="One line, which the asker reads.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Say no to a request, and why.

    The same account is not heard about the same asset for a day.
    """
    answer = NodeClient.of(home).post(f"/api/requests/{request}/refuse", {"reason": reason})
    emit(answer, lambda: [f"refused: {answer['request']['id']}"], as_json=as_json)


def take(request: Request, *, most: Max = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Take up the other terms an owner offered, and pay."""
    answer = NodeClient.of(home).post(
        f"/api/requests/{request}/take", {} if most is None else {"at_most_units": units(most)}
    )
    emit(answer, lambda: [f"granted: {answer['id']}"], as_json=as_json)


def drop(request: Request, *, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Forget a request you made; a training job that made it stops."""
    answer = NodeClient.of(home).post(f"/api/requests/{request}/drop")
    emit(answer, lambda: [f"dropped: {answer['asked']['id']}"], as_json=as_json)


def said(asked: dict[str, Any]) -> Iterable[str]:
    """What `grants ask` says of a request that has no grant yet."""
    yield f"{asked['state']}: {plain(asked['owner_name'])} decides by hand; nothing is paid yet"
    yield f"request: {asked['id']}"
    if asked["offer"]:
        yield f"offer: {_offered(asked['offer'])}"
        yield f"take it up with: freehold grants take {asked['id'][:10]}"
    else:
        yield "ask again later: it is the same request"


def _offered(offer: dict[str, Any]) -> str:
    from freehold.core.money import dollars  # noqa: PLC0415

    note = f" ({plain(offer['note'], most=300)})" if offer["note"] else ""
    purposes = ", ".join(offer["purposes"])
    return (
        f"{dollars(offer['price_units'])}/{offer['price_per']}, {offer['max_uses']} uses for {purposes}"
        f" until {day(offer['expires_at'])}{note}"
    )


def _tables(answer: dict[str, Any]) -> Iterable[Any]:
    if not answer["requests"] and not answer["asked"]:
        yield "no requests; others ask you where you published with --approval ask"
    if answer["requests"]:
        yield table(_INCOMING, map(_incoming, answer["requests"]), right=("uses", "pays"))
        for one in answer["requests"]:
            if one["training"] and one["state"] in ("waiting", "countered"):
                yield plain(_run(one["training"], one["id"]), most=1_000)
    if answer["asked"]:
        yield table(_OUTGOING, map(_outgoing, answer["asked"]), right=("uses", "price"))


def _incoming(one: dict[str, Any]) -> tuple[Any, ...]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    return (
        short(one["id"]),
        one["state"],
        f"{one['holder_name']} ({short(one['holder'])})",
        one["asset_name"],
        ", ".join(one["purposes"]),
        one["max_uses"],
        dollars(one["total_units"]),
        day(one["expires_at"]),
        day(one["asked_at"]),
        _offered(one["offer"]) if one["offer"] else one["reason"],
    )


def _run(run: dict[str, Any], request: str) -> str:
    """What a training run that is asked for would do to the rows."""
    from freehold.core import epsilons  # noqa: PLC0415
    from freehold.features.privacy.rules import promises  # noqa: PLC0415

    others = len(run["owners"]) - 1
    said = f"{request[:10]}  {promises.of_use(run, rows_each=run['rows_each'])}"
    said += f" {run['rounds']} rounds, {others} other owner{'' if others == 1 else 's'},"
    said += f" measured on {run['test_rows']} rows, {run['test_positives']} of label 1;"
    said += f" {len(run['earlier_runs'])} runs used these rows before"
    if run["level"] == "update":
        return f"{said}."
    return f"{said}. Afterwards a run of at most epsilon {epsilons.rough(run['left_micro'])} would still fit."


def _outgoing(one: dict[str, Any]) -> tuple[Any, ...]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

    return (
        short(one["id"]),
        one["state"],
        one["owner_name"],
        one["asset_name"],
        one["action"],
        one["max_uses"] or "",
        dollars(one["price_units"]),
        day(one["asked_at"]),
        _offered(one["offer"]) if one["offer"] else one["reason"],
    )
