"""A builder that shows owners a round that was not so: refused before anything is shown, and kept as proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from node_world import Party, World, require_sound
from peer_calls import call, granted, introduce, wish
from played_builder import Played

from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.publishing import open_table
from freehold.features.models.rules.scaling import unit_rows
from freehold.features.privacy import budget
from freehold.features.training import runs
from freehold.features.training.rules import record, updates


class Cast:
    """Two owners, a builder, and a stranger who signs things too."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owners = world.owners(2)
        self.builder, self.stranger = world.party("builder"), world.party("stranger")
        self.assets = [owner.node.store.find("asset")[0].document for owner in self.owners]
        for owner in self.owners:
            introduce(self.stranger, owner)

    def run(self, **order: Any) -> Played:
        """A run that costs little, so that many fit into one budget; without a comparison of rows."""
        pairs = list(zip(self.owners, self.assets, strict=True))
        return Played(self.builder, pairs, **{"epsilon_micro": 100_000, "rounds": 3, **order})


@pytest.fixture(scope="module")
def cast(world: World) -> Cast:
    return Cast(world)


@pytest.fixture
def run(cast: Cast) -> Played:
    return cast.run()


def spent(owner: Party, run: Played) -> int:
    """How often a run was charged."""
    (line,) = budget.overview(owner.node)
    return [row["run"] for row in line["runs"]].count(run.plan.run_id)


# what the builder says of a round

Shown = tuple[Envelope, list[Envelope]]
Change = Callable[[Played, dict[str, Any], list[Envelope]], Any]


def changed(**fields: Any) -> Change:
    """Other fields of the claim; a function gets the old value and the run."""

    def change(run: Played, statement: dict[str, Any], receipts: list[Envelope]) -> Shown:
        made = {
            name: value(statement[name], run) if callable(value) else value for name, value in fields.items()
        }
        return run.claim("training_round", {**statement, **made}), receipts

    return change


def without_other(hashes: dict[str, str], run: Played) -> dict[str, str]:
    return {account: hash_ for account, hash_ in hashes.items() if account == run.me}


def half(envelope: Envelope, role: str) -> Envelope:
    return Envelope(envelope.document, tuple(one for one in envelope.signatures if one.role == role))


def resigned(run: Played, receipt: Envelope, **changes: Any) -> Envelope:
    """A receipt with other fields, that only the builder could sign."""
    body = {**receipt.document.body, **changes}
    document = parse_envelope({"document": body, "signatures": []}).document
    return Envelope(document, (run.builder.node.seal(document, "holder").signatures[0],))


def receipts(change: Callable[[Played, list[Envelope]], list[Any]]) -> Change:
    return lambda run, statement, kept: (run.claim("training_round", statement), change(run, kept))


