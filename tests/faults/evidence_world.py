"""A whole market in miniature: data owners, a builder, a buyer, perhaps a validator; keys, logs and a ledger.

`World().build()` gives a bundle that proves everything. A tweak changes one thing that somebody says, signs, logs or
anchors, or all of them together: what follows from it follows, so that all is consistent but for that.
"""

from __future__ import annotations

import copy
import hashlib
import sqlite3
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import coincurve
import numpy as np
from evidence_ledger import CHAIN_ID, CONTRACTS, Ledger
from own_tables import log_tables

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
from freehold.core.signing import Domain, Envelope, public_account, sign
from freehold.features.data.rules import table as tables
from freehold.features.models.rules.model import model_hash
from freehold.features.models.rules.scaling import typical
from freehold.features.models.rules.split import SplitTree
from freehold.features.privacy.rules import privacy
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.rules import record, sketch, updates
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.record import (
    PlannedOwner,
    PlannedTest,
    Replay,
    Round,
    RunPlan,
    Sketch,
    Start,
)
from freehold.kernel.evidence import state
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import LogProofs, assemble, log_entry
from freehold.kernel.rights.check import is_priced
from freehold.log.checkpoint import Checkpoint
from freehold.log.note import Signer
from freehold.log.note import sign as sign_note
from freehold.log.store import LogStore

COLUMNS, LABEL = ("age", "dose"), "ill"
NOW, EXPIRES = 1_800_000_000, 1_900_000_000
STAMPED, ISSUED, BOUGHT, USED = NOW + 10, NOW + 20, NOW + 30, NOW + 60
PRICE, CAP = 2_500, 10_000
EPSILON = 60_000_000
DOMAIN = Domain("Freehold", CHAIN_ID, CONTRACTS["Revocations"])
TOKEN = CONTRACTS["TestDollar"]
EARLIER = ("0x" + "e1" * 32, "0x" + "e2" * 32)
NAMES = ("ada", "bob", "cyd", "dan", "eve")
"""Owners in the plan. Eve does not agree; cyd is away in round 2; dan does not reveal in round 1; bob not in the
last. Ada's grant costs money, bob revokes his in the end. Ada and bob share rows. Dan does not recompute."""
ROWS = {"ada": 60, "bob": 50, "cyd": 40, "dan": 30, "eve": 20}
ROUNDS = 3


@dataclass(eq=False)
class Person:
    """One party with its keys."""

    name: str
    key: bytes

    def __post_init__(self) -> None:
        self.public = coincurve.PrivateKey(self.key).public_key.format(compressed=False)
        self.account = public_account(self.public)
        self.signer = Signer.from_seed(f"freehold/{self.account}", hashlib.sha256(self.key).digest())


@lru_cache(maxsize=64)
def person(name: str) -> Person:
    return Person(name, hashlib.sha256(f"evidence world {name}".encode()).digest())


class Log:
    """What one party logged."""

    def __init__(self, owner: Person) -> None:
        # whichever thread collects this closes it
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        log_tables(connection)
        weakref.finalize(self, connection.close)
        self.owner, self.store, self.seen = owner, LogStore(connection), dict[str, int]()

    def write(self, document: Document) -> None:
        self.seen[document.id] = self.store.append(log_entry(document.id, document.body["type"]))

    def proofs(self, shown: set[str], size: int | None = None) -> LogProofs:
        size = self.store.size() if size is None else size
        head = Checkpoint(f"freehold/{self.owner.account}", size, self.store.root(size))
        listed = tuple(
            (name, index, tuple(self.store.inclusion_proof(index, size)))
            for name, index in self.seen.items()
            if name in shown and index < size
        )
        return LogProofs(self.owner.account, sign_note(head.format(), self.owner.signer), listed)


