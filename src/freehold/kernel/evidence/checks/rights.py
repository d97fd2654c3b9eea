"""Was each use allowed, at the price agreed, under a grant that stood?"""

from __future__ import annotations

from freehold.core.documents import Asset, Claim, Grant, Receipt
from freehold.core.terms import price_of, require_within, rows_charged
from freehold.core.texts import Units, said
from freehold.kernel.evidence.reading import Broken, Evidence, blaming, same
from freehold.kernel.evidence.state import pool_id, purchase_slot, revocation_slot
from freehold.kernel.rights.check import is_priced
from freehold.kernel.words import actions


def grants(evidence: Evidence) -> str:
    """Each grant was issued by its asset's owner, within the asset's terms."""
    count = 0
    for grant in evidence.of_type(Grant):
        if grant.asset in evidence.unknown:
            # what its terms allow is said in words of that kind
            continue
        asset = evidence.get(grant.asset, Asset, grant)
        if grant.issuer != asset.owner:
            raise Broken(evidence.place(grant), said("was not issued by the owner of its asset"))
        if grant.parent is not None:
            raise Broken(evidence.place(grant), said("is delegated, which evidence does not cover yet"))
        with blaming(evidence.place(grant)):
            require_within(grant.terms, asset.terms)
        if grant.terms.holders and grant.holder not in grant.terms.holders:
            raise Broken(evidence.place(grant), said("is held by somebody whom its terms do not name"))
        count += 1
    return said("{count} grants by the owners, within their terms", count=count)


def bought(evidence: Evidence) -> str:
    """Each grant that is sold was paid on Market."""
    count = 0
    statement = evidence.manifest.statement
    for grant in evidence.of_type(Grant):
        if is_priced(grant):
            slot = purchase_slot(grant, statement.chain_id, statement.contracts["Market"])
            if evidence.word("Market", slot) == 0:
                raise Broken(evidence.place(grant), said("is for sale and was not bought"))
            count += 1
    return (
        said("{count} grants bought on chain", count=count)
        if count
        else said("no grant has a price of its own")
    )


def receipts(evidence: Evidence) -> str:
    """Each receipt is a use that its grant allows, counted once."""
    seen: set[tuple[str, int]] = set()
    for receipt in evidence.of_type(Receipt):
        grant = evidence.get(receipt.grant, Grant, receipt)
        terms = grant.terms
        wrong = (
            ("holder", receipt.holder != grant.holder),
            ("provider", receipt.provider != grant.issuer),
            ("action", receipt.action not in terms.actions),
            ("inputs", receipt.inputs != (grant.asset,)),
            ("sequence", receipt.sequence > terms.max_uses or (grant.id, receipt.sequence) in seen),
            ("time", not terms.not_before <= receipt.issued_at < terms.expires_at),
            ("epsilon", receipt.epsilon_micro > terms.epsilon_run_micro),
            ("run", not _is_in_its_run(receipt, grant)),
        )
        for field, broken in wrong:
            if broken:
                raise Broken(
                    evidence.place(receipt), said("has a {field} that its grant does not allow", field=field)
                )
        seen.add((grant.id, receipt.sequence))
    return said("{n} receipts, each within its grant", n=len(seen))


def _is_in_its_run(receipt: Receipt, grant: Grant) -> bool:
    """A grant for a run allows uses of runs, in that run, and nothing else; one without a run, none of those."""
    if actions()[receipt.action].in_run:
        return grant.run is not None and receipt.evidence.get("run") == grant.run
    return grant.run is None


def money(evidence: Evidence) -> str:
    """Each receipt says the price of one use, from the holder to whom it is due, within the spend cap.

    A voucher is a promise: whether it was settled before its payer withdrew is on chain, in no bundle.
    """
    total = 0
    for receipt in evidence.of_type(Receipt):
        grant = evidence.get(receipt.grant, Grant, receipt)
        rows = rows_charged(receipt, grant.terms)
        if not 1 <= rows <= grant.terms.rows_per_call:
            raise Broken(evidence.place(receipt), said("does not say how many rows it charges, or too many"))
        price = price_of(grant.terms, rows) if grant.terms.price_per == "use" else 0
        is_pooled = actions()[receipt.action].pays == "pool"
        payee = pool_id(grant.issuer, grant.asset) if is_pooled else grant.issuer
        moved: dict[str, int] = {}
        for line in receipt.money:
            moved[line.account] = moved.get(line.account, 0) + line.delta_units
        expected = {receipt.holder: -price, payee: price} if price else {}
        if {account: units for account, units in moved.items() if units} != expected:
            raise Broken(
                evidence.place(receipt),
                said("does not move exactly the price from the holder to whom it is due"),
            )
        cap, spent = grant.spend_cap_units, receipt.evidence.get("cumulative_units", price)
        if price and not (
            isinstance(spent, int) and price <= spent <= cap and price * receipt.sequence <= cap
        ):
            raise Broken(evidence.place(receipt), said("costs more than the spend cap of its grant"))
        total += price
    return (
        said("{sum} promised or paid in all; what came of it is on chain", sum=Units(total))
        if total
        else said("no use had a price")
    )


def standing(evidence: Evidence) -> str:
    """No grant was revoked before it was used."""
    revoked = 0
    last_use: dict[str, int] = {}
    for receipt in evidence.of_type(Receipt):
        index = evidence.index(receipt)
        last_use[receipt.grant] = max(index, last_use.get(receipt.grant, -1))
    claims: dict[tuple[str, str], list[Claim]] = {}
    for claim in evidence.of_type(Claim):
        if claim.claim_kind == "revocation":
            claims.setdefault((claim.issuer, claim.about), []).append(claim)
    for grant in evidence.of_type(Grant):
        word = evidence.word("Revocations", revocation_slot(grant.issuer, grant.revocation_index))
        shown = claims.get((grant.issuer, grant.id), [])
        is_revoked = bool(word >> (grant.revocation_index % 256) & 1)
        if is_revoked and not shown:
            raise Broken(
                evidence.place(grant),
                said(
                    "is revoked on chain, and nothing shows that its use came first: its issuer {issuer} has to"
                    " anchor its log (freehold log --anchor)",
                    issuer=grant.issuer,
                ),
            )
        _require_after(evidence, grant, shown, last_use.get(grant.id, -1))
        revoked += is_revoked
    if not revoked:
        return said("no grant is revoked")
    return said.many(
        "{n} grant was revoked later, none before its use",
        "{n} grants were revoked later, none before its use",
        n=revoked,
    )


def _require_after(evidence: Evidence, grant: Grant, claims: list[Claim], last_use: int) -> None:
    for claim in claims:
        if not same(claim.statement, {"index": grant.revocation_index}):
            raise Broken(evidence.place(claim), said("revokes another index than the grant's"))
        if evidence.index(claim) < last_use:
            raise Broken(evidence.place(grant), said("was used after it was revoked"))
