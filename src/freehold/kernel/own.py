"""What the kernel itself answers, registered as a feature does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from freehold.core.errors import FreeholdError, InvalidInput, Unavailable
from freehold.core.texts import Day, said
from freehold.core.version import VERSION
from freehold.kernel import ceiling, countersigning, custody, listed, logbook, reading, trail, wire
from freehold.kernel.continuity import OtherChain
from freehold.kernel.feature import Feature, PeerCall, Reminder
from freehold.kernel.host import Host
from freehold.kernel.inbox import Inbox
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.members import Members
from freehold.kernel.node import Node
from freehold.kernel.operation import Request
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece
from freehold.kernel.registry import everything
from freehold.kernel.web.powers import OWNER, Role

LOOK_SECONDS = 300.0
"""How often it is looked at whether the log is due to be anchored."""
COMPARE_SECONDS = 15.0
_PEOPLE_PAGE = "/settings/people"
BACKUP_SECONDS = 30 * 86_400
"""How old the last backup may be before its owner is reminded."""
COUNTED = ("party", "asset", "grant", "receipt", "claim")
"""Types of document."""


def _proofs(host: Host, _: str, body: dict[str, object]) -> object:
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise InvalidInput("ids is a list of document ids")
    return logbook.proofs(host.node, ids, may_anchor=False)


def _spending(host: Host, _: Request) -> dict[str, Any]:
    ceiling.reconcile(host.node)
    return ceiling.overview(host.node)


def _limit(host: Host, asked: wire.Limits) -> dict[str, Any]:
    ceiling.limit(host.node, **asked.model_dump())
    return ceiling.overview(host.node)


def _people(host: Host) -> dict[str, Any]:
    return {
        "people": [
            {
                "name": one.name,
                "role": one.role.value,
                "waits": not one.password,
                "added_at": one.created_at,
                "seen_at": one.seen_at,
            }
            for one in host.part(Members).everybody()
        ]
    }


def _add_person(host: Host, asked: wire.AddPerson) -> dict[str, Any]:
    code = host.part(Members).add(asked.name, Role(asked.role))
    return _code(host, asked.name, code, said("Invited somebody"))


def _reset_person(host: Host, asked: wire.ResetPerson) -> dict[str, Any]:
    code = host.part(Members).reset(asked.name)
    return _code(host, asked.name, code, said("Made a code for a new password"))


def _code(host: Host, name: str, code: str, words: str) -> dict[str, Any]:
    trail.note(host.node, OWNER, words, link=_PEOPLE_PAGE)
    one = host.part(Members).named(name)
    return {"name": one.name, "code": code, "until": one.code_until}


def _change_role(host: Host, asked: wire.ChangeRole) -> dict[str, Any]:
    host.part(Members).change(asked.name, Role(asked.role))
    trail.note(host.node, OWNER, said("Changed somebody's role"), link=_PEOPLE_PAGE)
    return _people(host)


def _remove_person(host: Host, asked: wire.RemovePerson) -> dict[str, Any]:
    host.part(Members).remove(asked.name)
    trail.note(host.node, OWNER, said("Removed somebody's log-in"), link=_PEOPLE_PAGE)
    return _people(host)


def _notices(node: Node) -> Iterator[FreeholdError]:
    """Another chain, a log that must not grow, data that is gone."""
    yield from filter(None, (node.continuity.other, node.continuity.stopped))
    yield from custody.missing(node)


def _remind(host: Host) -> Iterator[Reminder]:
    """What is wrong with this home, what the node does not send by itself any more, and a backup that is due."""
    node = host.node
    for one in notices(node):
        text = said("{what}. {hint}", what=one["title"][:1].upper() + one["title"][1:], hint=one["hint"])
        yield Reminder(text, "/backup", said("Look"), f"notice:{one['code']}", "trouble")
    if stopped := len(subjects.quarantined(node)):
        text = said.many(
            "A payment failed on the network, at the cost of a fee, and waits for you.",
            "{n} payments failed on the network, at the cost of fees, and wait for you.",
            n=stopped,
        )
        yield Reminder(text, "/channels", said("Look"), "quarantined", "trouble")
    if purse.day(node).spent:
        text = said(
            "The fees this node may spend by itself in a day are spent. It goes on as the day passes."
        )
        yield Reminder(text, "/limits", said("Look"), "fees", "trouble")
    last = reading.last_backup(node.home)
    if node.now() - last > BACKUP_SECONDS and listed.assets(node, owner=node.account, limit=1):
        text = (
            said("Your last backup is from {day}.", day=Day(last))
            if last
            else said(
                "There is no backup yet. If this machine breaks, your data's account and earnings are lost."
            )
        )
        yield Reminder(text, "/backup", said("Make a backup"), f"backup:{last}", "backup", last)


def _recurring(host: Host) -> tuple[Piece, ...]:
    """Countersign, compare the log with the chain, anchor it."""
    node = host.node
    pause = min(node.settings.anchor_every_seconds or LOOK_SECONDS, LOOK_SECONDS)
    return (
        Piece(
            "receipts",
            "countersign what was bought",
            PAYMENTS_SECONDS,
            host.countersigner.flush,
            at_stop=True,
        ),
        Piece(
            "log", "compare the log with what the chain vouches for", COMPARE_SECONDS, lambda: _compare(node)
        ),
        Piece(
            "anchor", "anchor the log on chain where it has grown", pause, lambda: logbook.anchor_if_due(node)
        ),
    )


def _compare(node: Node) -> None:
    if node.continuity.stopped is None:
        node.continuity.look()
    node.continuity.require_going()


def status(host: Host) -> dict[str, Any]:
    """What is there, what it is worth, and what is wrong."""
    node = host.node
    seen, trouble = _seen(node)
    with node.store.log() as log:
        size = log.size()
    found = {
        "name": node.settings.name,
        "account": node.account,
        "url": node.party.document.body["endpoints"][0],
        "chain": {"id": node.chain_id, "block": seen.get("block"), "rpc_url": node.settings.rpc_url},
        "database": str(node.store),
        "balance_units": seen.get("balance_units"),
        "log": {"size": size, "anchored": seen.get("anchored")},
        "counts": {kind: node.store.counted(kind) for kind in COUNTED},
        "gas": purse.day(node).to_json(),
        "quarantined": sorted(subjects.quarantined(node)),
        "notices": [*([_notice(trouble)] if trouble else []), *notices(node)],
        "version": VERSION,
        **work(host),
    }
    for facts in everything().every("facts"):
        found |= facts(host)
    return found


def _seen(node: Node) -> tuple[dict[str, int], FreeholdError | None]:
    """What only the chain knows; where it does not answer nothing of it, and why."""
    try:
        with suppress(OtherChain):  # a notice says so
            node.continuity.require_same()
        return {
            "block": node.chain.block_number(),
            "balance_units": node.balance_units(),
            "anchored": logbook.anchored_size(node),
        }, None
    except Unavailable as error:
        return {}, error


def work(host: Host) -> dict[str, Any]:
    """Recurring work and jobs with state, attempts, last error and next try."""
    return {
        "work": host.work.overview(),
        "jobs": [row for tasks in everything().every("tasks") for row in tasks(host)],
    }


def notices(node: Node) -> list[dict[str, str]]:
    """What is wrong with this home, the gravest first: first what the kernel says, then features."""
    found = (one for look in everything().every("notices") for one in look(node))
    return [_notice(one) for one in found]


def _notice(one: FreeholdError) -> dict[str, str]:
    return {"code": one.code, "title": one.message, "hint": one.hint}


FEATURE = Feature(
    name="kernel",
    about="A party with keys, store, log, chain and peers.",
    operations=(
        wire.STATUS.does(lambda host, _: status(host)),
        wire.WORK.does(lambda host, _: work(host)),
        wire.LOG.does(lambda host, _: logbook.shown(host.node)),
        wire.ANCHOR.does(lambda host, _: logbook.anchor(host.node)),
        wire.GAS.does(lambda host, _: host.node.gas_used()),
        wire.SPENDING.does(_spending),
        wire.LIMIT.does(_limit),
        wire.PEOPLE.does(lambda host, _: _people(host)),
        wire.ADD_PERSON.does(_add_person),
        wire.CHANGE_ROLE.does(_change_role),
        wire.RESET_PERSON.does(_reset_person),
        wire.REMOVE_PERSON.does(_remove_person),
    ),
    peer_calls=(
        PeerCall(
            "/countersign",
            lambda host, sender, body: countersigning.accept(host.node, sender, body.get("receipts")),
            large=True,
        ),
        PeerCall("/proofs", _proofs, heavy=True),
    ),
    parts=(Members, Inbox),
    recurring=(_recurring,),
    reminders=(_remind,),
    topics={"inbox": lambda host: host.part(Inbox).count()},
    notices=(_notices,),
)
