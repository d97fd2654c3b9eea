"""Training runs in one process: tables, a plan over them, and every round made and recorded.

Only the pure modules take part. An owner may misbehave: `behaviour` maps an account to a function that is
asked, with what is `Seen`, for what it reveals in a round.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from freehold.features.data.rules.table import MICRO, Table
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.privacy.rules import privacy
from freehold.features.training.rules import expected, record, sketch, updates
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.record import PlannedOwner, PlannedTest, Round, RunPlan, Start
from freehold.quickstart import biopsies, demo

SALT = "0x" + "00" * 16
BUILDER = "0x" + "bb" * 20


def account(number):
    return f"0x{number + 1:040x}"


def table(features, labels, columns=None):
    features = np.asarray(features)
    names = columns or tuple(f"c{i}" for i in range(features.shape[1]))
    micro = np.floor(features * MICRO + 0.5).astype(np.int64)
    return Table(names, "y", micro, np.asarray(labels, dtype=np.int64))


def clinics(seed=demo.SEED):
    """The quickstart's six owners by name, and its test table."""
    found = {part.name: table(part.features, part.labels, biopsies.columns()) for part in demo.parts(seed)}
    return found, found.pop("test")


def blobs(rows, columns=3, seed=0, apart=1.5):
    """Tables of so many rows each, of two kinds that differ in every column, and a test table of 200."""
    rng = np.random.default_rng(seed)
    made = []
    for count in (*rows, 200):
        labels = rng.permutation(np.arange(count) % 2)
        made.append(table(rng.normal(size=(count, columns)) + apart * labels[:, np.newaxis], labels))
    return made[:-1], made[-1]


def plan_for(tables, test, epsilon=None, **changes):
    """As a builder would plan it: suggested recipe, least noise; `rows` may declare other numbers of rows."""
    rows = changes.pop("rows", [one.rows for one in tables])
    recipe = changes.pop("recipe", None)
    compared = changes.get("sketch", record.Sketch())
    scaling = changes.pop("scaling", None) or typical(test)
    exponent = max(privacy.delta_exponent_for(count) for count in rows)
    micro = None if epsilon is None else round(epsilon * MICRO)
    bend = expected.curvature(unit_rows(test.features, scaling))
    recipe = recipe or expected.suggest(rows, len(test.columns), micro, exponent, curvature=bend)
    noise = updates.Noise(0, updates.EXACT_BITS)
    if micro is not None:
        rho = privacy.rho_nano_for(micro, exponent)
        if compared.sigma:
            rho -= privacy.rho_nano(sketch.STEP, compared.sigma, 1)
        noise = updates.noise_for(rho, recipe.rounds, len(test.columns) + 1, changes.get("rows_each", 1))
    given = {
        "nonce": "0x" + "11" * 32,
        "builder": BUILDER,
        "owners": tuple(PlannedOwner(account(i), f"0x{i:064x}", count) for i, count in enumerate(rows)),
        "columns": test.columns,
        "label": test.label,
        "scaling": scaling,
        "recipe": recipe,
        "level": "update" if micro is None else "noised",
        "epsilon_micro": micro or 0,
        "delta_exponent": exponent,
        "noise": noise,
        "rows_each": 1,
        "sketch": compared,
        "quorum_bps": 5_001,
        "patience_seconds": 60,
        "weight_cap_bps": 5_000,
        "least_correct_bps": 0,
        "test": PlannedTest("0x" + "22" * 32, test.rows, int(test.labels.sum()), BUILDER),
    }
    return RunPlan(**{**given, **changes})


def start_of(plan, absent=()):
    return Start({one: "0x" + "33" * 32 for one in plan.accounts if one not in absent})


def owner_seed(owner, seed):
    return hashlib.sha256(f"{owner} {seed}".encode()).digest()


class Seen(NamedTuple):
    """What an owner that misbehaves goes by."""

    number: int
    """Of the round."""
    model: np.ndarray
    own: bytes
    """Seed of its noise."""
    rounds: list
    """Those before, as everybody knows them."""


@dataclass
class Played:
    plan: RunPlan
    start: Start
    rounds: list
    replayed: record.Replayed
    test: Table

    @property
    def valued(self):
        return record.value(self.plan, self.start, self.replayed, self.test)

    @property
    def accuracy(self):
        scores = self.valued.scores
        return scores.correct / scores.rows


def record_of(plan, number, revealed, absent=(), model=None):
    """A round of what owners reveal, all committed to."""
    model = np.zeros(plan.width, dtype=np.int64) if model is None else model
    previous = record.models_hash(plan, number, model)
    shown = {owner: (SALT, update) for owner, update in revealed.items()}
    hashes = {owner: record.update_hash(plan, number, owner, *one, previous) for owner, one in shown.items()}
    return Round(number, hashes, dict.fromkeys(absent, "did not answer"), shown)


def play(tables, test, plan, seed=0, behaviour=None, absent=()):
    """Every round of a run; `absent` holds (owner, round) pairs."""
    start, behaviour = start_of(plan), behaviour or {}
    running, rounds = record.Replay(plan, start), []
    units = [unit_rows(one.features, plan.scaling) for one in tables]
    for number in range(plan.first_round, plan.recipe.rounds + 1):
        revealed = {}
        for place, owner in enumerate(plan.accounts):
            if (owner, number) in absent:
                continue
            secret = owner_seed(owner, seed)
            own = record.round_seed(plan, number, running.model, secret)
            if owner in behaviour:
                revealed[owner] = behaviour[owner](Seen(number, running.model, own, rounds))
            elif number:
                labels = tables[place].labels
                revealed[owner] = updates.make(units[place], labels, running.model, plan.noise, own)
            else:
                revealed[owner] = record.answer(plan, number, running.model, tables[place], secret)
        missing = [owner for owner in plan.accounts if owner not in revealed]
        made = record_of(plan, number, revealed, missing, running.model)
        running.add(made)
        rounds.append(made)
    return Played(plan, start, rounds, record.replay(plan, start, rounds), test)


def steps(rounds, rate, l2_q16=2):
    return Recipe(rounds=rounds, learning_rate_q16=round(rate * 65_536), l2_q16=l2_q16)
