"""A builder's side of training: a job of named steps, each of which can be repeated after a crash.

    grants -> commit -> statistics -> plan -> rounds -> open -> value -> release -> done

A step's result is stored before the next begins, and every request to an owner is repeatable, so
`kill -9` at any moment costs at most the step in flight. An owner that does not answer a round is
left out of it and asked again in the next.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotAllowed, Unavailable
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope, parse_envelope
from freehold.node import logbook, releasing
from freehold.node.agreeing import agree
from freehold.node.lending import NotCountersigned
from freehold.node.node import Node
from freehold.node.ordering import Order, begin
from freehold.node.peers import Peers, PeerUnreachable
from freehold.node.publishing import open_table
from freehold.rights.check import require_receipt_fits
from freehold.training import coalitions, record
from freehold.training.fixed import IntArray
from freehold.training.logistic import Recipe
from freehold.training.record import RoundRecord, RunPlan
from freehold.training.statistics import Statistics

__all__ = ["Job", "NobodyAnswers", "Order", "begin", "load_run"]

ROUND_TIMEOUT_SECONDS = 60.0
OWNER_SECONDS = 180.0
"""Most that one owner may keep a step waiting, however slowly it drips its answers."""
MAX_WAITS = 20
"""How often a round in which no owner answered is tried again before the job stops."""


class NobodyAnswers(Unavailable):
    """No owner takes part any more."""

    code = "training.nobody"


class Job:
    """One run under way; `run()` returns when it is done or cannot go on."""

    def __init__(
        self, node: Node, peers: Peers, job_id: str, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self._node, self._peers, self._report = node, peers, report
        self._key = f"job:{job_id}"
        self.job: dict[str, Any] = node.store.state(self._key)
        self._assets = [node.asset(asset_id) for asset_id in self.job["assets"]]
        self._stop, self._nudge = threading.Event(), threading.Event()
        self._late: dict[str, threading.Thread] = {}

    def stop(self) -> None:
        """Let the step in flight end and go no further."""
        self._stop.set()
        self._nudge.set()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def nudge(self) -> None:
        """End a `rest`."""
        self._nudge.set()

    def rest(self, seconds: float) -> bool:
        """Wait so long, or until nudged; False if the job was stopped."""
        self._nudge.wait(seconds)
        self._nudge.clear()
        return not self._stop.is_set()

    def run(self) -> dict[str, Any]:
        """Work through the steps that are left.

        Raises:
            FreeholdError: the job stands still at `step`; calling again continues there.
        """
        steps = {
            "grants": self._grants,
            "commit": self._commit,
            "statistics": self._statistics,
            "plan": self._plan,
            "rounds": self._rounds,
            "open": self._open,
            "value": self._value,
            "release": self._release,
        }
        while self.job["step"] != "done" and not self._stop.is_set():
            self._tell()
            steps[self.job["step"]]()
        self._tell()
        return self.job

    def _tell(self, **more: Any) -> None:
        self._report({**self.job, **more})

    def _advance(self, step: str, *claims: Envelope, **found: Any) -> None:
        self.job = {**self.job, **found, "step": step}
        with self._node.store.transaction() as tx:
            for claim in claims:
                tx.put(claim, public=True)
            tx.set(self._key, self.job)

    # before the first round

    def _grants(self) -> None:
        grants = agree(
            self._node, self._peers, self.job, self._assets, lambda found: self._tell(grants=found)
        )
        self._advance("commit", grants=grants)

    def _commit(self) -> None:
        statement = {
            "commitment": self.job["test_commitment"],
            "rows": self.job["test_rows"],
            "columns": self.job["columns"],
            "label": self.job["label"],
        }
        claim = self._node.claim("test_commitment", self.job["test_commitment"], statement)
        self._advance("statistics", claim, test_claim=claim.document.id)

    def _statistics(self) -> None:
        # the commitment stands on chain before anything is known about the data
        logbook.anchor(self._node)

        def ask(asset: Asset) -> dict[str, Any]:
            grant = self.job["grants"][asset.owner]
            body = {"grant": grant, "nonce": self.job["id"]}
            answer = self._peers.ask(asset.owner, "/peer/statistics", body)
            statistics = Statistics.from_json(answer.get("result"))
            output = sha256_hex(canonical_bytes(statistics.to_json()))
            receipt = self._receipt(asset, answer, output, {"round": 0})
            if statistics.rows != asset.schema_.get("rows"):
                raise InvalidInput(f"{asset.name} has {statistics.rows} rows, its description says otherwise")
            return {"statistics": statistics.to_json(), "receipt": receipt}

        answers, absent = self._ask_all(ask)
        if absent:
            owner, error = next(iter(absent.items()))
            error.fields["owner"] = owner
            raise error
        with self._node.store.transaction() as tx:
            for answer in answers.values():
                tx.put(answer["receipt"])
        self._countersigned({owner: answer["receipt"] for owner, answer in answers.items()})
        found = {owner: answer["statistics"] for owner, answer in answers.items()}
        self._advance("plan", statistics=found)

    def _plan(self) -> None:
        plan = RunPlan(
            owners=tuple(asset.owner for asset in self._assets),
            columns=tuple(self.job["columns"]),
            label=self.job["label"],
            data=tuple(asset.content.commitment for asset in self._assets),
            statistics=tuple(Statistics.from_json(self.job["statistics"][a.owner]) for a in self._assets),
            recipe=Recipe.from_json(self.job["recipe"]),
            test_commitment=self.job["test_commitment"],
        )
        owners = [
            {"account": asset.owner, "asset": asset.id, "grant": self.job["grants"][asset.owner]}
            for asset in self._assets
        ]
        claim = self._node.claim("training_plan", plan.run_id, {"plan": plan.to_json(), "owners": owners})
        self._advance("rounds", claim, run=plan.run_id, plan_claim=claim.document.id)

    # rounds

    def _rounds(self) -> None:
        plan, models, done = load_run(self._node, self.job)
        waits = 0
        while done < plan.recipe.rounds and not self._stop.is_set():
            number = done + 1
            updates, receipts, absent = self._round(plan, number, models)
            if not updates:
                waits += 1
                if waits > MAX_WAITS:
                    raise NobodyAnswers(
                        f"no owner answered round {number}",
                        hint="Start the owners' nodes, then train --resume.",
                    ) from next(iter(absent.values()))
                self._tell(round=number, absent={owner: str(error) for owner, error in absent.items()})
                self._stop.wait(min(0.25 * 2**waits, 5.0))
                continue
            waits = 0
            models = self._keep_round(plan, number, models, updates, receipts)
            done = number
            reasons = {owner: str(error) for owner, error in absent.items()}
            self._tell(round=number, rounds=plan.recipe.rounds, absent=reasons)
        if not self._stop.is_set():
            self._advance("open")

    def _round(
        self, plan: RunPlan, number: int, models: IntArray
    ) -> tuple[dict[str, IntArray], dict[str, Envelope], dict[str, FreeholdError]]:
        def ask(asset: Asset) -> tuple[IntArray, Envelope]:
            self._countersign_owner(asset.owner)
            try:
                return self._ask_round(plan, number, models, asset)
            except NotAllowed as error:
                missed = error.fields.get("round")
                waits = error.fields.get("peer_code") == NotCountersigned.code
                if not waits or type(missed) is not int or not 1 <= missed < number:
                    raise
            self._catch_up(plan, missed, asset)
            return self._ask_round(plan, number, models, asset)

        answers, absent = self._ask_all(ask)
        updates = {owner: update for owner, (update, _) in answers.items()}
        receipts = {owner: receipt for owner, (_, receipt) in answers.items()}
        return updates, receipts, absent

    def _ask_round(
        self, plan: RunPlan, number: int, models: IntArray, asset: Asset
    ) -> tuple[IntArray, Envelope]:
        owner = asset.owner
        index = plan.owners.index(owner)
        body = {
            "grant": self.job["grants"][owner],
            "plan": self._node.store.get(self.job["plan_claim"]).to_json(),
            "round": number,
            "models": models[coalitions.masks_of(index, len(plan.owners))].tolist(),
        }
        answer = self._peers.ask(owner, "/peer/rounds", body, timeout=ROUND_TIMEOUT_SECONDS)
        shape = (1 << (len(plan.owners) - 1), plan.width)
        update = coalitions.parse_update(answer.get("result"), owner, shape)
        output = record.update_hash(plan, number, owner, update)
        return update, self._receipt(asset, answer, output, {"run": plan.run_id, "round": number})

    def _catch_up(self, plan: RunPlan, missed: int, asset: Asset) -> None:
        """Fetch and sign the receipt of a round that the owner answered when nobody heard it any more.

        The round went on without that update, but it was a use, and the owner waits for its signature.
        """
        _, models, _ = load_run(self._node, self.job, before=missed)
        _, receipt = self._ask_round(plan, missed, models, asset)
        with self._node.store.transaction() as tx:
            tx.put(receipt)
        self._countersigned({asset.owner: receipt})

    def _keep_round(
        self,
        plan: RunPlan,
        number: int,
        models: IntArray,
        updates: dict[str, IntArray],
        receipts: dict[str, Envelope],
    ) -> IntArray:
        made, after = record.make_round(plan, number, models, updates)
        claim = self._node.claim("training_round", plan.run_id, {"record": made.summary()})
        with self._node.store.transaction() as tx:
            for owner in sorted(receipts):
                tx.put(receipts[owner])
            tx.put(claim, public=True)
            tx.set(f"round:{plan.run_id}:{number:05d}", made.to_json())
            # an absent owner may still wait for the signature under its last answer
            due = self._node.store.state(f"uncountersigned:{self.job['id']}", {})
            due |= {owner: receipt.document.id for owner, receipt in receipts.items()}
            tx.set(f"uncountersigned:{self.job['id']}", due)
        return after

    def _ask_all(self, ask: Callable[[Asset], Any]) -> tuple[dict[str, Any], dict[str, FreeholdError]]:
        """What each owner answers, or why it does not; an owner that never finishes holds nobody up."""
        answers: dict[str, Any] = {}
        absent: dict[str, FreeholdError] = {}
        unexpected: list[Exception] = []

        def one(asset: Asset) -> None:
            try:
                answers[asset.owner] = ask(asset)
            except FreeholdError as error:
                absent[asset.owner] = error
            except Exception as error:  # noqa: BLE001 - raised again below, in the job's own thread
                unexpected.append(error)

        asked: dict[str, threading.Thread] = {}
        for asset in self._assets:
            busy = self._late.get(asset.owner)
            if busy is not None and busy.is_alive():
                absent[asset.owner] = _unfinished(asset.owner)
                continue
            # a daemon, so that an owner cannot keep this process from ending either
            asked[asset.owner] = threading.Thread(target=one, args=(asset,), name="ask an owner", daemon=True)
            asked[asset.owner].start()
        deadline = time.monotonic() + OWNER_SECONDS
        for owner, thread in asked.items():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self._late[owner] = thread
                absent[owner] = _unfinished(owner)
        if unexpected:
            raise unexpected[0]
        # copies: a late answer must not slip into a round that went on without it
        late = [owner for owner, error in absent.items() if isinstance(error, PeerUnreachable)]
        return {owner: found for owner, found in dict(answers).items() if owner not in late}, dict(absent)

    def _receipt(
        self, asset: Asset, answer: dict[str, Any], output: str, evidence: dict[str, str | int]
    ) -> Envelope:
        envelope = parse_envelope(answer.get("receipt"))
        receipt = envelope.document
        if (
            not isinstance(receipt, Receipt)
            or (receipt.action, receipt.output, receipt.evidence) != ("train", output, evidence)
            or receipt.money
        ):
            raise InvalidDocument(f"the receipt of {asset.name} is not for what was sent")
        if {signature.role for signature in envelope.signatures} != {"provider"}:
            raise InvalidDocument(f"the receipt of {asset.name} is not signed by its owner alone")
        self._node.check(envelope, partial=True)
        require_receipt_fits(receipt, self._node.grant(self.job["grants"][asset.owner]))
        return envelope.with_signature(self._node.seal(receipt, "holder").signatures[0])

    def _countersigned(self, receipts: dict[str, Envelope]) -> None:
        for owner, envelope in receipts.items():
            self._peers.ask(owner, "/peer/countersign", {"receipts": [envelope.to_json()]})

    def _countersign_owner(self, owner: str) -> None:
        """Hand over the signature under the owner's last receipt, before asking for more."""
        due = self._node.store.state(f"uncountersigned:{self.job['id']}", {})
        if owner in due:
            self._countersigned({owner: self._node.store.get(due[owner])})

    # after the last round

    def _open(self) -> None:
        due = self._node.store.state(f"uncountersigned:{self.job['id']}", {})
        for owner in due:
            # an owner that is away, or refuses, gets its signatures when it asks for the evidence
            with contextlib.suppress(FreeholdError):
                self._countersign_owner(owner)
        _, salt = open_table(self._node, self.job["id"])
        statement = {"commitment": self.job["test_commitment"], "salt": "0x" + salt.hex()}
        self._advance("value", self._node.claim("test_opening", self.job["run"], statement))

    def _value(self) -> None:
        plan, models, _ = load_run(self._node, self.job)
        test, _ = open_table(self._node, self.job["id"])
        worth = record.value(plan, models, test)
        statement = {
            "accounts": list(plan.owners),
            "utilities": list(worth.utilities),
            "shares_bps": list(worth.shares_bps),
            "correct": list(worth.correct),
            "test_rows": worth.test_rows,
        }
        claim = self._node.claim("contribution", plan.run_id, statement)
        self._advance("release", claim, contribution=claim.document.id)

    def _release(self) -> None:
        plan, models, _ = load_run(self._node, self.job)
        model = models[-1]
        asset = releasing.release(self._node, self._peers, self.job, plan, np.asarray(model))
        self._advance("done", model=asset.id, finished_at=int(time.time()))


def _unfinished(owner: str) -> PeerUnreachable:
    return PeerUnreachable(f"{owner} does not finish its answer", hint="Ask its operator.", account=owner)


def load_run(node: Node, job: dict[str, Any], *, before: int | None = None) -> tuple[RunPlan, IntArray, int]:
    """Plan, models of every coalition so far (or before a round) and number of those rounds.

    The models are replayed from the recorded updates, which also checks the record.
    """
    statement = node.store.get(job["plan_claim"]).document.body["statement"]
    plan = RunPlan.from_json(statement["plan"])
    stored = node.store.states(f"round:{plan.run_id}:")
    rounds = [RoundRecord.from_json(stored[name], plan) for name in sorted(stored)]
    rounds = rounds if before is None else rounds[: before - 1]
    models = coalitions.initial_models(len(plan.owners), plan.width)
    for made in rounds:
        models = coalitions.aggregate(models, plan.owners, made.updates, plan.rows)
    return plan, models, len(rounds)
