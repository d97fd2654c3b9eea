"""A revocation counts from whoever granted: no owner stops evidence, or another's grant, by what it says it revoked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evidence_verdicts import broken
from evidence_world import NOW
from evidence_world import World as Told
from hostile_owner import Answer, Hostile
from node_tables import make
from node_world import Party, World, run_job

from freehold.core.documents import Asset, Claim, Grant
from freehold.core.signing import Envelope
from freehold.kernel import logbook
from freehold.kernel.evidence.collecting import gathered


def test_what_another_says_of_a_grant_does_not_end_it() -> None:
    world = Told()

    def lie(_: Any) -> None:
        about = world.named["grant ada"].id
        claim = Claim(
            issuer=world.people["cyd"].account,
            claim_kind="revocation",
            about=about,
            statement={"index": 0},
            issued_at=NOW - 400,
        )
        world.keep("a lie", claim, world.people["cyd"])

    world.tweak["end"] = lie
    assert broken(world.build()) == []


class Sold:
    """A model of three owners, one of which shows what it likes of its log."""

    def __init__(self, world: World) -> None:
        self.hostile = Hostile()
        self.liar = world.party("liar", wrap=self.hostile.wrap)
        self.honest, self.builder = world.party("honest"), world.party("builder")
        for number, owner in enumerate((self.honest, self.liar)):
            owner.publish(make(24 + 8 * number, seed=100 + number))
        job, _ = run_job(self.builder, [self.honest, self.liar], rounds=2)
        self.model: Asset = self.builder.node.asset(job["model"])

    def grant(self, issuer: Party) -> Grant:
        found = (one.document for one in self.liar.node.store.find("grant"))
        mine = (one.document for one in self.honest.node.store.find("grant"))
        return next(one for one in (*found, *mine) if isinstance(one, Grant) and one.issuer == issuer.account)

    def revocation(self, about: Grant, index: int, issued_at: int) -> Envelope:
        node = self.liar.node
        made = Claim(
            issuer=node.account,
            claim_kind="revocation",
            about=about.id,
            statement={"index": index},
            issued_at=issued_at,
        )
        return node.seal(made)

    def shows(self, claim: Envelope) -> None:
        """Its log holds it from now on, and its node shows it whatever is asked."""
        node = self.liar.node
        with node.store.transaction() as tx:
            tx.put(claim)

        def lie(_: Party, body: dict[str, Any]) -> Answer:
            answer = logbook.proofs(node, [*body["ids"], claim.document.id])
            known = {one["document"]["subject"] for one in answer["revocations"]}
            more = [] if claim.document.body["subject"] in known else [claim.to_json()]
            answer["revocations"] = [*answer["revocations"], *more]
            return 200, {}, json.dumps(answer).encode()

        self.hostile.lies["/peer/proofs"] = [lie] * 20


@pytest.fixture(scope="module")
def sold(world: World) -> Sold:
    return Sold(world)


@pytest.mark.parametrize("what", ["another's grant", "another index", "its own, dated back"])
def test_an_owner_whose_revocation_does_not_hold_is_left_out(sold: Sold, what: str) -> None:
    grant = sold.grant(sold.honest if what == "another's grant" else sold.liar)
    index = grant.revocation_index + (what == "another index")
    sold.shows(sold.revocation(grant, index, sold.liar.node.now() - 400))
    bundle, report = gathered(
        sold.builder.node, sold.builder.services.peers, sold.model, None, may_anchor=True
    )
    assert report.ok, [check for check in report.checks if not check.ok]
    assert f"logs/{sold.honest.account}.json" in bundle.files
    assert f"logs/{sold.liar.account}.json" not in bundle.files