CHANGES: dict[str, Change] = {
    "leaves the other out": changed(commitments=without_other),
    "leaves the other out, with its receipt": lambda run, statement, kept: (
        run.claim("training_round", {**statement, "commitments": without_other(statement["commitments"], run)}),
        [one for one in kept if one.document.body["provider"] == run.me],
    ),
    "says the other is away and there": changed(absent=lambda _, run: {run.other: "peer.unreachable"}),
    "invents an owner": changed(commitments=lambda old, _: {**old, "0x" + "12" * 20: NO_HASH}),
    "invents an absence": changed(absent=lambda _, run: {"0x" + "12" * 20: "peer.unreachable"}),
    "alters the other's commitment": changed(commitments=lambda old, run: {**old, run.other: NO_HASH}),
    "alters this owner's commitment": changed(commitments=lambda old, run: {**old, run.me: NO_HASH}),
    "swaps the commitments": changed(
        commitments=lambda old, run: {run.me: old[run.other], run.other: old[run.me]}
    ),
    "begins at another model": changed(previous=NO_HASH),
    "begins at another start": changed(start=NO_HASH),
    "misses somebody of no round": changed(missing=lambda _, run: [run.other]),
    "is of a later round": changed(number=2),
    "is of no round": changed(number=99),
    "is of half a round": changed(number="1"),
    "has a field more": lambda run, statement, kept: (
        run.claim("training_round", {**statement, "note": "x"}), kept,
    ),
    "gives an endless reason": changed(absent=lambda _, run: {run.other: "x" * 201}),
    "is of another run": lambda run, statement, kept: (
        run.claim("training_round", statement, about=NO_HASH), kept,
    ),
    "is a claim of another kind": lambda run, statement, kept: (run.claim("training_plan", statement), kept),
    "is signed by a stranger": lambda run, statement, kept: (
        run.stranger.node.claim("training_round", run.plan.run_id, statement), kept,
    ),
    "is not signed": lambda run, statement, kept: (
        Envelope(run.claim("training_round", statement).document, ()), kept,
    ),
    "comes without receipts": receipts(lambda run, kept: []),
    "comes without the other's receipt": receipts(
        lambda run, kept: [one for one in kept if one.document.body["provider"] == run.me]
    ),
    "comes with one receipt twice": receipts(lambda run, kept: [kept[0], kept[0]]),
    "comes with receipts that owners did not sign": receipts(
        lambda run, kept: [half(one, "holder") for one in kept]
    ),
    "comes with receipts that the builder did not sign": receipts(
        lambda run, kept: [half(one, "provider") for one in kept]
    ),
    "comes with a receipt of another output": receipts(
        lambda run, kept: [resigned(run, one, output=NO_HASH) for one in kept]
    ),
    "comes with a receipt of another round": receipts(
        lambda run, kept: [
            resigned(run, one, evidence={**one.document.body["evidence"], "round": 2}) for one in kept
        ]
    ),
    "comes with something else than receipts": receipts(lambda run, kept: [run.start, run.start]),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_a_false_account_of_a_round_opens_no_update_and_the_true_one_still_does(
    cast: Cast, run: Played, kind: str
) -> None:
    mine, other = cast.owners
    run.me, run.other, run.stranger = mine.account, other.account, cast.stranger
    claim, kept = run.open_round()
    statement = claim.document.body["statement"]
    made, shown = CHANGES[kind](run, statement, kept)
    size = require_sound(mine.node)

    answer = run.reveal(mine.account, made, shown)

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] != "internal"
    assert "update" not in answer.json()
    assert require_sound(mine.node) == size
    run.show(claim, kept)
    run.round()
    assert run.number == 3, "and the run goes on"


def test_a_round_that_leaves_an_owner_out_does_not_get_its_update(cast: Cast, run: Played) -> None:
    """It may be that its answer came too late: then its update stays with it."""
    mine, other = cast.owners
    run.committed(mine.account)
    claim, kept = run.open_round(other.account)
    answer = run.reveal(mine.account, claim, kept)
    assert (answer.status_code, answer.json()["code"]) == (422, "document.invalid")
    run.show(claim, kept)
    assert run.rounds[-1].absent == {mine.account: "peer.unreachable"}
    late = run.committed(mine.account, number=1)
    assert run.commit(mine.account).json()["code"] == "receipt.not_countersigned"
    assert run.commit(mine.account, countersigned=[late.to_json()]).status_code == 200


