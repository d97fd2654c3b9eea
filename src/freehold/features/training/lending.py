"""A data owner's side of training: every use is checked, charged, computed here, receipted and logged.

What leaves this process is one noised update a round (and, in round 0, a noised sketch). An owner trusts
nothing the builder says: it saw every other owner's signed grant, recomputes the model of each round from
what all owners committed to before any of it was shown, and answers one history only.

    accept (in granting) -> commit 0, reveal 0, commit 1, reveal 1, ... -> agree
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from freehold.core.canonical import parse
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.core.ids import sha256_hex
from freehold.core.late import np, npt
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.publishing import open_table
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.table import Table
from freehold.features.grants import unused
from freehold.features.models.rules.model import model_hash
from freehold.features.models.rules.scaling import Scaling, unit_rows
from freehold.features.privacy import budget
from freehold.features.training import runs
from freehold.features.training.admitting import plan_of
from freehold.features.training.rules import record
from freehold.features.training.rules.record import Replay, Round, RunPlan, Start
from freehold.kernel import countersigning, logbook
from freehold.kernel.node import Node
from freehold.kernel.rights.check import ForeignGrant, require_receipt_fits, use_price
from freehold.kernel.rights.standing import authorise, standing
from freehold.kernel.store import Transaction
from freehold.kernel.use import Done, Use, perform

KEPT_TABLES = 4
KEPT_RUNS = 16
KEPT_GRANTS = 4_096
UNHEARD_PART = 5
"""An owner agrees to a split if no more than this part of its updates was left out."""
SALT_BYTES = 16


class NotCountersigned(NotAllowed, code="receipt.not_countersigned"):
    """The holder has not yet signed the receipt of its last use."""


class RoundsMissing(Conflict, code="training.rounds_missing"):
    """This owner has not seen every round before; `fields["number"]` is the first it lacks."""


class TwoHistories(Conflict, code="training.two_histories"):
    """The builder signed two different accounts of one round: both are kept, and prove it."""


class NotCommitted(NotAllowed, code="training.not_committed"):
    """The owner neither used its grant of the run nor was paid for it, so it vouches for nothing."""


class AgreedOtherwise(Conflict, code="training.agreed_otherwise"):
    """The owner has signed that it agrees to another account of the run; it signs one."""


class WrongContribution(NotAllowed, code="training.wrong_contribution"):
    """The values that the builder states are not those that follow from the run."""


class Lender:
    """The runs that this owner's data takes part in; usable from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._running: OrderedDict[str, Replay] = OrderedDict()
        # of a run, checked when it began; the same are asked for in every round
        self._grant = lru_cache(KEPT_GRANTS)(node.grant)
        self._ready = lru_cache(KEPT_TABLES)(self._opened)
        self._lock = threading.Lock()

    def commit(self, holder: str, body: dict[str, Any]) -> dict[str, Any]:
        """Compute this owner's part of a round and answer with its signed hash alone.

        A repeated request gets the stored answer: nothing is computed, counted or charged twice. Raises
        RoundsMissing, NotCountersigned, TwoHistories; NotAllowed and its kin; BudgetSpent.
        """
        grant, asset, plan = self._granted(holder, body)
        number, run = _number(plan, body), plan.run_id
        use = Use(
            # by run and not by grant: whatever is asked, a run has one history here
            key=f"committed:{run}:{number:03d}",
            request=run,
            grant=grant,
            asset=asset,
            holder=holder,
            action="train",
            run=run,
            epsilon_micro=plan.epsilon_micro,
            evidence={"run": run, "round": number, "seed": sha256_hex(noise_seed(self._node, plan))},
            standing=lambda: standing(self._node, grant),
            alone=(f"run:{run}",),
        )
        answer: dict[str, Any] = parse(
            perform(self._node, use, lambda _: self._work(plan, grant, asset, number, body))
        )
        return answer

    def reveal(self, holder: str, body: dict[str, Any]) -> dict[str, Any]:
        """Show what was committed to, once the builder has signed who else committed to what. Repeatable.

        Raises NotFound: nothing was committed to. TwoHistories, InvalidDocument, VerificationFailed.
        """
        _, _, plan = self._granted(holder, body)
        with self._node.exclusive(f"run:{plan.run_id}"):
            number = _number(plan, body)
            given = runs.get_round(self._node, plan.run_id, number, "given")
            if given is None:
                raise NotFound(
                    "this owner committed to nothing in that round", hint="Ask it to commit first."
                )
            claim = self._see(plan, number, body.get("claim"), body.get("receipts"))
            if self._node.account not in statement_of(claim)["commitments"]:
                raise InvalidDocument("the claim of the round leaves this owner's commitment out")
            return {"salt": given["salt"], "update": given["update"]}

    def agree(self, holder: str, body: dict[str, Any]) -> dict[str, Any]:
        """Recompute every owner's value from the run and the opened test table, and sign that they agree.

        Raises WrongContribution; RoundsMissing; VerificationFailed; InvalidDocument.
        """
        grant, _, plan = self._granted(holder, body)
        with self._node.exclusive(f"run:{plan.run_id}"):
            contribution = require_claim(
                self._node, body.get("contribution"), "contribution", plan.run_id, holder
            )
            known = runs.get(self._node, plan.run_id, "agreed")
            if known and known["contribution"] == contribution.document.id:
                return {"agreement": self._node.store.get(known["agreement"]).to_json()}
            if known:
                raise AgreedOtherwise(
                    "this owner agreed to another account of that run", hint="Show the one it signed for."
                )
            if unused.is_unused(self._node, grant.id):
                raise NotCommitted("this owner took no part in that run", hint="Go on without it.")
            self._begin(plan, grant, body.get("start"), charged=False)
            running = self._follow(plan, body.get("rounds"))
            if not running.is_done:
                raise RoundsMissing("this owner lacks rounds", hint="Send them.", number=running.next)
            opening = require_claim(
                self._node, body.get("opening"), "test_opening", plan.run_id, plan.test.holder
            )
            self._require_same(plan, contribution, opening, body.get("test"))
            answer = self._sign(plan, contribution, opening)
        # the run is over here, once: what its evidence will have to show of this log is all in it
        logbook.anchor_soon(self._node)
        return answer

    # what a run is made of

    def _granted(self, holder: str, body: dict[str, Any]) -> tuple[Grant, Asset, RunPlan]:
        grant = self._node.grant(str(body.get("grant")))
        if grant.run is None or grant.holder != holder or grant.issuer != self._node.account:
            raise ForeignGrant(
                "training needs a grant of this node for one run",
                hint="Ask for one with a plan.",
                grant_id=grant.id,
            )
        return grant, self._node.asset(grant.asset), plan_of(self._node, grant.run)

    def _begin(self, plan: RunPlan, own: Grant, value: Any, *, charged: bool) -> None:
        """Take the builder's start: this owner's grant and every other's own signed one for this run.

        Where the run is `charged`, its whole cost is taken in the transaction that keeps the first of it.
        """
        if runs.get(self._node, plan.run_id, "start") is not None:
            return
        if not isinstance(value, dict):
            raise RoundsMissing("this owner has not seen who takes part", number=plan.first_round)
        claim = require_claim(self._node, value.get("claim"), "training_start", plan.run_id, plan.builder)
        start = Start.from_json(statement_of(claim).get("start"), plan)
        if start.grants.get(own.issuer) != own.id:
            raise InvalidDocument("the start does not name this owner's grant")
        grants = require_grants(self._node, plan, start, value.get("grants"))
        with self._node.store.transaction() as tx:
            if charged:
                self._charge(tx, plan, own)
            authorise(self._node, tx, own.id)
            tx.put(claim, logged=False)
            for envelope in grants:
                if not self._node.store.has(envelope.document.id):
                    tx.put(envelope, logged=False)
            kept = {"claim": claim.document.id, "start": start.to_json()}
            runs.keep(tx, plan.run_id, "start", kept)

    def _charge(self, tx: Transaction, plan: RunPlan, grant: Grant) -> None:
        """Take a run's cost from the budget, once however often it is asked."""
        budget.charge(
            self._node, tx, grant.asset, plan.run_id, plan.rho_nano, plan.epsilon_micro, grant.holder
        )

    def _follow(self, plan: RunPlan, values: Any) -> Replay:
        """The run so far, after rounds that were sent along."""
        running = self._current(plan)
        for value in values if isinstance(values, list) else []:
            if not isinstance(value, dict):
                raise InvalidInput("a round is an object of claim, receipts and revealed")
            claim = self._see(plan, None, value.get("claim"), value.get("receipts"))
            made = record.parse_round(plan, statement_of(claim), value.get("revealed"))
            if made.number < running.next:
                continue
            try:
                running.add(made)
            except BaseException:
                with self._lock:
                    self._running.pop(plan.run_id, None)
                raise
            with self._node.store.transaction() as tx:
                runs.keep_round(tx, plan.run_id, made.number, "revealed", made.to_json())
        return running

    def _current(self, plan: RunPlan) -> Replay:
        """The run as far as this owner followed it."""
        with self._lock:
            running = self._running.get(plan.run_id)
        if running is None:
            running = Replay(plan, _started(self._node, plan))
            for made in _followed(self._node, plan):
                running.add(made)
            with self._lock:
                self._running[plan.run_id] = running
                while len(self._running) > KEPT_RUNS:
                    self._running.popitem(last=False)
        return running

    def _see(self, plan: RunPlan, number: int | None, value: Any, receipts: Any) -> Envelope:
        """The builder's claim of a round: signed, in its place, of receipts that owners signed; one only."""
        node, run = self._node, plan.run_id
        claim = require_claim(node, value, "training_round", run, plan.builder)
        statement = statement_of(claim)
        made = record.parse_round(plan, statement, {})
        if number not in (None, made.number):
            raise InvalidDocument("the claim is of another round")
        seen = runs.claim(node, run, made.number)
        if seen == claim.document.id:
            return claim
        if seen is not None:
            if runs.get(node, run, "two_histories") is None:
                # two prove it; a builder that signs more of them fills nothing
                with node.store.transaction() as tx:
                    tx.put(claim, logged=False)
                    runs.keep(tx, run, "two_histories", [seen, claim.document.id])
            raise TwoHistories(
                f"the builder signed two accounts of round {made.number}",
                hint="Both are kept here: show them to whom you want to convince.",
                claims=[seen, claim.document.id],
            )
        running = self._current(plan)
        if made.number != running.next:
            raise RoundsMissing("this owner lacks rounds", hint="Send them.", number=running.next)
        self._require_in_place(plan, statement, running)
        start = _started(node, plan)
        if sorted([*made.commitments, *made.absent]) != sorted(start.grants):
            raise InvalidDocument("a round accounts for each owner that takes part, once")
        own = require_receipts(node, plan, start, made, receipts, self._grant)
        with node.store.transaction() as tx:
            tx.put(claim, logged=False)
            if own is not None:
                if not node.store.has(own.document.id):
                    # given before this node was restored from an older state: number and budget are taken
                    grant = node.grant(start.grants[node.account])
                    tx.count_use(grant.id, use_price(grant))
                    self._charge(tx, plan, grant)
                tx.put(own)
            runs.see(tx, run, made.number, claim.document.id)
        return claim

    def _require_in_place(self, plan: RunPlan, statement: dict[str, Any], running: Replay) -> None:
        before = running.next - 1
        stored = runs.get_round(self._node, plan.run_id, before, "revealed")
        seen = runs.claim(self._node, plan.run_id, before)
        missing: list[str] = []
        if stored is not None and seen is not None:
            earlier = self._node.typed(seen, Claim).statement
            missing = sorted(set(earlier["commitments"]) - set(stored))
        expected = {
            "start": runs.get(self._node, plan.run_id, "start")["claim"],
            "previous": record.models_hash(plan, running.next, running.model),
            "missing": missing,
        }
        for name, wanted in expected.items():
            if statement.get(name) != wanted:
                raise InvalidDocument(
                    f"the claim of round {running.next} has another {name} than follows here"
                )

    # one use

    def _opened(self, asset_id: str, scaling: Scaling) -> tuple[Table, npt.NDArray[np.int16]]:
        """An owner's table, opened, and its rows made ready for one scaling; in memory only."""
        table, _ = open_table(self._node, asset_id)
        return table, unit_rows(table.features, scaling)

    def _work(self, plan: RunPlan, grant: Grant, asset: Asset, number: int, body: dict[str, Any]) -> Done:
        """This owner's part of a round, once it follows what went before: its hash is given, itself kept."""
        node, run = self._node, plan.run_id
        # nothing is charged for data that cannot be opened
        table, z = self._ready(asset.id, plan.scaling)
        self._begin(plan, grant, body.get("start"), charged=True)
        running = self._follow(plan, body.get("rounds"))
        if running.next != number:
            raise RoundsMissing("this owner lacks rounds", hint="Send them.", number=running.next)
        if body.get("countersigned"):
            countersigning.accept(node, grant.holder, body["countersigned"])
        self._require_countersigned(grant)
        seed = noise_seed(node, plan)
        update = record.answer(plan, number, running.model, table, seed, z)
        previous = record.models_hash(plan, number, running.model)
        salt = "0x" + hashlib.sha256(f"salt {run} {number}".encode() + seed).hexdigest()[:32]

        def charge(tx: Transaction, *_: Any) -> None:
            self._charge(tx, plan, grant)
            runs.keep_round(tx, run, number, "given", {"salt": salt, "update": update.tolist()})

        return Done(record.update_hash(plan, number, node.account, salt, update, previous), {}, charge)

    def _require_countersigned(self, grant: Grant) -> None:
        unsigned = self._node.store.unsigned_receipts(grant.holder, grant.id)
        if unsigned:
            raise NotCountersigned(
                "the receipt of the last use is not countersigned",
                hint="Ask for that round again: the answer is the same; then send its receipt, signed.",
                round=unsigned[0].evidence.get("round"),
            )

    # the end of a run

    def _require_same(self, plan: RunPlan, contribution: Envelope, opening: Envelope, test: Any) -> None:
        from freehold.features.training.checks.replaying import read_table  # noqa: PLC0415 - only at the end of a run

        stated = statement_of(contribution)
        table = read_table(test)
        if "0x" + tables.commitment(table, salt_of(opening)).hex() != plan.test.commitment:
            raise WrongContribution("the opened test table is not the one committed to before training")
        rounds = _followed(self._node, plan)
        start = _started(self._node, plan)
        done = record.replay(plan, start, rounds)
        if statement_of(opening).get("model") != record.final_hash(plan, done.model):
            raise WrongContribution("the test table was opened to another model than this run's")
        self._require_heard(plan, rounds)
        worth = record.value(plan, start, done, table)
        model = model_hash(done.model, plan.scaling, plan.recipe.to_json(), plan.columns)
        expected = {**worth.statement(), "model": model, "missing": rounds[-1].unrevealed}
        if stated != expected:
            names = sorted({*expected, *stated})
            wrong = next(name for name in names if stated.get(name) != expected.get(name))
            with self._node.store.transaction() as tx:
                # the newest: whoever states ever other values replaces what it stated
                earlier = runs.get(self._node, plan.run_id, "disputed")
                if earlier is not None:
                    tx.forget(earlier["contribution"])
                tx.put(contribution, logged=False)
                runs.keep(
                    tx, plan.run_id, "disputed", {"contribution": contribution.document.id, "field": wrong}
                )
            raise WrongContribution(
                f"the builder states other {wrong} than follow from the run",
                hint="This owner does not agree; its console shows both.",
                field=wrong,
            )

    def _require_heard(self, plan: RunPlan, rounds: list[Round]) -> None:
        """What this owner revealed was counted, but for the odd lost answer.

        Who is left out is the builder's word, and it has seen what it leaves out: it could choose.
        """
        own = self._node.account
        unheard = [
            made.number
            for made in rounds
            if own in made.unrevealed
            and runs.get_round(self._node, plan.run_id, made.number, "given") is not None
        ]
        if len(unheard) > max(1, plan.recipe.rounds // UNHEARD_PART):
            raise WrongContribution(
                f"{len(unheard)} updates that this owner revealed were left out",
                hint="Who is left out of so many rounds does not agree to the split.",
                rounds=unheard,
            )

    def _sign(self, plan: RunPlan, contribution: Envelope, opening: Envelope) -> dict[str, Any]:
        node = self._node
        agreement = node.claim("agreement", plan.run_id, {"contribution": contribution.document.id})
        with node.store.transaction() as tx:
            tx.put(contribution, logged=False)
            tx.put(opening, logged=False)
            tx.put(agreement, public=True)
            agreed = {"contribution": contribution.document.id, "agreement": agreement.document.id}
            runs.keep(tx, plan.run_id, "agreed", agreed)
        return {"agreement": agreement.to_json()}


def noise_seed(node: Node, plan: RunPlan) -> bytes:
    """This owner's secret for one run: 32 bytes that nobody without its keys can make, and it always can."""
    return hmac.digest(node.keys.encryption_key, f"freehold/run-noise/v1 {plan.run_id}".encode(), "sha256")


def _started(node: Node, plan: RunPlan) -> Start:
    known = runs.get(node, plan.run_id, "start")
    if known is None:
        raise RoundsMissing("this owner has not seen who takes part", number=plan.first_round)
    return Start.from_json(known["start"], plan)


def _followed(node: Node, plan: RunPlan) -> list[Round]:
    return [
        record.parse_round(plan, node.typed(claim, Claim).statement, revealed)
        for claim, revealed in runs.followed(node, plan.run_id)
    ]


def require_grants(node: Node, plan: RunPlan, start: Start, values: Any) -> list[Envelope]:
    """Every owner's own signed grant for exactly this run, one for each. Raises InvalidDocument."""
    if not isinstance(values, list) or len(values) != len(start.grants):
        raise InvalidDocument("a start comes with the grant of each owner that takes part")
    owners = {owner.account: owner for owner in plan.owners}
    found = []
    for value in values:
        envelope = parse_envelope(value)
        grant = envelope.document
        if not isinstance(grant, Grant) or start.grants.get(grant.issuer) != grant.id:
            raise InvalidDocument("a start names other grants than it comes with")
        expected = (plan.run_id, plan.builder, owners[grant.issuer].asset)
        if (grant.run, grant.holder, grant.asset) != expected:
            raise InvalidDocument(f"the grant of {grant.issuer} is not for this run", owner=grant.issuer)
        node.check(envelope)
        found.append(envelope)
    if len({envelope.document.id for envelope in found}) != len(start.grants):
        raise InvalidDocument("a start comes with one grant twice")
    return found


def require_receipts(
    node: Node, plan: RunPlan, start: Start, made: Round, values: Any, grant_of: Callable[[str], Grant]
) -> Envelope | None:
    """A complete receipt under each commitment of a round; returns this node's own, if there is one.

    Raises InvalidDocument, InvalidSignature, NotAllowed.
    """
    if not isinstance(values, list) or len(values) != len(made.commitments):
        raise InvalidDocument("a round comes with one receipt for each commitment")
    found: dict[str, Envelope] = {}
    for value in values:
        envelope = parse_envelope(value)
        receipt = envelope.document
        if not isinstance(receipt, Receipt):
            raise InvalidDocument("a round comes with receipts")
        about = (receipt.evidence.get("run"), receipt.evidence.get("round"))
        if set(receipt.evidence) != {"run", "round", "seed"}:
            raise InvalidDocument(f"the receipt of {receipt.provider} says something else than a round's")
        if about != (plan.run_id, made.number) or receipt.output != made.commitments.get(receipt.provider):
            raise InvalidDocument(f"the receipt of {receipt.provider} is for something else")
        if start.grants.get(receipt.provider) != receipt.grant:
            raise InvalidDocument(f"the receipt of {receipt.provider} is under another grant")
        node.check(envelope)
        require_receipt_fits(receipt, grant_of(receipt.grant))
        found[receipt.provider] = envelope
    if set(found) != set(made.commitments):
        raise InvalidDocument("a round comes with one receipt for each commitment")
    return found.get(node.account)


def require_claim(node: Node, value: Any, kind: str, about: str, issuer: str) -> Envelope:
    """A signed claim of one kind, about one thing, by one party. Raises InvalidDocument, InvalidSignature."""
    envelope = parse_envelope(value)
    claim = envelope.document
    if not isinstance(claim, Claim) or (claim.claim_kind, claim.about, claim.issuer) != (kind, about, issuer):
        raise InvalidDocument(f"a {kind} claim was expected")
    node.check(envelope)
    return envelope


def statement_of(claim: Envelope) -> dict[str, Any]:
    """What a claim from `require_claim` says."""
    assert isinstance(claim.document, Claim)
    return claim.document.statement


def salt_of(opening: Envelope) -> bytes:
    """The salt in the opening of a test table. Raises InvalidDocument."""
    try:
        return bytes.fromhex(str(statement_of(opening).get("salt")).removeprefix("0x"))
    except ValueError:
        raise InvalidDocument("the opening names no salt") from None


def _number(plan: RunPlan, body: dict[str, Any]) -> int:
    number = body.get("number")
    if type(number) is not int or not plan.first_round <= number <= plan.recipe.rounds:
        raise InvalidInput(f"the plan has rounds {plan.first_round} to {plan.recipe.rounds}")
    return number
