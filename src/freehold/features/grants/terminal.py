"""Grants and requests for them as people see them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.core import epsilons
from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.features.grants import wire
from freehold.features.privacy.rules import promises
from freehold.kernel.cli.output import day, plain, table

_INCOMING = ("request", "state", "who asks", "asset", "purpose", "uses", "pays", "until", "asked", "said")
_OUTGOING = ("request", "state", "asked of", "asset", "for", "uses", "price", "asked", "said")


def _grants(answer: dict[str, Any]) -> Iterable[Any]:
    grants = answer["grants"]
    if not grants:
        return ["no grants yet; publish a dataset, or ask for one: freehold grants ask ASSET"]
    rows = (
        (
            short(grant["id"]),
            "issued" if grant["issued"] else "held",
            grant["asset_name"] or short(grant["asset"]),
            short(grant["holder"] if grant["issued"] else grant["issuer"]),
            "train" if "train" in grant["actions"] else ", ".join(grant["actions"]),
            f"{grant['uses']}/{grant['max_uses']}",
            f"{dollars(grant['price_units'])}/{grant['price_per']}",
            day(grant["expires_at"]),
            "revoked" if grant["revoked"] else "stands",
        )
        for grant in grants
    )
    names = ("grant", "side", "asset", "other party", "for", "uses", "price", "until", "state")
    return [table(names, rows, right=("uses", "price"))]


def _asked(answer: dict[str, Any]) -> Iterable[str]:
    return _said(answer["asked"]) if "status" in answer else _granted(answer)


def _granted(grant: dict[str, Any]) -> Iterable[str]:
    yield f"granted: {grant['id']}"
    if grant["price_per"] == "grant" and grant["price_units"]:
        yield f"paid: {dollars(grant['price_units'])}"


def _said(asked: dict[str, Any]) -> Iterable[str]:
    """What `grants ask` says of a request that has no grant yet."""
    yield f"{asked['state']}: {plain(asked['owner_name'])} decides by hand; nothing is paid yet"
    yield f"request: {asked['id']}"
    if asked["offer"]:
        yield f"offer: {_offered(asked['offer'])}"
        yield _how_to_take(asked)
    else:
        yield "ask again later: it is the same request"


def _offered(offer: dict[str, Any]) -> str:
    note = f" ({plain(offer['note'], most=300)})" if offer["note"] else ""
    purposes = ", ".join(offer["purposes"])
    return (
        f"{dollars(offer['price_units'])}/{offer['price_per']}, {offer['max_uses']} uses for {purposes}"
        f" until {day(offer['expires_at'])}{note}"
    )


def _how_to_take(asked: dict[str, Any]) -> str:
    """The command that takes up the offer which is shown, and no later one."""
    return f"take it up with: freehold grants take {asked['id'][:10]} --offer {asked['offer']['id'][:18]}"


def _tables(answer: dict[str, Any]) -> Iterable[Any]:
    if not answer["requests"] and not answer["asked"]:
        yield "no requests; others ask you where you decide each one by hand"
    if answer["requests"]:
        yield table(_INCOMING, map(_incoming, answer["requests"]), right=("uses", "pays"))
        for one in answer["requests"]:
            if one["training"] and one["state"] in ("waiting", "countered"):
                yield plain(_run(one), most=1_000)
    if answer["asked"]:
        yield table(_OUTGOING, map(_outgoing, answer["asked"]), right=("uses", "price"))
        yield from (_how_to_take(one) for one in answer["asked"] if one["offer"])


def _incoming(one: dict[str, Any]) -> tuple[Any, ...]:
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


def _run(one: dict[str, Any]) -> str:
    """What a training run that is asked for would do to the rows."""
    run, asker = one["training"], one["holder"]
    others, before = len(run["owners"]) - 1, len(run["earlier_runs"])
    rows = sum(owner["rows"] for owner in run["owners"])
    keeper = "who asks" if run["test_holder"] == asker else short(run["test_holder"])
    said = f"{short(one['id'])}  {promises.of_use(run, rows_each=run['rows_each'])}"
    said += (
        f" {run['rounds']} rounds, {others} other owner{'' if others == 1 else 's'}, {rows:,} rows in all,"
    )
    said += f" measured on {run['test_rows']} rows, {run['test_positives']} of label 1, kept by {keeper};"
    said += f" {before} run{'' if before == 1 else 's'} used these rows before"
    if run["judge"]:
        said += f"; {short(run['judge'])}, as judge, may be shown all rows afterwards"
    if run["level"] == "update":
        return f"{said}."
    return f"{said}. Afterwards a run of at most epsilon {epsilons.rough(run['left_micro'])} would still fit."


def _outgoing(one: dict[str, Any]) -> tuple[Any, ...]:
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


VIEWS = {
    wire.LIST: _grants,
    wire.ASK: _asked,
    wire.REVOKE: lambda answer: [f"revoked: {answer['grant']} ({answer['gas']:,} gas)"],
    wire.REQUESTS: _tables,
    wire.ACCEPT: lambda answer: [f"granted: {answer['request']['grant']}"],
    wire.COUNTER: lambda answer: [f"offered: {_offered(answer['request']['offer'])}"],
    wire.REFUSE: lambda answer: [f"refused: {answer['request']['id']}"],
    wire.TAKE: _granted,
    wire.DROP: lambda answer: [f"dropped: {answer['asked']['id']}"],
}
