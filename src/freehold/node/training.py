"""A builder's side of training: a job of named steps, each of which can be repeated after a crash.

    grants -> commit -> statistics -> plan -> rounds -> open -> value -> release -> done

A step's result is stored before the next begins, and every request to an owner is repeatable, so
`kill -9` at any moment costs at most the step in flight. An owner that does not answer a round is
left out of it and asked again in the next.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotAllowed, Unavailable
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.terms import meet
from freehold.node import logbook, releasing
from freehold.node.granting import obtain
from freehold.node.lending import NotCountersigned
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.node.publishing import open_table, seal_table
from freehold.rights.check import require_receipt_fits
from freehold.training import coalitions, record
from freehold.training import table as tables
from freehold.training.fixed import IntArray
from freehold.training.logistic import Recipe
from freehold.training.record import RoundRecord, RunPlan
from freehold.training.statistics import Statistics

ROUND_TIMEOUT_SECONDS = 60.0
MAX_WAITS = 20
"""How often a round in which no owner answered is tried again before the job stops."""


class NobodyAnswers(Unavailable):
    """No owner takes part any more."""

    code = "training.nobody"


@dataclass(frozen=True)
class Order:
    """What the builder asked for."""

    assets: tuple[str, ...]
    test: Path
    name: str
    recipe: Recipe
    price_units: int
    """Price of one prediction."""
    max_calls: int = 1_000_000
    positive: str | None = None
    purpose: str | None = None


def begin(node: Node, order: Order) -> str:
    """Check the order, commit the test table to the vault, keep the job. Returns its id.

    Raises:
        InvalidInput, InvalidTable, NotFound, TermsConflict: nothing was started.
    """
    assets = sorted((node.asset(asset_id) for asset_id in order.assets), key=lambda asset: asset.owner)
    _check_assets(assets)
    first = assets[0].schema_
    columns, label = tuple(first["columns"]), str(first["label"])
    table = tables.read(order.test, label, positive=order.positive, expected=columns)
    salt = secrets.token_bytes(32)
    job_id = "0x" + secrets.token_hex(32)
    commitment = "0x" + tables.commitment(table, salt).hex()
    job = {
        "id": job_id,
        "step": "grants",
        "name": order.name,
        "assets": [asset.id for asset in assets],
        "columns": list(columns),
        "label": label,
        "recipe": order.recipe.to_json(),
        "price_units": order.price_units,
        "max_calls": order.max_calls,
        "purpose": order.purpose,
        "test_rows": table.rows,
        "test_commitment": commitment,
        "started_at": node.now(),
    }
    with node.store.transaction() as tx:
        sealed = seal_table(node, tx, table, salt)
        tx.set(f"sealed:{job_id}", _sealed_json(sealed))
        tx.set(f"job:{job_id}", job)
    return job_id


def _sealed_json(sealed: Any) -> dict[str, Any]:
    return {"asset": sealed.asset, "cid": sealed.cid, "epoch": sealed.epoch, "size_bytes": sealed.size_bytes}


def _check_assets(assets: list[Asset]) -> None:
    if not 1 <= len(assets) <= coalitions.MAX_OWNERS:
        raise InvalidInput(f"choose 1 to {coalitions.MAX_OWNERS} datasets", hint="Find them with search.")
    if len({asset.owner for asset in assets}) != len(assets):
        raise InvalidInput("two of the datasets have one owner", hint="Choose one dataset of each owner.")
    for asset in assets:
        if asset.asset_kind != "dataset":
            raise InvalidInput(f"{asset.name} is a {asset.asset_kind}, not a dataset", owner=asset.owner)
        _check_schema(asset)
        if any(asset.schema_.get(key) != assets[0].schema_.get(key) for key in ("columns", "label")):
            raise InvalidInput(
                f"{asset.name} has other columns than {assets[0].name}",
                hint="All tables need the same columns in the same order, and the same label.",
                owner=asset.owner,
            )
    inherited = reduce(meet, (asset.terms for asset in assets))
    missing = {"train", "infer"} - set(inherited.actions)
    if missing:
        raise NotAllowed(f"the owners' terms together do not allow to {' and '.join(sorted(missing))}")


def _check_schema(asset: Asset) -> None:
    """What an asset says of its table is of the right types; it comes from anyone."""
    columns, label, rows = (asset.schema_.get(key) for key in ("columns", "label", "rows"))
    texts = [label, *columns] if isinstance(columns, list) and columns else [None]
    if not all(isinstance(text, str) for text in texts) or type(rows) is not int:
        raise InvalidDocument(
            f"{asset.name} does not say which columns, label and rows it has", owner=asset.owner
        )


class Job:
    """One run under way; `run()` returns when it is done or cannot go on."""

    def __init__(
        self, node: Node, peers: Peers, job_id: str, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self._node, self._peers, self._report = node, peers, report
        self._key = f"job:{job_id}"
        self.job: dict[str, Any] = node.store.state(self._key)
        self._assets = [node.asset(asset_id) for asset_id in self.job["assets"]]
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let the step in flight end and go no further."""
        self._stop.set()

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
        uses = int(self.job["recipe"]["rounds"]) + 1
        grants = {}
        for asset in self._assets:
            grant = obtain(
                self._node,
                self._peers,
                asset,
                "train",
                purpose=self.job["purpose"],
                max_uses=uses,
                once_for=self.job["id"],
            )
            grants[asset.owner] = grant.id
            self._tell(grants=grants)
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
                self._tell(round=number, absent=sorted(absent))
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
        answers: dict[str, Any] = {}
        absent: dict[str, FreeholdError] = {}
        with ThreadPoolExecutor(max_workers=len(self._assets)) as pool:
            waiting = [(asset.owner, pool.submit(ask, asset)) for asset in self._assets]
            for owner, future in waiting:
                try:
                    answers[owner] = future.result()
                except FreeholdError as error:
                    absent[owner] = error
        return answers, absent

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
