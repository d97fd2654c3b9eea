"""A builder's side of training: a job of named steps, each of which can be repeated after a crash.

    plan -> grants -> rounds -> open -> value -> agree -> release -> done

A model that is no better than its baseline ends as `withheld` instead, until its builder says otherwise.

A step's result is stored before the next begins, and every request to an owner is repeatable, so
`kill -9` at any moment costs at most the step in flight. In each round owners first commit, then the builder
signs who committed to what, then they reveal. An owner that does not answer is left out of the round, named
with the reason, and asked again in the next, as long as the others hold the plan's quorum of rows.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from freehold.core.documents import Asset, Claim, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, Unavailable, VerificationFailed
from freehold.core.ids import hash_bytes
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.texts import said
from freehold.features.data.publishing import open_table, seal_table
from freehold.features.data.rules import table as tables
from freehold.features.models import releasing
from freehold.features.models.rules.model import model_hash
from freehold.features.training import holding, kept
from freehold.features.training.agreeing import Agreed, agree
from freehold.features.training.checks.replaying import read_table, table_json
from freehold.features.training.kept import records_of, rounds_of
from freehold.features.training.lending import NotCountersigned, RoundsMissing, require_claim, salt_of
from freehold.features.training.ordering import is_good_enough
from freehold.features.training.rules import record
from freehold.features.training.rules.record import MAX_REASON, Replay, Round, RunPlan, Start
from freehold.kernel import countersigning, custody, logbook
from freehold.kernel.custody import DataLost
from freehold.kernel.evidence import proving
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.reaching import PeerUnreachable

MAX_WAITS = 20
"""How often a round without its quorum is tried again before the job stops."""
OPEN_SECONDS = 300.0
"""How long a validator may take to check a run."""
CLOCK_SECONDS = 600
"""How far an owner's clock may be off; evidence allows as much."""
MOST_ADVISED = 50
"""Owners up to which the builder is told what leaving one out would change."""
_WORD = re.compile(r"[a-z][a-z0-9_.]{0,63}")


class NobodyAnswers(Unavailable, code="training.nobody"):
    """Too few owners take part for the round to count."""