@lru_cache(maxsize=8)
def table_of(name: str, rows: int) -> tables.Table:
    """An owner's table; bob has 30 rows of ada's."""
    generator = np.random.default_rng(sum(name.encode()))
    features = generator.integers(-5_000_000, 5_000_000, (rows, 2))
    labels = (features[:, 0] + generator.integers(-2_000_000, 2_000_000, rows) > 0).astype(np.int64)
    if name == "bob":
        theirs = table_of("ada", ROWS["ada"])
        common = min(30, rows)
        features[:common], labels[:common] = theirs.features[:common], theirs.labels[:common]
    return tables.Table(COLUMNS, LABEL, features.astype(np.int64), labels)


def forced(plan: RunPlan, **fields: Any) -> RunPlan:
    """A plan that its own class would refuse to make."""
    made = copy.copy(plan)
    for name in ("run_id", "rows"):
        made.__dict__.pop(name, None)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


@dataclass(eq=False)
class World:
    """What the parties did; `tweak` maps the name of a step to a function of what it makes."""

    tweak: dict[str, Callable[..., Any]] = field(default_factory=dict)
    level: str = "noised"
    holder: str = "builder"
    """Who keeps the test table."""
    owners: tuple[str, ...] = NAMES
    rounds: int = ROUNDS
    rows: dict[str, int] = field(default_factory=lambda: dict(ROWS))
    revoked: tuple[str, ...] = ("bob",)
    """Whose grants are revoked in the end."""

    def __post_init__(self) -> None:
        self.ledger = Ledger(time=NOW + 1_000)
        self.logs: dict[str, Log] = {}
        self.people: dict[str, Person] = {}
        self.envelopes: dict[str, Envelope] = {}
        self.named: dict[str, Document] = {}
        """Documents by what they are here: "grant ada", "receipt bob 2", "contribution"."""
        self.in_rounds: set[str] = set()
        self.owners = tuple(sorted(self.owners, key=lambda name: person(name).account))

    def changed(self, step: str, value: Any, *about: Any) -> Any:
        return self.tweak[step](value, *about) if step in self.tweak else value

    # documents

    def person(self, name: str) -> Person:
        if name not in self.people:
            found = self.people[name] = person(name)
            self.logs[name] = Log(found)
            self.keep(
                f"party {name}",
                Party(
                    name=name,
                    party_kind="organisation",
                    account=found.account,
                    account_key="0x" + found.public.hex(),
                    chain_id=CHAIN_ID,
                    log_key=str(found.signer.key),
                    encryption_key="0x" + "11" * 32,
                    created_at=NOW,
                ),
                found,
            )
        return self.people[name]

    def keep(self, name: str, document: Document, *signers: Person, logged: bool = True) -> Any:
        document = self.changed("document", document, name)
        roles = zip(document.roles, signers, strict=True)
        signatures = self.changed(
            "signatures", [sign(document, role, one.key, DOMAIN) for role, one in roles], name
        )
        envelope = Envelope(document, tuple(sorted(signatures, key=lambda item: item.role)))
        self.envelopes[document.id] = envelope
        self.named[name] = document
        for signer in dict.fromkeys(signers) if logged else ():
            self.log(signer.name, document)
        return document

    def log(self, name: str, document: Document) -> None:
        self.logs[name].write(document)

    def claim(
        self, signer: Person, kind: Any, about: str, statement: dict[str, Any], name: str = "", **more: Any
    ) -> Claim:
        name = name or kind
        statement = self.changed(name, statement)
        made = Claim(issuer=signer.account, claim_kind=kind, about=about, statement=statement, issued_at=NOW)
        return self.keep(name, made, signer, **more)

    def terms(self, *actions: str, **more: Any) -> Terms:
        plain = {
            "purposes": ("research",),
            "actions": actions,
            "expires_at": EXPIRES,
            "max_uses": 50,
            "token": TOKEN,
        }
        return Terms(**(plain | more))

    def grant(self, name: str, issuer: Person, holder: Person, asset: Asset, **more: Any) -> Grant:
        fields: dict[str, Any] = {
            "issuer": issuer.account,
            "holder": holder.account,
            "asset": asset.id,
            "terms": asset.terms,
            "revocation_index": 300 + len(self.envelopes),
            "nonce": "0x" + hashlib.sha256(name.encode()).hexdigest(),
            "issued_at": ISSUED,
        }
        made = self.keep(f"grant {name}", Grant(**self.changed("grant", fields | more, name)), issuer)
        # a holder logs what it got, so that it can show it when the issuer is away
        self.log(holder.name, made)
        return made

    # the history

    def build(self, *, answered: bool = True) -> Bundle:
        """A finished run, a paid answer where `answered`, everything anchored."""
        self.builder = self.person("builder")
        self.keeper = self.person(self.holder)
        self.plan = self.changed("plan", self.planned())
        self.agreed()
        self.trained()
        self.valued()
        self.released()
        self.subject: Receipt | Asset = self.answered() if answered else self.model
        for name in self.revoked:
            self.revoke(name)
        self.changed("end", self)
        for name, log in self.logs.items():
            self.ledger.anchor(self.people[name].account, log.store.size(), log.store.root())
        return self.bundle()

    def planned(self) -> RunPlan:
        self.salt, self.test = b"s" * 32, self.changed("test", table_of("test", 40))
        self.assets = {name: self.asset(name) for name in self.owners}
        rho = privacy.rho_nano_for(EPSILON, 5)
        noise, compared = updates.Noise(0, updates.EXACT_BITS), Sketch(256, 0)
        if self.level == "noised":
            compared = Sketch(256, privacy.sigma_for(sketch.STEP, 1, rho // 4))
            left = rho - privacy.rho_nano(sketch.STEP, compared.sigma, 1)
            noise = updates.noise_for(left, self.rounds, len(COLUMNS) + 1, 1)
        return RunPlan(
            nonce="0x" + "0d" * 32,
            builder=self.builder.account,
            owners=tuple(
                PlannedOwner(person(name).account, self.assets[name].id, self.rows[name])
                for name in self.owners
            ),
            columns=COLUMNS,
            label=LABEL,
            scaling=typical(self.test),
            recipe=Recipe(rounds=self.rounds, learning_rate_q16=8 << 16),
            level=self.level,
            epsilon_micro=EPSILON if noise.sigma else 0,
            delta_exponent=5,
            noise=noise,
            rows_each=1,
            sketch=compared,
            quorum_bps=5_001,
            patience_seconds=60,
            weight_cap_bps=5_000,
            least_correct_bps=5_000,
            test=PlannedTest(
                "0x" + tables.commitment(self.test, self.salt).hex(),
                self.test.rows,
                int(self.test.labels.sum()),
                self.keeper.account,
            ),
        )

    def asset(self, name: str) -> Asset:
        owner, data = self.person(name), table_of(name, self.rows[name])
        more: dict[str, Any] = {"price_units": 5_000_000} if name == "ada" else {}
        more |= {
            "reveals": self.level,
            "epsilon_run_micro": EPSILON,
            "epsilon_life_micro": EPSILON + 1_000_000,
        }
        more |= {"holders": (self.builder.account,)} if self.level == "update" else {}
        fields = {
            "asset_kind": "dataset",
            "name": f"cohort of {name}",
            "owner": owner.account,
            "content": Content(
                commitment="0x" + tables.commitment(data, owner.key).hex(),
                media_type="text/csv",
                size_bytes=1,
            ),
            "schema_": {"columns": list(COLUMNS), "label": LABEL, "rows": data.rows},
            "terms": self.terms("infer", "train", **more),
            "created_at": NOW,
        }
        return self.keep(f"asset {name}", Asset(**self.changed("asset", fields, name)), owner)

    def agreed(self) -> None:
        """Test and plan are fixed, owners grant, the builder starts."""
        plan, test = self.plan, self.plan.test
        announced = {name: getattr(test, name) for name in ("commitment", "rows", "positives")}
        announced |= {"columns": list(plan.columns), "label": plan.label}
        # the builder's own claims are logged in the end, in the order of its story
        self.story = [self.claim(self.keeper, "test_commitment", test.commitment, announced, logged=False)]
        self.story.append(
            self.claim(self.builder, "training_plan", plan.run_id, {"plan": plan.to_json()}, logged=False)
        )
        self.ledger.stamp(plan.run_id, self.changed("stamped", STAMPED))
        self.grants: dict[str, Grant] = {}
        for name in self.owners:
            if name != "eve":
                more = {"run": plan.run_id, "earlier_runs": EARLIER if name == "cyd" else ()}
                grant = self.grants[name] = self.grant(
                    name, self.people[name], self.builder, self.assets[name], **more
                )
                if is_priced(grant):
                    self.ledger.buy(grant, self.changed("bought", BOUGHT))
        self.start = Start({person(name).account: grant.id for name, grant in self.grants.items()})
        self.started = self.changed("start.json", self.start.to_json())
        claim = self.claim(self.builder, "training_start", plan.run_id, {"start": self.started}, logged=False)
        self.story.append(claim)

    def away(self, name: str, number: int) -> bool:
        return bool(self.changed("away", (name, number) == ("cyd", 2), name, number))

    def shy(self, name: str, number: int) -> bool:
        return bool(self.changed("shy", (name, number) in (("dan", 1), ("bob", self.rounds)), name, number))

    def trained(self) -> None:
        plan, running = self.plan, Replay(self.plan, self.start)
        names = {person(name).account: name for name in self.grants}
        self.shown: list[dict[str, Any]] = []
        self.made: list[Round] = []
        missing: list[str] = []
        uses = dict.fromkeys(self.grants, 0)
        while not running.is_done:
            number = running.next
            previous = record.models_hash(plan, number, running.model)
            given, receipts, absent = {}, {}, {}
            for account, name in names.items():
                if self.away(name, number):
                    absent[account] = "peer.unreachable"
                    continue
                seed = hashlib.sha256(self.people[name].key + b"noise").digest()
                found = record.answer(plan, number, running.model, table_of(name, self.rows[name]), seed)
                salt, found = f"0x{number:032x}", self.changed("update", found, name, number)
                given[account], uses[name] = (salt, found), uses[name] + 1
                fields = {
                    "grant": self.grants[name].id,
                    "action": "train",
                    "provider": account,
                    "holder": self.builder.account,
                    "inputs": (self.assets[name].id,),
                    "output": record.update_hash(plan, number, account, salt, found, previous),
                    "epsilon_micro": plan.epsilon_micro if uses[name] == 1 else 0,
                    "evidence": {
                        "run": plan.run_id,
                        "round": number,
                        "seed": "0x" + hashlib.sha256(seed).hexdigest(),
                    },
                    "sequence": uses[name],
                    "issued_at": USED,
                }
                made = Receipt(**self.changed("receipt", fields, name, number))
                receipts[account] = self.keep(
                    f"receipt {name} {number}", made, self.people[name], self.builder
                )
            committed = {account: receipt.output for account, receipt in receipts.items()}
            shown = {a: one for a, one in given.items() if not self.shy(names[a], number)}
            shown = self.changed("revealed", shown, number)
            made_round = Round(number, self.changed("commitments", committed, number), absent, shown)
            statement = record.round_statement(made_round, self.named["training_start"].id, previous, missing)
            claim = self.claim(
                self.builder,
                "training_round",
                plan.run_id,
                statement,
                f"training_round {number}",
                logged=False,
            )
            self.story.append(claim)
            self.shown.append(
                {
                    "claim": self.envelopes[claim.id].to_json(),
                    "receipts": [self.envelopes[receipts[a].id].to_json() for a in sorted(receipts)],
                    "revealed": made_round.to_json(),
                }
            )
            self.in_rounds |= {claim.id, *(receipt.id for receipt in receipts.values())}
            self.step(running, made_round)
            self.made.append(made_round)
            missing = made_round.unrevealed
        self.model_numbers = running.model
        self.weights = running.weights

    def step(self, running: Replay, made: Round) -> None:
        """Go on as the builder would, also after what a verifier refuses."""
        taking = self.changed("counted", made)
        try:
            running.add(taking)
        except Exception:  # noqa: BLE001 - whatever was tweaked
            running.next = made.number + 1

    def valued(self) -> None:
        plan = self.plan
        opening = {"commitment": plan.test.commitment, "salt": "0x" + self.salt.hex()}
        opening["model"] = record.final_hash(plan, self.model_numbers)
        self.story.append(self.claim(self.keeper, "test_opening", plan.run_id, opening, logged=False))
        self.opened = self.changed("opened", table_json(self.test))
        running, models, steps = Replay(plan, self.start), [], []
        for made in self.made:
            before = running.model
            try:
                parts = running.add(made)
            except Exception:  # noqa: BLE001 - whatever was tweaked
                running.next = made.number + 1
                parts = None if not made.number else (np.zeros(plan.width, np.int64),) * 2
            if parts:
                models.append(before)
                steps.append(parts)
        numbered = tuple(made for made in self.made if made.number)
        done = record.Replayed(numbered, (*models, running.model), tuple(steps), running.weights)
        try:
            worth = record.value(plan, self.start, done, self.test)
        except Exception:  # noqa: BLE001 - whatever was tweaked
            worth = record.Valuation(tuple(sorted(self.start.grants)), (1,) * 4, (0,) * 4, (2_500,) * 4, None)
        said = worth.statement() if worth.scores else asdict(worth)
        commitment = model_hash(self.model_numbers, plan.scaling, plan.recipe.to_json(), plan.columns)
        self.worth = {**said, "model": commitment, "missing": self.made[-1].unrevealed}
        self.worth = self.changed("worth", self.worth)
        self.story.append(
            self.claim(self.builder, "contribution", plan.run_id, dict(self.worth), logged=False)
        )
        self.agreements = {}
        for name in self.grants:
            if name in self.changed("agreeing", ("ada", "bob", "cyd")):
                statement = {"contribution": self.named["contribution"].id}
                made = self.claim(self.people[name], "agreement", plan.run_id, statement, f"agreement {name}")
                self.agreements[person(name).account] = made.id

    def released(self) -> None:
        plan, builder = self.plan, self.builder
        shares = dict(zip(self.worth["accounts"], self.worth["shares_bps"], strict=True))
        scores = self.worth["scores"] or {"rows": 1, "correct": 1}
        names = {person(name).account: name for name in self.grants}
        fields = {
            "asset_kind": "model",
            "name": "risk",
            "owner": builder.account,
            "content": Content(
                commitment=self.worth["model"],
                media_type="application/vnd.freehold.logistic-v2",
                size_bytes=24,
            ),
            "schema_": {
                "columns": list(plan.columns),
                "label": plan.label,
                "recipe": plan.recipe.to_json(),
                "run": plan.run_id,
                "metrics": {"test_rows": scores["rows"], **{n: v for n, v in scores.items() if n != "rows"}},
            },
            "derived_from": tuple(
                Source(asset=self.assets[names[account]].id, role="training-data", weight=share)
                for account, share in shares.items()
            ),
            "terms": self.terms("infer", price_units=PRICE, price_per="use"),
            "created_at": NOW,
        }
        self.model: Asset = self.keep("model", Asset(**self.changed("asset", fields, "model")), builder)
        paid = [(account, share) for account, share in shares.items() if share]
        pool, root = state.pool_id(builder.account, self.model.id), SplitTree(paid).root
        self.ledger.open(pool, *self.changed("pool", (TOKEN, root)))
        grants = self.grants.values()
        statement = {
            "run": plan.run_id,
            "pool": pool,
            "split_root": "0x" + root.hex(),
            "shares": [{"account": account, "shares": share} for account, share in paid],
            "agreements": sorted(self.agreements.values()),
            "silent": sorted(set(self.start.grants) - set(self.agreements)),
            "earlier": sorted({run for grant in grants for run in grant.earlier_runs}),
        }
        self.pool = pool
        self.story.append(self.claim(builder, "release", self.model.id, statement, logged=False))
        for claim in self.changed("story", self.story):
            self.log("builder" if claim.issuer == builder.account else self.holder, claim)

    def answered(self) -> Receipt:
        """A buyer pays for one answer."""
        builder, buyer = self.builder, self.person("buyer")
        grant = self.grant("buyer", builder, buyer, self.model, spend_cap_units=CAP)
        money = (
            MoneyLine(account=buyer.account, delta_units=-PRICE, reason="use"),
            MoneyLine(account=self.pool, delta_units=PRICE, reason="use"),
        )
        fields = {
            "grant": grant.id,
            "action": "infer",
            "provider": builder.account,
            "holder": buyer.account,
            "inputs": (self.model.id,),
            "output": "0x" + "44" * 32,
            "money": money,
            "evidence": {"request": "0x" + "22" * 32, "channel": "0x" + "33" * 32, "cumulative_units": PRICE},
            "sequence": 1,
            "issued_at": USED,
        }
        return self.keep("answer", Receipt(**self.changed("receipt", fields, "buyer", 0)), builder, buyer)

    def revoke(self, name: str) -> None:
        grant = self.named[f"grant {name}"]
        assert isinstance(grant, Grant)
        issuer = next(one for one in self.people.values() if one.account == grant.issuer)
        self.claim(issuer, "revocation", grant.id, {"index": grant.revocation_index}, f"revocation {name}")
        self.ledger.revoke(grant.issuer, grant.revocation_index)

    # the files

    def bare(self) -> Bundle:
        """An answer, or a model, whose training is not shown."""
        mine = ("party builder", "party buyer", "model", "grant buyer", "answer", "revocation buyer")
        others = tuple(name for name in self.logs if name not in {"builder", "buyer"})
        return self.bundle(only=mine, away=others)

    def training(self) -> dict[str, Any]:
        named = self.changed(
            "training",
            {
                "plan.json": self.plan.to_json(),
                "start.json": self.started,
                "rounds.json": self.shown,
                "test.json": self.opened,
            },
        )
        return {f"training/{name}": value for name, value in named.items()}

    def bundle(
        self,
        *,
        without: tuple[str, ...] = (),
        log_sizes: dict[str, int] | None = None,
        away: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
    ) -> Bundle:
        """Everything, but for documents named and logs of those away; logs at other sizes where given.

        Of a model without lineage `only` some documents are shown, and no training.
        """
        # who did not agree is in the plan, and nowhere else
        left_out = {
            self.named[name].id for name in (*without, "party eve", "asset eve") if name in self.named
        }
        if only:
            left_out = {made.id for name, made in self.named.items() if name not in only}
        shown = {name: item for name, item in self.envelopes.items() if name not in left_out}
        sizes = log_sizes or {}
        documents = [envelope.document for envelope in self.envelopes.values()]
        accounts = [one.account for name, one in self.people.items() if name not in ("eve", *away)]
        wanted = state.needed(documents, accounts, [self.pool], CHAIN_ID, CONTRACTS)
        return assemble(
            self.subject,
            envelopes=[item for name, item in shown.items() if name not in self.in_rounds],
            logs=[
                log.proofs(set(shown), sizes.get(name))
                for name, log in self.logs.items()
                if name not in ("eve", *away)
            ],
            files={} if only else self.training(),
            chain_proof=self.ledger.prove(wanted),
            chain_id=CHAIN_ID,
            contracts=CONTRACTS,
            key=self.builder.key,
            issued_at=NOW,
        )

    def path(self, name: str) -> str:
        """The file of a document by what it is here."""
        document = self.named[name]
        return "training/rounds.json" if document.id in self.in_rounds else f"documents/{document.id}.json"
