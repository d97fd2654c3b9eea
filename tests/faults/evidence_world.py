"""A whole history in miniature: three data owners, a builder, a buyer, real keys, logs and chain.

`World(chain).build()` gives a bundle that proves everything; each keyword of `build` makes one party, or
all of them together, misbehave while still signing, logging and anchoring what they do.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import coincurve
import numpy as np

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.core.documents import (
    Asset,
    Claim,
    Content,
    Document,
    Grant,
    MoneyLine,
    Party,
    Receipt,
    Source,
    Terms,
)
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.ids import document_id
from freehold.core.signing import Envelope, public_account, sign, sign_digest
from freehold.core.typed_data import OFFER_TYPE, Domain, digest
from freehold.evidence import state
from freehold.evidence.assemble import LogProofs, assemble, log_entry, training_files
from freehold.evidence.bundle import Bundle
from freehold.evidence.checks.valuation import split_root
from freehold.evidence.reading import Replayed
from freehold.log.checkpoint import Checkpoint
from freehold.log.note import Signer
from freehold.log.note import sign as sign_note
from freehold.log.store import LogStore
from freehold.training import coalitions, record
from freehold.training import table as tables
from freehold.training.logistic import Recipe, train_locally
from freehold.training.statistics import measure, standardise

COLUMNS, LABEL = ("age", "dose"), "ill"
NOW, EXPIRES = 1_800_000_000, 1_900_000_000
PRICE, CAP = 2_500, 10_000
_NUMBER = itertools.count()


def replay(plan: Any, rounds: Any, test: Any, salt: str) -> Replayed:
    """`freehold.evidence.reading.Replay` by `freehold.training`."""
    run = record.RunPlan.from_json(plan)
    made = []
    for number, item in enumerate(rounds, start=1):
        try:
            made.append(record.RoundRecord.from_json(item, run))
        except FreeholdError as error:
            error.fields["round"] = number
            raise
    models = record.replay(run, made)
    try:
        features = np.array(test["features"], dtype=np.int64)
        labels = np.array(test["labels"], dtype=np.int64)
        opened = tables.Table(tuple(test["columns"]), test["label"], features, labels)
        commitment = "0x" + tables.commitment(opened, bytes.fromhex(salt[2:])).hex()
        worth = record.value(run, models, opened)
    except (FreeholdError, ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"the test table cannot be used: {error}", part="test") from error
    return Replayed(
        model=record.model_hash(models[-1], run.scaling, run.recipe, run.columns),
        test_commitment=commitment,
        utilities=worth.utilities,
        values=[str(value) for value in worth.shapley],
        shares_bps=worth.shares_bps,
        correct=worth.correct,
        test_rows=worth.test_rows,
    )


@dataclass(eq=False)
class Person:
    """One party with its keys and its log."""

    name: str
    key: bytes
    domain: Domain
    log: LogStore = field(init=False)
    seen: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.public = coincurve.PrivateKey(self.key).public_key.format(compressed=False)
        self.account = public_account(self.public)
        connection = sqlite3.connect(":memory:")
        LogStore.create_tables(connection)
        self.log = LogStore(connection)
        self.signer = Signer.from_seed(f"freehold/{self.account}", hashlib.sha256(self.key).digest())

    def write(self, document: Document) -> None:
        self.seen[document.id] = self.log.append(log_entry(document.id, document.body["type"]))

    def proofs(self, shown: set[str], size: int | None = None) -> LogProofs:
        size = self.log.size() if size is None else size
        head = Checkpoint(f"freehold/{self.account}", size, self.log.root(size))
        listed = tuple(
            (name, index, tuple(self.log.inclusion_proof(index, size)))
            for name, index in self.seen.items()
            if name in shown and index < size
        )
        return LogProofs(self.account, sign_note(head.format(), self.signer), listed)


class World:
    """Parties on one chain, and what they did."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.seed = chain, next(_NUMBER)
        self.contracts = {name: deployments.address(name) for name in deployments.names()}
        self.domain = Domain("Freehold", chain.chain_id, self.contracts["Revocations"])
        self.people: dict[str, Person] = {}
        self.envelopes: dict[str, Envelope] = {}
        self.training: dict[str, Any] = {}
        self.pools: list[str] = []
        self.junk: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """What claims of a kind say instead, made from what they should say."""

    def person(self, name: str) -> Person:
        if name not in self.people:
            key = hashlib.sha256(f"evidence world {self.seed} {name}".encode()).digest()
            person = self.people[name] = Person(name, key, self.domain)
            self.chain.fund(person.account, 10**18)
            party = Party(
                name=name,
                party_kind="organisation",
                account=person.account,
                account_key="0x" + person.public.hex(),
                chain_id=self.chain.chain_id,
                log_key=str(person.signer.key),
                encryption_key="0x" + "11" * 32,
                created_at=NOW,
            )
            self.keep(party, person)
        return self.people[name]

    def keep(self, document: Document, *signers: Person, logs: tuple[Person, ...] | None = None) -> Any:
        roles = zip(document.roles, signers, strict=True)
        signatures = [sign(document, role, person.key, self.domain) for role, person in roles]
        envelope = Envelope(document, tuple(sorted(signatures, key=lambda item: item.role)))
        self.envelopes[document.id] = envelope
        for person in dict.fromkeys(signers if logs is None else logs):
            person.write(document)
        return document

    def claim(self, person: Person, kind: Any, about: str, statement: dict[str, Any]) -> Claim:
        statement = self.junk.get(kind, dict)(statement)
        claim = Claim(issuer=person.account, claim_kind=kind, about=about, statement=statement, issued_at=NOW)
        return self.keep(claim, person)

    def terms(self, action: Any, **more: Any) -> Terms:
        plain: dict[str, Any] = {
            "purposes": ("research",),
            "actions": action,
            "expires_at": EXPIRES,
            "max_uses": 50,
        }
        return Terms(**(plain | {"token": self.contracts["TestDollar"]} | more))

    def grant(self, issuer: Person, holder: Person, asset: Asset, **more: Any) -> Grant:
        fields: dict[str, Any] = {
            "issuer": issuer.account,
            "holder": holder.account,
            "asset": asset.id,
            "terms": asset.terms,
            "revocation_index": 300 + len(self.envelopes),
            "nonce": "0x" + hashlib.sha256(str(len(self.envelopes)).encode()).hexdigest(),
            "issued_at": NOW,
        }
        return self.keep(Grant(**(fields | more)), issuer)

    def receipt(self, grant: Grant, provider: Person, holder: Person, **more: Any) -> Receipt:
        fields: dict[str, Any] = {
            "grant": grant.id,
            "provider": provider.account,
            "holder": holder.account,
            "inputs": (grant.asset,),
            "issued_at": NOW + 60,
        }
        return self.keep(Receipt(**(fields | more)), provider, holder)

    def buy(self, grant: Grant, seller: Person, buyer: Person) -> None:
        terms = grant.terms
        offer = (grant.id, grant.issuer, grant.holder, terms.token, terms.price_units, terms.expires_at)
        market = self.contracts["Market"]
        signed = sign_digest(
            seller.key, digest(Domain("Freehold Market", self.chain.chain_id, market), OFFER_TYPE, *offer)
        )
        offer = (bytes.fromhex(grant.id[2:]), *offer[1:])
        self.chain.send(buyer.key, "TestDollar", "mint", buyer.account, terms.price_units)
        self.chain.send(buyer.key, "TestDollar", "approve", market, terms.price_units)
        self.chain.send(buyer.key, "Market", "buy", offer, signed)

    # the history

    def build(self, **tweak: Any) -> Bundle:
        """A finished run, a paid prediction, everything anchored; `tweak` says who misbehaves how."""
        builder, buyer = self.person("builder"), self.person("buyer")
        owners = sorted((self.person(name) for name in ("ada", "bob", "cyd")), key=lambda item: item.account)
        model = self.train(builder, owners, tweak)
        use = self.terms(("infer",), price_units=PRICE, price_per="use")
        grant = self.grant(
            builder, buyer, model, **({"terms": use, "spend_cap_units": CAP} | tweak.get("grant", {}))
        )
        pool = state.pool_id(builder.account, model.id)
        if tweak.get("revoke") == "before":
            self.revoke(grant, builder)
        money = (
            MoneyLine(account=buyer.account, delta_units=-PRICE, reason="use"),
            MoneyLine(account=pool, delta_units=PRICE, reason="use"),
        )
        evidence = {"request": "0x" + "22" * 32, "channel": "0x" + "33" * 32, "cumulative_units": PRICE}
        fields = {
            "action": "infer",
            "output": "0x" + "44" * 32,
            "money": money,
            "evidence": evidence,
            "sequence": 1,
        }
        self.main = self.receipt(grant, builder, buyer, **(fields | tweak.get("receipt", {})))
        if tweak.get("revoke") == "after":
            self.revoke(grant, builder)
        if tweak.get("revoke") == "silently":
            self.chain.send(builder.key, "Revocations", "revoke", grant.revocation_index)
        for person in self.people.values():
            self.chain.send(person.key, "LogAnchors", "anchor", person.log.size(), person.log.root())
        return self.bundle()

    def revoke(self, grant: Grant, issuer: Person) -> None:
        self.claim(issuer, "revocation", grant.id, {"index": grant.revocation_index})
        self.chain.send(issuer.key, "Revocations", "revoke", grant.revocation_index)

    def table(self, person: Person | None, rows: int) -> tables.Table:
        generator = np.random.default_rng(7 if person is None else person.key[0])
        features = generator.integers(-5_000_000, 5_000_000, (rows, 2))
        labels = (features[:, 0] + generator.integers(-2_000_000, 2_000_000, rows) > 0).astype(np.int64)
        return tables.Table(COLUMNS, LABEL, features.astype(np.int64), labels)

    def train(self, builder: Person, owners: list[Person], tweak: dict[str, Any]) -> Asset:
        salt, test = b"s" * 32, self.table(None, 15)
        commitment = "0x" + tables.commitment(test, salt).hex()
        sets, grants = [], []
        for number, owner in enumerate(owners):
            data = self.table(owner, 8 + number)
            price = {"price_units": 5_000_000} if number == 0 else {}
            asset = Asset(
                asset_kind="dataset",
                name=f"cohort {number}",
                owner=owner.account,
                content=Content(
                    commitment="0x" + tables.commitment(data, owner.key).hex(),
                    media_type="text/csv",
                    size_bytes=1,
                ),
                schema_={"columns": list(COLUMNS), "label": LABEL, "rows": data.rows},
                terms=self.terms(("infer", "train"), **price),
                created_at=NOW,
            )
            sets.append((self.keep(asset, owner), data))
            grants.append(self.grant(owner, builder, asset))
            if price and tweak.get("buy", True):
                self.buy(grants[-1], owner, builder)
        if not tweak.get("commit_late"):
            self.claim(builder, "test_commitment", commitment, self.committed(commitment, test))
        statistics = [measure(data) for _, data in sets]
        for owner, grant, sums in zip(owners, grants, statistics, strict=True):
            done = {"output": document_id(sums.to_json()), "evidence": {"round": 0}, "sequence": 1}
            self.receipt(grant, owner, builder, action="train", **done)
        plan = record.RunPlan(
            owners=tuple(owner.account for owner in owners),
            columns=COLUMNS,
            label=LABEL,
            data=tuple(asset.content.commitment for asset, _ in sets),
            statistics=tuple(statistics),
            recipe=Recipe(rounds=2, local_steps=3),
            test_commitment=commitment,
        )
        named = [
            {"account": owner.account, "asset": asset.id, "grant": grant.id}
            for owner, (asset, _), grant in zip(owners, sets, grants, strict=True)
        ]
        self.claim(builder, "training_plan", plan.run_id, {"plan": plan.to_json(), "owners": named})
        if tweak.get("commit_late"):
            self.claim(builder, "test_commitment", commitment, self.committed(commitment, test))
        rounds, claims, models = [], [], coalitions.initial_models(3, plan.width)
        for number in (1, 2):
            updates = {}
            # in the second round, the last owner is away
            for index in range(3 if number == 1 else 2):
                data, masks = sets[index][1], coalitions.masks_of(index, 3)
                z = standardise(data, plan.scaling)
                update = updates[owners[index].account] = train_locally(
                    z, data.labels, models[masks], plan.recipe
                )
                output = record.update_hash(plan, number, owners[index].account, update)
                if (number, index) != tweak.get("no_receipt"):
                    done = {"output": output, "evidence": {"run": plan.run_id, "round": number}}
                    self.receipt(
                        grants[index], owners[index], builder, action="train", sequence=number + 1, **done
                    )
            if number == tweak.get("forge_round"):
                forged = owners[0].account
                updates[forged] = updates[forged] + 1
            made, models = record.make_round(plan, number, models, updates)
            rounds.append(made)
            claims.append({"record": made.summary()})
        if tweak.get("swap_rounds"):
            claims.reverse()
        for statement in claims:
            self.claim(builder, "training_round", plan.run_id, statement)
        self.claim(
            builder, "test_opening", plan.run_id, {"commitment": commitment, "salt": "0x" + salt.hex()}
        )
        worth = record.value(plan, models, test)
        shares = list(worth.shares_bps)
        if "steal_bps" in tweak:
            best = shares.index(max(shares))
            shares[best] -= tweak["steal_bps"]
            shares[best - 1] += tweak["steal_bps"]
        statement = {
            "accounts": list(plan.owners),
            "utilities": list(worth.utilities),
            "shares_bps": list(worth.shares_bps) if tweak.get("honest_claim") else shares,
            "correct": list(worth.correct),
            "test_rows": worth.test_rows,
        }
        self.claim(builder, "contribution", plan.run_id, statement)
        weights = worth.shares_bps if tweak.get("honest_weights", True) else shares
        final = models[tweak.get("mask", -1)]
        model = Asset(
            asset_kind="model",
            name="risk",
            owner=builder.account,
            content=Content(
                commitment=record.model_hash(final, plan.scaling, plan.recipe, COLUMNS),
                media_type="application/vnd.freehold.logistic-v1",
                size_bytes=24,
            ),
            schema_={
                "columns": list(COLUMNS),
                "label": LABEL,
                "recipe": plan.recipe.to_json(),
                "run": plan.run_id,
            },
            derived_from=tuple(
                Source(asset=asset.id, role="training-data", weight=weight)
                for (asset, _), weight in zip(sets, weights, strict=True)
            ),
            terms=self.terms(
                tweak.get("actions", ("infer",)),
                **({"price_units": PRICE, "price_per": "use"} | tweak.get("model_terms", {})),
            ),
            created_at=NOW,
        )
        self.keep(model, builder)
        self.release(builder, model, plan, shares, tweak)
        opened = {
            "columns": list(COLUMNS),
            "label": LABEL,
            "features": test.features.tolist(),
            "labels": test.labels.tolist(),
        }
        self.training = training_files(plan.to_json(), [made.to_json() for made in rounds], opened)
        return model

    def committed(self, commitment: str, test: tables.Table) -> dict[str, Any]:
        return {"commitment": commitment, "rows": test.rows, "columns": list(COLUMNS), "label": LABEL}

    def release(
        self, builder: Person, model: Asset, plan: Any, shares: list[int], tweak: dict[str, Any]
    ) -> None:
        paid = [(account, count) for account, count in zip(plan.owners, shares, strict=True) if count]
        pool, root = state.pool_id(builder.account, model.id), split_root(paid)
        opened = split_root([(builder.account, 10_000)]) if tweak.get("other_pool") else root
        token = self.contracts["TestDollar"]
        self.chain.send(builder.key, "Revenue", "open", bytes.fromhex(model.id[2:]), token, opened, 10_000)
        statement = {
            "run": plan.run_id,
            "pool": pool,
            "split_root": "0x" + root.hex(),
            "shares": [{"account": account, "shares": count} for account, count in paid],
        }
        self.claim(builder, "release", model.id, statement)
        self.pools = [pool]

    # the files

    def chain_proof(self) -> dict[str, Any]:
        documents = [envelope.document for envelope in self.envelopes.values()]
        accounts = [person.account for person in self.people.values()]
        wanted = state.needed(documents, accounts, self.pools, self.chain.chain_id, self.contracts)
        return proof.capture(self.chain, wanted)

    def bundle(self, *, without: tuple[str, ...] = (), log_sizes: dict[str, int] | None = None) -> Bundle:
        """Everything, without the documents named, with logs at other sizes where given."""
        shown = {name: item for name, item in self.envelopes.items() if name not in without}
        sizes = log_sizes or {}
        return assemble(
            self.main,
            envelopes=shown.values(),
            logs=[person.proofs(set(shown), sizes.get(person.name)) for person in self.people.values()],
            training=self.training,
            chain_proof=self.chain_proof(),
            chain_id=self.chain.chain_id,
            contracts=self.contracts,
            key=self.people["builder"].key,
            issued_at=NOW,
        )
