"""Publishing datasets and finding those of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold.core import epsilons
from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.features.data import wire
from freehold.features.privacy.rules import promises
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import day, plain, table


def _published(answer: dict[str, Any]) -> Iterable[Any]:
    asset = answer["asset"]
    yield f"published: {asset['id']}"
    yield from _table([asset])
    for warning in answer["warnings"]:
        yield f"note: {warning}"
    run, life = (epsilons.text(asset[f"epsilon_{span}_micro"]) for span in ("run", "life"))
    yield f"a run may cost the rows an epsilon of {run}, all runs together {life}; what was spent: freehold privacy"
    if asset["reveals"] == "update":
        yield promises.EXACT


def _inspection(report: dict[str, Any]) -> Iterable[Any]:
    columns = report["columns"]
    yield f"{report['file']}: {report['rows']:,} rows, {len(columns)} column{'' if len(columns) == 1 else 's'}, {report['size_bytes']:,} bytes"
    yield f"label {report['label']}: {report['positives']:,} rows are 1, {report['rows'] - report['positives']:,} are 0"
    yield f"columns: {', '.join(columns[:12])}{f' and {len(columns) - 12} more' if len(columns) > 12 else ''}"
    for warning in report["warnings"]:
        yield f"note: {warning}"
    yield from report["privacy"]
    yield "nothing was published; leave out --inspect to publish"


def _table(assets: list[dict[str, Any]]) -> Iterable[Any]:
    if not assets:
        return ["nothing found; one more node to search with is added by: freehold peers add URL"]
    rows = (
        (
            short(asset["id"]),
            asset["kind"],
            asset["name"],
            "you" if asset["mine"] else asset["owner_name"],
            "" if asset["rows"] is None else f"{asset['rows']:,}",
            asset["label"] or "",
            _price(asset),
            day(asset["expires_at"]),
            "asks first" if asset.get("approval") == "ask" else "",
        )
        for asset in assets
    )
    return [
        table(
            ("asset id", "kind", "name", "owner", "rows", "label", "price", "until", "approval"),
            rows,
            right=("rows", "price"),
        )
    ]


def _price(asset: dict[str, Any]) -> str:
    return f"{dollars(asset['price_units'])}/{asset['per'] if asset['price_per'] == 'use' else 'grant'}"


def _own(assets: list[dict[str, Any]]) -> Iterable[Any]:
    if not assets:
        return ["nothing of yours yet; offer a table: freehold publish FILE"]
    rows = (
        (
            short(asset["id"]),
            asset["kind"],
            plain(asset["name"]),
            f"{asset['version']:,}",
            _price(asset),
            day(asset["expires_at"]),
            ("asks first" if asset["approval"] == "ask" else "on offer") if asset["offered"] else "off offer",
        )
        for asset in assets
    )
    names = ("asset id", "kind", "name", "version", "price", "until", "state")
    return [table(names, rows, right=("version", "price"))]


def _state(answer: dict[str, Any]) -> Iterable[Any]:
    said = "you decide each request" if answer["approval"] == "ask" else "granted at once within its terms"
    yield f"{plain(answer['name'])}: {f'on offer, {said}' if answer['offered'] else 'off offer; grants stay until you revoke them'}"


def _usual(answer: dict[str, Any]) -> Iterable[Any]:
    yield f"price     {dollars(answer['price_units'])} a grant"
    yield f"uses      {answer['max_uses']:,} a grant"
    yield f"days      {answer['days']:,}"
    yield f"approval  {answer['approval']}"


def _publish(call: Call) -> None:
    if call.more["inspect"]:
        call.show(call.answer(wire.INSPECT), _inspection)
    else:
        call.show(call.answer(wire.PUBLISH), _published)


_Inspect = Annotated[bool, typer.Option("--inspect", help="Only show what would be published.")]
VIEWS = {
    wire.SEARCH: lambda answer: _table(answer["assets"]),
    wire.ASSETS: lambda answer: _own(answer["assets"]),
    wire.WITHDRAW: _state,
    wire.OFFER: _state,
    wire.DECIDE: _state,
    wire.USUAL: _usual,
    wire.SET_USUAL: _usual,
}
COMMANDS = {
    "publish": Command(wire.PUBLISH, _publish, more={"inspect": (_Inspect, False)}, also=(wire.INSPECT,))
}
