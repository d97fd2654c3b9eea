"""A judge that a run names checks one owner: its table, its noise and every update, all committed to before.

The judge draws the owner by chance after the run is over. The owner opens its table to that judge alone, sealed
to the judge's key. What is found is a signed claim; nothing is slashed. An owner that cheats in a share p of its
runs is found in p times the share that is checked, so a stake S is enough where S * checked >= gain.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from freehold.core.documents import Asset, Claim, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotAllowed, VerificationFailed
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.texts import said
from freehold.features.data.publishing import SALT_BYTES, open_table
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.table import from_canonical_bytes
from freehold.features.training import runs
from freehold.features.training.admitting import plan_of
from freehold.features.training.lending import noise_seed
from freehold.features.training.rules import record
from freehold.features.training.rules.record import RunPlan, Start
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify
from freehold.kernel.node import Node
from freehold.vault.sealing import EpochSecret, seal_bytes, unseal_bytes, unwrap, wrap

if TYPE_CHECKING:
    from freehold.kernel.host import Host

TIMEOUT_SECONDS = 300.0
SEED_BYTES = 32


class NotTheJudge(NotAllowed, code="training.not_the_judge"):
    """The plan of the run names another judge, or none."""


def open_to(node: Node, judge: str, body: dict[str, Any]) -> dict[str, Any]:
    """This owner's table, salt and noise seed of one run, sealed to the judge that the run's plan names.

    Raises NotTheJudge. NotFound: this owner did not agree to such a run. Conflict: the run is not over.
    """
    plan = plan_of(node, str(body.get("run")))
    if not plan.judge or judge != plan.judge:
        raise NotTheJudge(said("this owner opens its table to the judge of the run's plan alone"))
    if runs.get(node, plan.run_id, "agreed") is None:
        raise NotTheJudge(said("the run is not over here yet"), hint=said("Ask again once it is."))
    asset = next(owner.asset for owner in plan.owners if owner.account == node.account)
    table, salt = open_table(node, asset)
    secret = EpochSecret.generate()
    opened = noise_seed(node, plan) + salt + tables.canonical_bytes(table)
    to = bytes.fromhex(node.party_of(judge).encryption_key[2:])
    with node.store.transaction() as tx:
        runs.opened_to(tx, plan.run_id, judge, node.now())
    return {
        "secret": b64encode(wrap(secret, to, asset=asset, epoch=1)).decode(),
        "sealed": b64encode(seal_bytes(opened, secret.recipient)).decode(),
    }


def audit(host: Host, model_id: str, owner: str | None) -> dict[str, Any]:
    """Have one owner of a released model's run open its data to this node, and sign what is found.

    Raises NotTheJudge. InvalidInput: no such owner took part. VerificationFailed: the model's evidence does
    not hold. Unavailable.
    """
    node = host.node
    asset = node.asset(model_id)
    bundle = Bundle.from_json(
        host.peers.ask(asset.owner, "/peer/model-evidence", {"model": asset.id}, timeout=TIMEOUT_SECONDS)
    )
    report = verify(bundle, chain=node.chain)
    proving.require(report)
    if report.subject != asset.id:
        raise VerificationFailed(said("the evidence is about another model"))
    plan = RunPlan.from_json(bundle.json("training/plan.json"))
    if plan.judge != node.account:
        raise NotTheJudge(said("the run's plan names another judge, or none"))
    start = Start.from_json(bundle.json("training/start.json"), plan)
    chosen = owner or secrets.choice(sorted(start.grants))
    if chosen not in start.grants:
        raise InvalidInput(said("that account took no part in the run"), owner=chosen)
    detail, holds = "table, noise and every update are the ones committed to", True
    answer = host.peers.ask(chosen, "/peer/audits", {"run": plan.run_id}, timeout=TIMEOUT_SECONDS)
    try:
        _require_honest(node, bundle, plan, start, chosen, answer)
    except FreeholdError as error:
        detail, holds = error.message[:200], False
    claim = node.claim("audit", plan.run_id, {"owner": chosen, "holds": holds, "detail": detail})
    with node.store.transaction() as tx:
        tx.put(claim, public=True)
    return {"run": plan.run_id, "owner": chosen, "holds": holds, "detail": detail, "claim": claim.document.id}


def _require_honest(
    node: Node, bundle: Bundle, plan: RunPlan, start: Start, owner: str, answer: dict[str, Any]
) -> None:
    planned = next(one for one in plan.owners if one.account == owner)
    opened = _unsealed(node, planned.asset, answer)
    seed, salt = opened[:SEED_BYTES], opened[SEED_BYTES : SEED_BYTES + SALT_BYTES]
    table = from_canonical_bytes(opened[SEED_BYTES + SALT_BYTES :])
    committed = parse_envelope(bundle.json(f"documents/{planned.asset}.json")).document
    assert isinstance(committed, Asset)
    if "0x" + tables.commitment(table, salt).hex() != committed.content.commitment:
        raise VerificationFailed(said("the table opened is not the one published"))
    rounds = []
    for one in bundle.json("training/rounds.json"):
        claim = _document(one["claim"], Claim)
        rounds.append(record.parse_round(plan, claim.statement, one["revealed"]))
        for receipt in (_document(value, Receipt) for value in one["receipts"]):
            if receipt.provider == owner and receipt.evidence.get("seed") != sha256_hex(seed):
                raise VerificationFailed(said("the noise seed opened is not the one committed to"))
    record.replay_owner(plan, start, rounds, owner, table, seed)


def _document(value: Any, kind: type[Any]) -> Any:
    envelope: Envelope = parse_envelope(value)
    if not isinstance(envelope.document, kind):
        raise InvalidDocument(said("a round holds a claim and receipts"))
    return envelope.document


def _unsealed(node: Node, asset: str, answer: dict[str, Any]) -> bytes:
    try:
        wrapped, sealed = (b64decode(str(answer.get(name)), validate=True) for name in ("secret", "sealed"))
    except ValueError:
        raise InvalidDocument(said("the owner opened nothing that can be read")) from None
    return unseal_bytes(sealed, unwrap(wrapped, node.keys.encryption_key, asset=asset, epoch=1))
