"""Owners whose logs do not hold keep nobody waiting: all are left out at once; who is only behind the chain is asked once more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hostile_owner import Answer, Hostile
from node_tables import make
from node_world import Party, World, run_job

from freehold.core.documents import Receipt
from freehold.kernel import logbook
from freehold.kernel.evidence import collecting


def swapped(party: Party, shown: dict[str, Any]) -> None:
    one, other, *_ = shown["proofs"]
    one["index"], other["index"] = other["index"], one["index"]


def of_another_size(party: Party, shown: dict[str, Any]) -> None:
    shown["checkpoint"] = logbook.checkpoint(party.node, logbook.anchored_size(party.node) - 1)


def unsigned(party: Party, shown: dict[str, Any]) -> None:
    shown["checkpoint"] = shown["checkpoint"].split("\n\n")[0] + "\n\n"


def without_a_receipt(party: Party, shown: dict[str, Any]) -> None:
    found = (one["id"] for one in shown["proofs"])
    left = next(one for one in found if isinstance(party.node.store.get(one).document, Receipt))
    shown["proofs"] = [one for one in shown["proofs"] if one["id"] != left]


LIES = (swapped, of_another_size, unsigned, without_a_receipt, swapped)


def test_all_whose_logs_do_not_hold_are_left_out_at_once_and_only_one_behind_the_chain_is_asked_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, builder = world.party("honest"), world.party("builder")
    layers = [Hostile() for _ in LIES]
    liars = [world.party(f"liar {i}", wrap=layer.wrap) for i, layer in enumerate(layers)]
    for i, owner in enumerate((honest, *liars)):
        owner.publish(make(24 + 4 * i, seed=100 + i))
    job, _ = run_job(builder, [honest, *liars], rounds=2)
    for layer, alter in zip(layers, LIES, strict=True):

        def lie(party: Party, body: dict[str, Any], alter: Any = alter) -> Answer:
            shown = logbook.proofs(party.node, body["ids"])
            alter(party, shown)
            return 200, {}, json.dumps(shown).encode()

        layer.lies["/peer/proofs"] = [lie] * 20
    looked, verify = [], collecting.verify

    def counted(bundle: Any) -> Any:
        looked.append(bundle)
        return verify(bundle)

    monkeypatch.setattr(collecting, "verify", counted)
    model = builder.node.asset(job["model"])
    bundle, report = collecting.gathered(builder.node, builder.services.peers, model, None, may_anchor=True)
    assert report.ok, [check for check in report.checks if not check.ok]
    logs = {path for path in bundle.files if path.startswith("logs/")}
    assert logs == {f"logs/{one.account}.json" for one in (honest, builder)}
    assert [layer.told for layer in layers] == [2 if alter is of_another_size else 1 for alter in LIES]
    assert len(looked) == 3


def test_an_owner_that_anchors_while_others_keep_the_asker_waiting_is_asked_once_more(world: World) -> None:
    layer = Hostile()
    honest, builder = world.party("honest", wrap=layer.wrap), world.party("builder")
    honest.publish(make(24, seed=100))
    job, _ = run_job(builder, [honest], rounds=2)

    def then_anchors(party: Party, body: dict[str, Any]) -> Answer:
        shown = logbook.proofs(party.node, body["ids"])
        party.publish(make(28, seed=101))
        assert logbook.anchor(party.node)["gas"] > 0
        return 200, {}, json.dumps(shown).encode()

    layer.lies["/peer/proofs"] = [then_anchors]
    model = builder.node.asset(job["model"])
    bundle, report = collecting.gathered(builder.node, builder.services.peers, model, None, may_anchor=True)
    assert report.ok, [check for check in report.checks if not check.ok]
    assert f"logs/{honest.account}.json" in bundle.files
