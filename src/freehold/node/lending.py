"""A data owner's side of training: every use is checked, computed here, receipted and logged.

Raw rows never leave this process. What leaves is column sums (once) and trained models per round.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope, parse_envelope
from freehold.node.granting import standing
from freehold.node.node import Node
from freehold.node.publishing import open_table
from freehold.rights.check import require_usable, use_price
from freehold.training import coalitions
from freehold.training.fixed import IntArray
from freehold.training.logistic import train_locally
from freehold.training.record import RunPlan, update_hash
from freehold.training.statistics import measure, standardise
from freehold.training.table import Table

MAX_ROUND_OPERATIONS = 2 * 10**11
"""Most multiply-adds an owner spends on one use: some minutes of one core."""


class NotCountersigned(NotAllowed):
    """The holder has not yet signed the receipt of its last use."""

    code = "receipt.not_countersigned"


class Tables:
    """Opened tables in memory, so that a run decrypts once; the last few only."""

    def __init__(self, node: Node, keep: int = 4) -> None:
        self._node, self._keep = node, keep
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()

    def get(self, asset_id: str) -> Table:
        """One asset's table."""
        with self._lock:
            if asset_id not in self._tables:
                self._tables[asset_id] = open_table(self._node, asset_id)[0]
                while len(self._tables) > self._keep:
                    del self._tables[next(iter(self._tables))]
            return self._tables[asset_id]


