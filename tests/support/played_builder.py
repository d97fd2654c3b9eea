"""A builder of a training run played by hand: every message is signed, right or wrong in one chosen way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import peer_calls
from node_world import Party
from peer_calls import TEST_SALT, call, introduce, planned, stamp

from freehold.core.documents import Asset, Grant
from freehold.core.signing import Envelope
from freehold.features.models.rules.model import model_hash
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.rules import record
from freehold.features.training.rules.record import Replay, Round, RunPlan, Start


class Played:
    """One run over owners' assets; keeps what an honest builder keeps."""

    def __init__(
        self, builder: Party, owners: list[tuple[Party, Asset]], *, granted: bool = True, **order: Any
    ) -> None:
        self.builder = builder
        self.owners = {owner.account: owner for owner, _ in owners}
        self.assets = {owner.account: asset for owner, asset in owners}
        for owner, _ in owners:
            builder.knows(owner)
            introduce(builder, owner)
        self.plan, self.test = planned(builder, [asset for _, asset in owners], **order)
        self.grants: dict[str, Grant] = {}
        self.records: list[dict[str, Any]] = []
        self.rounds: list[Round] = []
        self.missing: list[str] = []
        if granted:
            self.grant_all()

    def with_plan(self, **changes: Any) -> RunPlan:
        """The plan with other fields."""
        return replace(self.plan, **changes)

    def grant_all(self) -> None:
        """Stamp the plan, get a grant of every owner, say who takes part."""
        stamp(self.builder, self.plan)
        for account, owner in self.owners.items():
            envelope = peer_calls.handed_over(self.builder, owner, self.assets[account], self.plan)
            assert isinstance(envelope.document, Grant)
            self.grants[account] = envelope.document
            with self.builder.node.store.transaction() as tx:
                tx.put(envelope)
        self.begin()

    def begin(self) -> None:
        """The honest start."""
        self.who = Start({account: grant.id for account, grant in self.grants.items()})
        self.start = self.claim("training_start", {"start": self.who.to_json()})
        grants = [self.builder.node.store.get(grant.id).to_json() for grant in self.grants.values()]
        self.start_body = {"claim": self.start.to_json(), "grants": grants}
        self.running = Replay(self.plan, self.who)

    @property
    def number(self) -> int:
        """Of the round that comes."""
        return self.running.next

    def claim(self, kind: Any, statement: dict[str, Any], *, about: str = "") -> Envelope:
        return self.builder.node.claim(kind, about or self.plan.run_id, statement)

    # one round

    def commit(self, account: str, number: int | None = None, **wrong: Any) -> httpx.Response:
        body = {
            "grant": self.grants[account].id,
            "number": self.number if number is None else number,
            "rounds": self.records,
            "countersigned": [],
            "start": self.start_body,
        }
        return call(self.builder, self.owners[account], "/peer/rounds/commit", {**body, **wrong})

    def committed(self, account: str, **wrong: Any) -> Envelope:
        """An owner's receipt with both signatures."""
        answer = self.commit(account, **wrong)
        assert answer.status_code == 200, answer.text
        return self.countersigned(answer.json()["receipt"])

    def countersigned(self, receipt: dict[str, Any]) -> Envelope:
        return peer_calls.signed_for(self.builder, receipt)

    def statement(self, receipts: dict[str, Envelope]) -> dict[str, Any]:
        """What an honest builder says of a round."""
        commitments = {account: str(one.document.body["output"]) for account, one in receipts.items()}
        absent = {account: "peer.unreachable" for account in self.grants if account not in receipts}
        previous = record.models_hash(self.plan, self.number, self.running.model)
        made = Round(self.number, commitments, absent, {})
        return record.round_statement(made, self.start.document.id, previous, self.missing)

    def reveal(self, account: str, claim: Envelope, receipts: list[Envelope], **wrong: Any) -> httpx.Response:
        body = {
            "grant": self.grants[account].id,
            "number": self.number,
            "claim": claim.to_json(),
            "receipts": [receipt.to_json() for receipt in receipts],
        }
        return call(self.builder, self.owners[account], "/peer/rounds/reveal", {**body, **wrong})

    def open_round(self, *accounts: str) -> tuple[Envelope, list[Envelope]]:
        """Commitments of these owners, or of all, and the honest claim of them."""
        receipts = {account: self.committed(account) for account in accounts or tuple(self.grants)}
        claim = self.claim("training_round", self.statement(receipts))
        return claim, [receipts[account] for account in sorted(receipts)]

    def round(self, *accounts: str) -> Round:
        """One honest round of these owners, or of all."""
        return self.show(*self.open_round(*accounts))

    def show(self, claim: Envelope, receipts: list[Envelope], *, hiding: str = "") -> Round:
        """Get the updates of an opened round, and keep it; one of them may be hidden."""
        revealed = {}
        for account in [str(receipt.document.body["provider"]) for receipt in receipts]:
            answer = self.reveal(account, claim, receipts)
            assert answer.status_code == 200, answer.text
            revealed[account] = answer.json()
        revealed.pop(hiding, None)
        return self.keep(claim, receipts, revealed)

    def keep(self, claim: Envelope, receipts: list[Envelope], revealed: dict[str, Any]) -> Round:
        made = record.parse_round(self.plan, claim.document.body["statement"], revealed)
        self.running.add(made)
        self.rounds.append(made)
        self.missing = made.unrevealed
        self.records.append(
            {
                "claim": claim.to_json(),
                "receipts": [receipt.to_json() for receipt in receipts],
                "revealed": revealed,
            }
        )
        return made

    def finish(self) -> None:
        """All rounds that are left."""
        while not self.running.is_done:
            self.round()

    # the end of the run

    def contribution(self, **wrong: Any) -> dict[str, Any]:
        """The values that follow from the run, with any of them replaced."""
        done = record.replay(self.plan, self.who, self.rounds)
        worth = record.value(self.plan, self.who, done, self.test)
        model = model_hash(done.model, self.plan.scaling, self.plan.recipe.to_json(), self.plan.columns)
        return {**worth.statement(), "model": model, "missing": self.rounds[-1].unrevealed, **wrong}

    def opening(self, **wrong: Any) -> Envelope:
        """The test's salt, and to which model it is opened."""
        statement = {
            "commitment": self.plan.test.commitment,
            "salt": "0x" + TEST_SALT.hex(),
            "model": record.final_hash(self.plan, self.running.model),
        }
        return self.claim("test_opening", {**statement, **wrong})

    def agree(self, account: str, said: dict[str, Any], **wrong: Any) -> httpx.Response:
        body = {
            "grant": self.grants[account].id,
            "opening": self.opening().to_json(),
            "contribution": self.claim("contribution", said).to_json(),
            "test": table_json(self.test),
            "rounds": self.records,
        }
        return call(self.builder, self.owners[account], "/peer/agreements", {**body, **wrong})
