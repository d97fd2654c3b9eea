"""What the kernel's own operations answer, as people see it; and the question of how much an act may spend."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.core.ids import short
from freehold.core.money import dollars, unasked, units
from freehold.core.times import minute
from freehold.kernel import installed, wire
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import gas_line, note, plain, table
from freehold.kernel.client import NodeClient
from freehold.vault.home_folder import option as option_of


def _spending(call: Call) -> None:
    if any(value is not None for value in call.given.values()):
        call.show(call.answer(wire.LIMIT), _limits)
    else:
        call.show(call.answer(wire.SPENDING), lambda answer: _shown(answer, call.home))


def _limits(answer: dict[str, Any]) -> Iterable[str]:
    for name, what in (("spend_per_act_micro", "for one act"), ("spend_per_day_micro", "in 24 hours")):
        yield f"{dollars(answer[name])} {what}" if answer[name] else f"no limit {what}"


def _shown(answer: dict[str, Any], home: Path) -> Iterable[Any]:
    if answer["payments"]:
        rows = (
            (minute(row["at"]), row["purpose"], short(row["about"]), dollars(row["units"]), row["state"])
            for row in answer["payments"]
        )
        yield table(("when", "what", "for", "dollars", "state"), rows, right=("dollars",))
    for name, what, option in (
        ("spend_per_act_micro", "one act", "--per-act"),
        ("spend_per_day_micro", "24 hours", "--per-day"),
    ):
        limit, how = answer[name], f"freehold spending {option} DOLLARS{option_of(home)}"
        yield f"{what:8} {dollars(limit) if limit else f'no limit set: {how}'}"
    yield f"spent    {dollars(answer['spent_units'])} in the last 24 hours"


def _logged(call: Call) -> None:
    if call.more["anchor"]:
        call.node.perform(wire.ANCHOR, {})
    call.show(call.answer(wire.LOG), _log)


def _people(answer: dict[str, Any]) -> Iterable[Any]:
    if not answer["people"]:
        return ["only the owner; invite somebody: freehold people add NAME ROLE"]
    rows = (
        (
            plain(one["name"]),
            one["role"],
            "no password yet" if one["waits"] else minute(one["seen_at"]) if one["seen_at"] else "never",
        )
        for one in answer["people"]
    )
    return [table(("name", "role", "last log-in"), rows)]


def _code(answer: dict[str, Any]) -> Iterable[Any]:
    yield f"code for {plain(answer['name'])}: {answer['code']}"
    yield f'It works once, until {minute(answer["until"])}: on the log-in page, under "I have a code".'


_UNKNOWN = "not known while the chain does not answer"


def _status(answer: dict[str, Any]) -> Iterable[Any]:
    chain, log_ = answer["chain"], answer["log"]
    yield f"{plain(answer['name'])}  {answer['account']}"
    for notice in answer["notices"]:
        yield f"NOTICE   {plain(notice['title'])}"
        yield f"         -> {plain(notice['hint'])}"
    yield f"node     {answer['url']}  (version {answer['version']})"
    yield f"rows     {answer['database']}"
    block = "does not answer" if chain["block"] is None else f"block {chain['block']}"
    yield f"chain    {chain['id']}, {block}, {chain['rpc_url']}"
    units_ = answer["balance_units"]
    yield f"wallet   {_UNKNOWN if units_ is None else dollars(units_)}"
    anchored = _UNKNOWN if log_["anchored"] is None else f"{log_['anchored']} anchored on chain"
    yield f"log      {log_['size']} entries, {anchored}"
    counts = ", ".join(f"{count} {name}" for name, count in answer["counts"].items())
    yield f"holds    {counts or 'nothing yet'}"
    yield f"gas      {gas_line(answer['gas'])}"
    for _, view in installed.said("terminal", "STATUS"):
        yield from view(answer)
    yield from (_task(piece) for piece in answer["work"])
    yield from (_task(job) for job in answer["jobs"] if job["state"] != "done")


def _task(task: dict[str, Any]) -> str:
    """One line on recurring work or a job: state, attempts, what went wrong, when it is tried again."""
    said = f"{plain(task['name'])}: {task['state']}"
    if task["attempts"]:
        said += f", {task['attempts']} failed attempts ({plain((task['last_error'] or {}).get('title', ''))})"
    if task["next_try_at"] and task["attempts"]:
        said += f", next try {datetime.fromtimestamp(task['next_try_at'], UTC):%H:%M:%S} UTC"
    return f"{'work' if 'about' in task else 'job':<9}{said}"


def _log(answer: dict[str, Any]) -> Iterable[Any]:
    for name in ("origin", "key", "size", "root", "anchored"):
        yield f"{name:<9} {_UNKNOWN if answer[name] is None else plain(answer[name])}"
    yield "\nsigned checkpoint:"
    yield from (plain(line) for line in str(answer["checkpoint"]).splitlines())


def agreed(node: NodeClient, total_units: int, found: dict[str, Any], given: str | None) -> int | None:
    """Most that an act which takes `total_units` may cost, as its owner said; None where only the node's limits count.

    `found` holds the node's limits and what the last 24 hours took. Where nothing limits the act, or it takes much and
    only days are limited, whoever sits at the terminal is asked, and what they say for good is remembered.
    """
    if given is not None:
        return units(given)
    per_act, per_day = found["spend_per_act_micro"], found["spend_per_day_micro"]
    limited = per_act or (per_day and total_units <= unasked(per_day))
    if not total_units or limited or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return _asked(node, total_units, int(found["spent_units"]), per_day)


def _asked(node: NodeClient, total_units: int, spent_units: int, per_day_units: int) -> int:
    said = "limits yet what one act may take" if per_day_units else "limits yet what this node spends"
    note(f"nothing {said}; this takes {dollars(total_units)}, the last 24 hours {dollars(spent_units)}")
    if typer.confirm("Pay it?", err=True, default=False):
        if per_day_units:
            return total_units
        said = typer.prompt(
            "Most to spend in any 24 hours from now on, in dollars (empty: only this once)",
            default="",
            show_default=False,
            err=True,
        )
        if said.strip():
            # a unit is a millionth of a dollar
            node.perform(wire.LIMIT, {"spend_per_day_micro": units(said)})
        return total_units
    raise typer.Abort


Anchor = Annotated[bool, typer.Option("--anchor", help="Put the log's root on chain first.")]
VIEWS = {
    wire.STATUS: _status,
    wire.PEOPLE: _people,
    wire.ADD_PERSON: _code,
    wire.CHANGE_ROLE: _people,
    wire.RESET_PERSON: _code,
    wire.REMOVE_PERSON: _people,
}
COMMANDS = {
    "log": Command(wire.LOG, _logged, more={"anchor": (Anchor, False)}),
    "spending": Command(
        wire.LIMIT,
        _spending,
        also=(wire.SPENDING,),
        words="""Show, or set, what this node may spend, and what it spent.

        A limit is in dollars and counts from now on, also in a node that runs.
        """,
        shown="freehold spending",
    ),
}