def test_two_accounts_of_one_round_are_both_kept_and_the_first_stands(cast: Cast, run: Played) -> None:
    mine, other = cast.owners
    claim, kept = run.open_round()
    assert run.reveal(mine.account, claim, kept).status_code == 200
    own = [one for one in kept if one.document.body["provider"] == mine.account]
    statement = {
        **claim.document.body["statement"],
        "commitments": {mine.account: own[0].document.body["output"]},
        "absent": {other.account: "peer.unreachable"},
    }
    second = run.claim("training_round", statement)
    for answer in (
        run.reveal(mine.account, second, own),
        run.commit(mine.account, 2, rounds=[{"claim": second.to_json(), "receipts": [own[0].to_json()], "revealed": {}}]),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (409, "training.two_histories")
        assert answer.json()["fields"]["claims"] == [claim.document.id, second.document.id]
    for signed in (claim, second):
        mine.node.check(mine.node.store.get(signed.document.id))
    assert runs.get(mine.node, run.plan.run_id, "two_histories")
    run.show(claim, kept)
    run.round()
    assert run.number == 3


def test_updates_that_were_not_committed_to_make_no_history(cast: Cast, run: Played) -> None:
    mine, other = cast.owners
    run.round()
    shown = run.records[0]["revealed"]
    bent = {**shown[other.account], "update": [n + 1 for n in shown[other.account]["update"]]}
    salted = {**shown[other.account], "salt": "0x" + "ab" * 16}
    for revealed in (
        {**shown, other.account: bent},
        {**shown, other.account: salted},
        {**shown, other.account: {**bent, "update": "x"}},
        {**shown, "0x" + "12" * 20: bent},
        {mine.account: shown[mine.account]},  # fewer rows than the quorum
        {},
        None,
    ):
        answer = run.commit(mine.account, rounds=[{**run.records[0], "revealed": revealed}])
        assert answer.status_code == 422, answer.text
        assert runs.get_round(mine.node, run.plan.run_id, 1, "revealed") is None
    assert run.commit(mine.account).status_code == 200


def test_owners_who_were_shown_different_updates_find_out_in_the_next_round(cast: Cast, run: Played) -> None:
    """One is told that the other's update came, the other that it did not."""
    mine, other = cast.owners
    run.round()
    (true,) = run.records
    hidden = {**true, "revealed": {other.account: true["revealed"][other.account]}}
    first, second = run.commit(mine.account, rounds=[hidden]), run.commit(other.account)
    assert (first.status_code, second.status_code) == (200, 200)
    claim, kept = run.open_round()
    told = run.reveal(mine.account, claim, kept)
    assert (told.status_code, told.json()["code"]) == (422, "document.invalid")
    assert run.reveal(other.account, claim, kept).status_code == 200


def test_a_skipped_round_is_asked_for(cast: Cast, run: Played) -> None:
    mine, _ = cast.owners
    for number, start in ((1, None), (2, run.start_body), (3, run.start_body)):
        answer = run.commit(mine.account, number, start=start)
        assert (answer.status_code, answer.json()["code"]) == (409, "training.rounds_missing")
        assert answer.json()["fields"]["number"] == 1
    run.round()
    run.round()
    answer = run.commit(mine.account, rounds=run.records[1:])
    assert answer.status_code == 200, "it has seen the first already"
    assert run.commit(mine.account, 0).status_code == 422
    assert run.commit(mine.account, 4).status_code == 422


def test_a_round_in_the_middle_must_be_sent_too(cast: Cast, run: Played) -> None:
    mine, other = cast.owners
    for _ in range(2):
        run.round(other.account)
    answer = run.commit(mine.account, rounds=run.records[1:])
    assert (answer.status_code, answer.json()["fields"]["number"]) == (409, 1)
    assert run.commit(mine.account).status_code == 200


# grants


def test_a_run_is_granted_once(cast: Cast, run: Played) -> None:
    mine, _ = cast.owners
    again = call(cast.builder, mine, "/peer/grants", wish(cast.assets[0], run.plan))
    assert (again.status_code, again.json()["code"]) == (409, "training.run_granted")
    grants = [e for e in mine.node.store.find("grant") if e.document.run == run.plan.run_id]
    assert len(grants) == 1


def test_a_grant_without_a_run_never_trains(cast: Cast, run: Played) -> None:
    mine, _ = cast.owners
    size = require_sound(mine.node)
    assert call(cast.builder, mine, "/peer/grants", wish(cast.assets[0], action="train")).status_code == 422
    plain = granted(cast.builder, mine, cast.assets[0], action="infer")
    assert plain.run is None
    assert "train" not in plain.terms.actions
    for path in ("/peer/rounds/commit", "/peer/rounds/reveal", "/peer/agreements"):
        body = {"grant": plain.id, "number": 1, "start": run.start_body}
        answer = call(cast.builder, mine, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "grant.foreign")
    assert mine.node.store.uses(plain.id) == (0, 0)
    assert require_sound(mine.node) == size, "a grant that was not used stands in no log"


def test_a_grant_of_one_run_opens_no_other(cast: Cast, run: Played) -> None:
    mine, _ = cast.owners
    other = cast.run()
    answer = other.commit(mine.account, grant=run.grants[mine.account].id)
    assert answer.status_code == 422
    other.round()
    claim, kept = other.open_round()
    assert run.reveal(mine.account, claim, kept).status_code == 404
    assert spent(mine, run) == 0
    assert run.commit(mine.account, rounds=other.records).status_code == 422


STARTS: dict[str, Callable[[Played, Cast], dict[str, Any]]] = {
    "without this owner": lambda run, cast: start_of(run, {cast.owners[1].account: run.grants[cast.owners[1].account].id}),
    "with a grant of another run": lambda run, cast: start_of(
        run, {account: grant.id for account, grant in cast.run().grants.items()}
    ),
    "with another's grant for its own": lambda run, cast: start_of(
        run, dict.fromkeys(run.grants, run.grants[cast.owners[1].account].id)
    ),
    "with grants that were not sent": lambda run, cast: {**run.start_body, "grants": run.start_body["grants"][:1]},
    "with one grant twice": lambda run, cast: {**run.start_body, "grants": run.start_body["grants"][:1] * 2},
    "with grants nobody signed": lambda run, cast: {
        **run.start_body, "grants": [{**one, "signatures": []} for one in run.start_body["grants"]],
    },
    "of a stranger": lambda run, cast: {
        **run.start_body,
        "claim": cast.stranger.node.claim("training_start", run.plan.run_id, {"start": run.who.to_json()}).to_json(),
    },
    "of nobody": lambda run, cast: {},
}  # fmt: skip


def start_of(run: Played, grants: dict[str, str]) -> dict[str, Any]:
    claim = run.claim("training_start", {"start": {"grants": grants}})
    envelopes = [run.builder.node.store.get(grant).to_json() for grant in grants.values()]
    return {"claim": claim.to_json(), "grants": envelopes}


@pytest.mark.parametrize("kind", STARTS)
def test_a_start_that_owners_did_not_agree_to_trains_nothing_and_costs_nothing(
    cast: Cast, run: Played, kind: str
) -> None:
    mine = cast.owners[1 if kind == "with another's grant for its own" else 0]
    start = STARTS[kind](run, cast)
    answer = run.commit(mine.account, start=start)
    assert 400 <= answer.status_code < 500, answer.text
    assert mine.node.store.uses(run.grants[mine.account].id) == (0, 0)
    assert spent(mine, run) == 0
    assert run.commit(mine.account).status_code == 200


# noise


def test_one_owners_noise_never_covers_two_models(cast: Cast) -> None:
    """Put back to an older state and shown another history, it draws other noise for the other model."""
    owner = cast.owners[1]
    run = cast.run(rounds=5)
    run.round()
    (first,) = run.records

    def asked(*shown: str) -> tuple[np.ndarray, np.ndarray]:
        """(what it answers in round 2, what its rows give exactly) after these updates of round 1."""
        forget(owner, run)
        revealed = {account: first["revealed"][account] for account in shown}
        answer = run.commit(owner.account, 2, rounds=[{**first, "revealed": revealed}])
        assert answer.status_code == 200, answer.text
        receipt = run.countersigned(answer.json()["receipt"]).to_json()
        assert (
            call(cast.builder, owner, "/peer/countersign", {"receipts": [receipt]}).json()["countersigned"]
            == 1
        )
        running = record.Replay(run.plan, run.who)
        running.add(record.parse_round(run.plan, first["claim"]["document"]["statement"], revealed))
        table, _ = open_table(owner.node, run.assets[owner.account].id)
        z, bare = unit_rows(table.features, run.plan.scaling), replace(run.plan.noise, sigma=0)
        update = runs.get_round(owner.node, run.plan.run_id, 2, "given")["update"]
        return np.array(update), updates.make(z, table.labels, running.model, bare, b"")

    (one, exact), (again, _) = asked(*run.grants), asked(*run.grants)
    other, elsewhere = asked(owner.account)
    assert (one == again).all(), "the same model, the same noise: nothing new is shown"
    assert not (exact == elsewhere).all()
    assert not (one - exact == other - elsewhere).any()


def forget(owner: Party, run: Played) -> None:
    """What an owner loses when it is put back to where it was before round 2."""
    with owner.node.store.transaction() as tx:
        for number, what in ((1, "revealed"), (2, "given")):
            tx.connection.execute(
                f"UPDATE rounds_followed SET {what} = NULL WHERE run = ? AND number = ?",
                (run.plan.run_id, number),
            )
        tx.connection.execute("DELETE FROM answers WHERE key = ?", (f"committed:{run.plan.run_id}:002",))
    owner.lender._running.clear()