class Job:
    """One run under way; `run()` returns when it is done or cannot go on."""

    def __init__(
        self, node: Node, peers: Peers, job_id: str, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self._node, self._peers, self._report = node, peers, report
        self._id = job_id
        self.job = kept.require(node, job_id)
        self._plan = RunPlan.from_json(self.job["plan"])
        self._assets = {asset.owner: asset for asset in map(node.asset, self.job["assets"])}
        self._stop, self._nudge = threading.Event(), threading.Event()
        self._late: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._lines: dict[str, dict[int, tuple[Any, int]]] = {}
        self._read: tuple[tuple[int, int], list[dict[str, Any]]] = ((0, 0), [])

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

        Raises FreeholdError: the job stands still at `step`; calling again continues there.
        """
        steps = {
            "plan": self._fix,
            "grants": self._grants,
            "rounds": self._rounds,
            "open": self._open,
            "value": self._value,
            "agree": self._agree,
            "release": self._release,
        }
        while self.job["step"] in steps and not self._stop.is_set():
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
            kept.keep(tx, self._id, self.job)

    def _note_absent(self, absent: Mapping[str, FreeholdError], number: int | None) -> None:
        """Keep who was away, in which rounds and why: shown wherever the job is, also after a restart."""
        if not absent:
            return
        away = dict(self.job["absent"])
        for owner, error in absent.items():
            known = away.get(owner, {"rounds": []})["rounds"]
            rounds = known + ([] if number is None or number in known else [number])
            away[owner] = self._away(error, rounds)
        self._advance(self.job["step"], absent=away)

    def _away(self, error: FreeholdError, rounds: list[int]) -> dict[str, Any]:
        why = error.message[:MAX_REASON]
        return {"rounds": rounds, "code": _code(error), "why": why, "at": self._node.now()}

    # before the first round

    def _fix(self) -> None:
        """The test's commitment and the plan stand in the log, and the plan on chain, before anybody is asked."""
        node, plan = self._node, self._plan
        statement = holding.announced(plan.test, plan.columns, plan.label)
        if "plan_claim" not in self.job:
            own = plan.test.holder == node.account
            committed = [node.claim("test_commitment", plan.test.commitment, statement)] if own else []
            planned = node.claim("training_plan", plan.run_id, {"plan": plan.to_json()})
            self._advance("plan", *committed, planned, plan_claim=planned.document.id)
        if not node.chain.read("Timestamps", "stampedAt", hash_bytes(plan.run_id)):
            node.send("Timestamps", "stamp", hash_bytes(plan.run_id))
        logbook.anchor(node)
        self._advance("grants")

    def _grants(self) -> None:
        node, plan = self._node, self._plan

        def tell(found: Agreed) -> None:
            self._tell(grants=found.grants)

        found = agree(node, self._peers, self.job, list(self._assets.values()), plan, tell, self.rest)
        self._note_absent(found.absent, None)
        start = Start(found.grants)
        claim = node.claim("training_start", plan.run_id, {"start": start.to_json()})
        self._advance("rounds", claim, grants=found.grants, start_claim=claim.document.id)

    # rounds

    def _rounds(self) -> None:
        plan, over = self._plan, rounds_of(self._node, self._plan)
        running = self._replay(over)
        missing = over[-1].unrevealed if over else []
        while not running.is_done and not self._stop.is_set():
            number = running.next
            opened = kept.begun(self._node, plan.run_id, number)
            if opened is None:
                opened = self._committed(running, missing)
                if opened is None:
                    return
            made = self._revealed(running, opened)
            if made is None:
                return
            running.add(made)
            with self._node.store.transaction() as tx:
                kept.end(tx, plan.run_id, made)
            missing = made.unrevealed
            self._tell(round=number, rounds=plan.recipe.rounds, absent=self.job["absent"])
        if running.is_done:
            self._advance("open")

    def _committed(self, running: Replay, missing: list[str]) -> dict[str, Any] | None:
        """Ask all for their commitments until a quorum has given one; sign which. None if stopped."""
        plan, number = self._plan, running.next

        def ask(asset: Asset) -> Envelope:
            return self._commit(running, asset)

        receipts, absent = self._until_quorum(number, ask, sorted(self.job["grants"]))
        if receipts is None:
            return None
        commitments = {owner: str(envelope.document.body["output"]) for owner, envelope in receipts.items()}
        reasons = {owner: _code(error) for owner, error in absent.items()}
        made = Round(number, commitments, reasons, {})
        previous = record.models_hash(plan, number, running.model)
        statement = record.round_statement(made, self.job["start_claim"], previous, missing)
        claim = self._node.claim("training_round", plan.run_id, statement)
        ordered = [receipts[owner] for owner in sorted(receipts)]
        opened = {"claim": claim.document.id, "receipts": [receipt.document.id for receipt in ordered]}
        with self._node.store.transaction() as tx:
            for receipt in ordered:
                tx.put(receipt)
            tx.put(claim, public=True)
            kept.begin(tx, plan.run_id, number, opened)
        return opened

    def _revealed(self, running: Replay, opened: dict[str, Any]) -> Round | None:
        """Ask all that committed for their updates until a quorum has shown one. None if stopped."""
        plan, number, node = self._plan, running.next, self._node
        statement = node.typed(opened["claim"], Claim).statement
        body = {
            "number": number,
            "claim": node.store.get(opened["claim"]).to_json(),
            "receipts": [node.store.get(receipt).to_json() for receipt in opened["receipts"]],
        }

        def ask(asset: Asset) -> Any:
            answer = self._peers.ask(
                asset.owner,
                "/peer/rounds/reveal",
                {**body, "grant": self.job["grants"][asset.owner]},
                timeout=plan.patience_seconds,
            )
            shown = {asset.owner: {name: answer.get(name) for name in ("salt", "update")}}
            one = record.parse_round(plan, statement, shown)
            salt, update = one.updates[asset.owner]
            found = record.update_hash(plan, number, asset.owner, salt, update, statement["previous"])
            if found != one.commitments[asset.owner]:
                raise VerificationFailed(
                    said("{name} shows another update than it committed to", name=asset.name)
                )
            return shown

        found, absent = self._until_quorum(number, ask, sorted(statement["commitments"]))
        if found is None:
            return None
        self._note_absent(absent, number)
        revealed = {owner: shown[owner] for owner, shown in found.items()}
        return record.parse_round(plan, statement, revealed)

    def _until_quorum(
        self, number: int | None, ask: Callable[[Asset], Any], owners: list[str]
    ) -> tuple[dict[str, Any] | None, dict[str, FreeholdError]]:
        """What owners answer once those that do hold the plan's quorum of rows; None if stopped.

        `number` is of the round from which those that do not are away; None where they only do not agree.
        Raises NobodyAnswers.
        """
        waits = 0
        found: dict[str, Any] = {}
        while not self._stop.is_set():
            answers, absent = self._ask_all(ask, [owner for owner in owners if owner not in found])
            found |= answers
            if record.has_quorum(self._plan, list(found)):
                if number is not None:
                    self._note_absent(absent, number)
                return found, absent
            waits += 1
            lost = bool(absent) and all(
                error.fields.get("peer_code") == DataLost.code for error in absent.values()
            )
            if waits > MAX_WAITS or lost:
                what = "agreed" if number is None else f"answered round {number}"
                error = NobodyAnswers(
                    f"too few owners {what}: the plan wants {self._plan.quorum_bps / 100:g} % of the rows"
                    + ("; the data of the others is missing or damaged" if lost else ""),
                    hint=said("Have the owners mend their nodes, then train --resume."),
                )
                raise error from next(iter(absent.values()))
            if number is None:
                self._tell(silent={owner: _code(one) for owner, one in absent.items()})
            else:
                shown = {owner: self._away(error, [number]) for owner, error in absent.items()}
                self._tell(round=number, absent={**self.job["absent"], **shown})
            self._stop.wait(min(0.25 * 2**waits, 5.0))
        return None, {}

    def _commit(self, running: Replay, asset: Asset) -> Envelope:
        """One owner's commitment; what it lacks is sent along, what it waits for is signed first."""
        number, first = running.next, max(running.next - 1, self._plan.first_round)
        due: list[dict[str, Any]] = []
        while True:
            try:
                return self._ask_commit(number, asset, first, due)
            except FreeholdError as error:
                if (lacking := self._named(error, RoundsMissing, "number", first)) is not None:
                    first = lacking
                    continue
                missed = self._named(error, NotCountersigned, "round", number)
                if missed is None or due:
                    raise
                late = self._ask_commit(missed, asset, first, [])
                with self._node.store.transaction() as tx:
                    tx.put(late)
                due = [late.to_json()]

    def _named(self, error: FreeholdError, kind: type[FreeholdError], field: str, before: int) -> int | None:
        """The round that an owner's refusal of a kind names, if it is one of the run's before that."""
        at = error.fields.get(field)
        if error.fields.get("peer_code") != kind.code or type(at) is not int:
            return None
        return at if self._plan.first_round <= at < before else None

    def _ask_commit(self, number: int, asset: Asset, first: int, due: list[dict[str, Any]]) -> Envelope:
        body = {**self._history(asset, first, number), "number": number, "countersigned": due}
        patience = self._plan.patience_seconds
        answer = self._peers.ask(asset.owner, "/peer/rounds/commit", body, timeout=patience)
        return self._receipt(asset, answer, number)

    def _history(self, asset: Asset, first: int, beyond: int) -> dict[str, Any]:
        """One owner's grant and the rounds that it lacks; before the first of a run, who takes part."""
        shown = {"grant": self.job["grants"][asset.owner], "rounds": self._records(first, beyond)}
        return shown | ({"start": self._start_shown()} if first == self._plan.first_round else {})

    def _start_shown(self) -> dict[str, Any]:
        store, grants = self._node.store, self.job["grants"]
        return {
            "claim": store.get(self.job["start_claim"]).to_json(),
            "grants": [store.get(grants[owner]).to_json() for owner in sorted(grants)],
        }

    def _records(self, first: int, beyond: int) -> list[dict[str, Any]]:
        """As `records_of`; read once for all owners that lack the same."""
        with self._lock:
            if self._read[0] != (first, beyond):
                self._read = ((first, beyond), records_of(self._node, self._plan.run_id, first, beyond))
            return self._read[1]

    def _receipt(self, asset: Asset, answer: dict[str, Any], number: int) -> Envelope:
        grant = self._node.grant(self.job["grants"][asset.owner])
        envelope, receipt = countersigning.read(self._node, answer.get("receipt"), grant)
        about = {"run": self._plan.run_id, "round": number}
        if (
            receipt.action != "train"
            or {name: receipt.evidence.get(name) for name in about} != about
            or set(receipt.evidence) != {"run", "round", "seed"}
            or receipt.money
        ):
            raise InvalidDocument(said("the receipt of {name} is not for this round", name=asset.name))
        if receipt.epsilon_micro != (self._plan.epsilon_micro if receipt.sequence == 1 else 0):
            raise InvalidDocument(
                said("the receipt of {name} takes another epsilon than the run costs", name=asset.name)
            )
        self._require_in_line(asset, receipt, number)
        return countersigning.countersigned(self._node, envelope)

    def _require_in_line(self, asset: Asset, receipt: Receipt, number: int) -> None:
        """The receipt follows the owner's earlier ones; what evidence would refuse in the end is refused now."""
        seed = receipt.evidence["seed"]
        with self._lock:
            known = self._lines.setdefault(asset.owner, {})
            before = [line for at, line in known.items() if at < number]
            fits = (
                isinstance(seed, str)
                and all(line[0] == seed and line[1] < receipt.sequence for line in before)
                and abs(receipt.issued_at - self._node.now()) <= CLOCK_SECONDS
            )
            if number in known:
                fits = known[number] == (seed, receipt.sequence)
            if not fits:
                raise InvalidDocument(
                    said("the receipt of {name} does not follow its earlier ones", name=asset.name)
                )
            known[number] = (seed, receipt.sequence)

    def _replay(self, over: list[Round]) -> Replay:
        """The run so far, recomputed from what was kept, which also checks it."""
        running = Replay(self._plan, Start(self.job["grants"]))
        for made in over:
            running.add(made)
        return running

    def _ask_all(
        self, ask: Callable[[Asset], Any], owners: list[str]
    ) -> tuple[dict[str, Any], dict[str, FreeholdError]]:
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
        for owner in owners:
            busy = self._late.get(owner)
            if busy is not None and busy.is_alive():
                absent[owner] = _unfinished(owner)
                continue
            # a daemon, so that an owner cannot keep this process from ending either
            asked[owner] = threading.Thread(
                target=one, args=(self._assets[owner],), name="ask an owner", daemon=True
            )
            asked[owner].start()
        deadline = time.monotonic() + self._plan.patience_seconds
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

    # after the last round

    def _open(self) -> None:
        plan, node = self._plan, self._node
        if plan.test.holder == node.account:
            _, salt = open_table(node, self.job["id"])
            final = record.final_hash(plan, self._replay(rounds_of(node, plan)).model)
            claim = holding.opening_of(node, plan, salt, final)
            self._advance("value", claim, opening=claim.document.id)
            return
        self._opened_by_validator()

    def _opened_by_validator(self) -> None:
        """Show the whole run to the one who keeps the test table, and keep what it opens."""
        plan, node, start = self._plan, self._node, self._start_shown()
        body = {
            "plan": self.job["plan"],
            "start": start["claim"],
            "grants": start["grants"],
            "rounds": self._records(plan.first_round, plan.recipe.rounds + 1),
        }
        answer = self._peers.ask(plan.test.holder, "/peer/tests/open", body, timeout=OPEN_SECONDS)
        claim = require_claim(node, answer.get("opening"), "test_opening", plan.run_id, plan.test.holder)
        salt = salt_of(claim)
        table = read_table(answer.get("test"))
        record.require_test(plan, table)
        if "0x" + tables.commitment(table, salt).hex() != plan.test.commitment:
            raise VerificationFailed(said("the validator opened another table than it committed to"))
        with node.store.transaction() as tx:
            custody.keep(tx, self.job["id"], seal_table(node, tx, table, salt))
            tx.put(claim, logged=False)
        self._advance("value", opening=claim.document.id)

    def _value(self) -> None:
        plan, start = self._plan, Start(self.job["grants"])
        rounds = rounds_of(self._node, plan)
        done = record.replay(plan, start, rounds)
        test, _ = open_table(self._node, self.job["id"])
        worth = record.value(plan, start, done, test)
        model = model_hash(done.model, plan.scaling, plan.recipe.to_json(), plan.columns)
        statement = {**worth.statement(), "model": model, "missing": rounds[-1].unrevealed}
        claim = self._node.claim("contribution", plan.run_id, statement)
        advice = record.without(plan, done, test) if len(start.grants) <= MOST_ADVISED else {}
        self._advance("agree", claim, contribution=claim.document.id, without=advice)

    def _agree(self) -> None:
        """Every owner recomputes the values; the pool opens once a quorum of rows has signed that they agree."""
        plan, node = self._plan, self._node
        body = {
            "opening": node.store.get(self.job["opening"]).to_json(),
            "contribution": node.store.get(self.job["contribution"]).to_json(),
            "test": table_json(open_table(node, self.job["id"])[0]),
        }

        def ask(asset: Asset) -> Envelope:
            first, beyond = plan.recipe.rounds, plan.recipe.rounds + 1
            while True:
                sent = body | self._history(asset, first, beyond)
                try:
                    answer = self._peers.ask(
                        asset.owner, "/peer/agreements", sent, timeout=plan.patience_seconds
                    )
                    return self._agreement(asset, answer)
                except FreeholdError as error:
                    lacking = self._named(error, RoundsMissing, "number", first)
                    if lacking is None:
                        raise
                    first = lacking

        found, absent = self._until_quorum(None, ask, sorted(self.job["grants"]))
        if found is None:
            return
        refused = {owner: _code(error) for owner, error in absent.items()}
        agreements = {owner: envelope.document.id for owner, envelope in found.items()}
        with node.store.transaction() as tx:
            for envelope in found.values():
                tx.put(envelope, logged=False)
        step = "release" if is_good_enough(node, self.job, plan) else "withheld"
        self._advance(step, agreements=agreements, silent=refused, finished_at=int(time.time()))

    def _agreement(self, asset: Asset, answer: dict[str, Any]) -> Envelope:
        envelope = parse_envelope(answer.get("agreement"))
        claim = envelope.document
        if (
            not isinstance(claim, Claim)
            or (claim.claim_kind, claim.issuer, claim.about) != ("agreement", asset.owner, self._plan.run_id)
            or claim.statement != {"contribution": self.job["contribution"]}
        ):
            raise InvalidDocument(
                said("what the owner of {name} signed is not that it agrees", name=asset.name)
            )
        self._node.check(envelope)
        return envelope

    def _release(self) -> None:
        plan, job, order = self._plan, self.job, self.job["order"]
        done = record.replay(plan, Start(job["grants"]), rounds_of(self._node, plan))
        trained = releasing.Trained(
            job["id"],
            job["name"],
            {name: order[name] for name in releasing.SALE if name in order},
            job["contribution"],
            job["grants"],
            job["agreements"],
            plan.run_id,
            plan.label,
            plan.columns,
            plan.recipe.to_json(),
            plan.scaling,
            done.model,
            {owner.account: owner.asset for owner in plan.owners},
        )
        asset = releasing.release(self._node, self._peers, trained)
        with contextlib.suppress(FreeholdError):
            # what a buyer's node asks to see before it pays; made again when asked for
            proving.keep_evidence(self._node, self._peers, asset, may_anchor=True)
        self._advance("done", model=asset.id, finished_at=int(time.time()))


def _code(error: FreeholdError) -> str:
    """Why, in one word: the owner's own where it said one."""
    told = str(error.fields.get("peer_code", ""))
    return told if _WORD.fullmatch(told) else error.code


def _unfinished(owner: str) -> PeerUnreachable:
    return PeerUnreachable(
        said("{owner} does not finish its answer", owner=owner), hint=said("Ask its operator."), account=owner
    )