def give_statistics(node: Node, tables: Tables, holder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Column sums of the granted table: use number one of a run.

    Raises:
        NotAllowed and its kin when the grant does not allow it.
    """
    grant, asset = _granted(node, str(body.get("grant")))
    with node.exclusive(grant.id):
        return _give_statistics(node, tables, holder, body, grant, asset)


def _give_statistics(
    node: Node, tables: Tables, holder: str, body: dict[str, Any], grant: Grant, asset: Asset
) -> dict[str, Any]:
    key, request = f"statistics:{grant.id}:{str(body.get('nonce'))[:80]}", sha256_hex(canonical_bytes(body))
    known = _answered(node, key, request)
    if known is not None:
        return known
    require_usable(grant, asset, standing(node, grant), holder=holder, action="train")
    statistics = measure(tables.get(asset.id)).to_json()
    return _use(
        node, grant, asset, sha256_hex(canonical_bytes(statistics)), {"round": 0}, key, request, statistics
    )


def train_round(node: Node, tables: Tables, holder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Train the models of every coalition this owner is in, on its own table, for one round.

    A repeated request gets the stored answer: no second use is counted.

    Raises:
        NotAllowed and its kin, NotCountersigned, InvalidInput.
    """
    grant, asset = _granted(node, str(body.get("grant")))
    with node.exclusive(grant.id):
        return _train_round(node, tables, holder, body, grant, asset)


def _train_round(
    node: Node, tables: Tables, holder: str, body: dict[str, Any], grant: Grant, asset: Asset
) -> dict[str, Any]:
    plan = _plan(node, holder, body.get("plan"))
    number = body.get("round")
    if type(number) is not int or not 1 <= number <= plan.recipe.rounds:
        raise InvalidInput(f"the plan has rounds 1 to {plan.recipe.rounds}")
    request = sha256_hex(canonical_bytes({"models": body.get("models"), "run": plan.run_id, "round": number}))
    key = f"round:{grant.id}:{plan.run_id}:{number}"
    known = _answered(node, key, request)
    if known is not None:
        return known
    require_usable(grant, asset, standing(node, grant), holder=holder, action="train")
    unsigned = node.store.unsigned_receipts(holder, grant.id)
    if unsigned:
        raise NotCountersigned(
            "the receipt of the last use is not countersigned",
            hint="Ask for that round again: the answer is the same, then POST its receipt to /peer/countersign.",
            round=unsigned[0].evidence.get("round"),
        )
    update = _train(node, tables, asset, plan, body.get("models"))
    output = update_hash(plan, number, node.account, update)
    evidence: dict[str, str | int] = {"run": plan.run_id, "round": number}
    return _use(node, grant, asset, output, evidence, key, request, update.tolist())


def _train(node: Node, tables: Tables, asset: Asset, plan: RunPlan, models: Any) -> IntArray:
    table = tables.get(asset.id)
    if node.account not in plan.owners:
        raise InvalidInput("this node is not in the plan")
    index = plan.owners.index(node.account)
    if plan.data[index] != asset.content.commitment or plan.statistics[index] != measure(table):
        raise InvalidInput("the plan describes other data than the grant is for")
    if plan.columns != table.columns or plan.label != table.label:
        raise InvalidInput("the plan names other columns than the data has")
    shape = (1 << (len(plan.owners) - 1), plan.width)
    operations = 2 * plan.recipe.local_steps * table.rows * shape[0] * shape[1]
    if operations > MAX_ROUND_OPERATIONS:
        raise NotAllowed(
            f"a round would cost {operations:.1e} multiply-adds here",
            hint=f"At most {MAX_ROUND_OPERATIONS:.0e}: fewer local steps, or fewer owners.",
        )
    given = coalitions.parse_update(models, "the builder", shape)
    return train_locally(standardise(table, plan.scaling), table.labels, np.asarray(given), plan.recipe)


def countersign(node: Node, holder: str, values: Any) -> dict[str, Any]:
    """Take the holder's signatures under receipts this node gave.

    Raises:
        InvalidSignature, NotFound, InvalidInput.
    """
    if not isinstance(values, list) or len(values) > 1_000:
        raise InvalidInput("receipts is a list of at most 1,000 envelopes")
    envelopes = [parse_envelope(value) for value in values]
    for envelope in envelopes:
        receipt = envelope.document
        if not isinstance(receipt, Receipt) or receipt.holder != holder or receipt.provider != node.account:
            raise InvalidDocument("only the holder of a receipt of this node can countersign it")
        node.store.get(receipt.id)
        node.check(envelope)
    with node.store.transaction() as tx:
        for envelope in envelopes:
            tx.put(envelope)
    return {"countersigned": len(envelopes)}


def _granted(node: Node, grant_id: str) -> tuple[Grant, Asset]:
    grant = node.grant(grant_id)
    return grant, node.asset(grant.asset)


def _plan(node: Node, holder: str, value: Any) -> RunPlan:
    envelope = parse_envelope(value)
    claim = envelope.document
    if not isinstance(claim, Claim) or claim.claim_kind != "training_plan" or claim.issuer != holder:
        raise InvalidDocument("a round needs the builder's own training_plan claim")
    if not node.store.has(claim.id):
        node.check(envelope)
        with node.store.transaction() as tx:
            tx.put(envelope, logged=False)
    plan = RunPlan.from_json(claim.statement.get("plan"))
    if plan.run_id != claim.about:
        raise InvalidDocument("the plan is not the one its claim is about")
    return plan


def _answered(node: Node, key: str, request: str) -> dict[str, Any] | None:
    known = node.store.answered(key)
    if known is None:
        return None
    if known[0] != request:
        raise Conflict("this step was answered for another request", hint="Start a new run.")
    answer: dict[str, Any] = parse(known[1])
    return answer


def _use(
    node: Node,
    grant: Grant,
    asset: Asset,
    output: str,
    evidence: dict[str, str | int],
    key: str,
    request: str,
    result: Any,
) -> dict[str, Any]:
    """Receipt, log entry, count and stored answer, all in one transaction."""
    with node.store.transaction() as tx:
        uses, _ = node.store.uses(grant.id)
        receipt = Receipt(
            grant=grant.id,
            action="train",
            provider=node.account,
            holder=grant.holder,
            inputs=(asset.id,),
            output=output,
            evidence=evidence,
            sequence=uses + 1,
            issued_at=node.now(),
        )
        envelope: Envelope = node.seal(receipt, "provider")
        answer = {"result": result, "receipt": envelope.to_json()}
        tx.put(envelope)
        tx.count_use(grant.id, use_price(grant))
        tx.answer(key, request, canonical_bytes(answer))
    return answer
