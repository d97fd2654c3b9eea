"""The record of a training run, from which anyone can recompute the model, every value and every share.

A `RunPlan` is what owners agree to, each in a grant that names its hash; a `Start` says who did. Each `Round`
holds what owners committed to and then revealed: in round 0, where the plan has one, a sketch of their rows,
in the others an update. `replay` redoes the model from zero; `value` says what each owner's updates were worth
on the opened test table.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import rfc8785

from freehold.core.errors import InvalidInput, VerificationFailed
from freehold.core.fixed import dot
from freehold.core.ids import sha256_hex
from freehold.core.late import np, npt
from freehold.core.money import BPS
from freehold.features.data.rules.names import difference
from freehold.features.data.rules.table import MAX_COLUMNS, MAX_ROWS
from freehold.features.models.rules.model import array_hash, probabilities
from freehold.features.models.rules.scaling import Scaling, unit_rows
from freehold.features.models.wire import Scores
from freehold.features.privacy.rules import privacy
from freehold.features.privacy.rules.noise import MAX_SIGMA
from freehold.features.training.rules import sketch, updates, valuation
from freehold.features.training.rules.logistic import Recipe, step
from freehold.features.training.rules.updates import Noise
from freehold.features.training.rules.valuation import MAX_TEST_ROWS, TestRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freehold.core.fixed import IntArray
    from freehold.features.data.rules.table import Table

MAX_OWNERS = 1_000
MIN_TEST_ROWS = 20
"""Fewer test rows say next to nothing about a model, and nothing about an owner."""
MAX_REASON = 200
Level = Literal["noised", "update"]
T = TypeVar("T")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_ACCOUNT = re.compile(r"0x[0-9a-f]{40}")
_SALT = re.compile(r"0x[0-9a-f]{32}")


class InvalidRecord(InvalidInput, code="training.record"):
    """A run plan, start or round record is malformed."""


@dataclass(frozen=True)
class PlannedOwner:
    """One owner's part in a plan."""

    account: str
    asset: str
    """Its dataset."""
    rows: int
    """Distinct rows of it, as the dataset says."""


@dataclass(frozen=True)
class PlannedTest:
    """The table that the model is measured on."""

    commitment: str
    """Salted hash of it; opened after the last round."""
    rows: int
    positives: int
    """Rows whose label is 1."""
    holder: str
    """Account whose node keeps it until then: the builder's, or a validator's."""


@dataclass(frozen=True)
class Sketch:
    """Size and noise of the sketches by which owners' rows are compared."""

    buckets: int = 0
    sigma: int = 0
    """Standard deviation of the noise in each bucket, where a row adds `sketch.STEP`."""


@dataclass(frozen=True)
class RunPlan:
    """What is agreed before anything is bought."""

    nonce: str
    """32 random bytes: the same order twice is two runs."""
    builder: str
    owners: tuple[PlannedOwner, ...]
    """By account, ascending."""
    columns: tuple[str, ...]
    """Feature names, in order."""
    label: str
    scaling: Scaling
    recipe: Recipe
    level: Level
    """What an owner's answers reveal."""
    epsilon_micro: int
    """Most that the whole run costs each owner's rows; 0 at level `update`, which has no bound."""
    delta_exponent: int
    """The delta beside it is 10^-delta_exponent."""
    noise: Noise
    rows_each: int
    """Most rows of one subject in any owner's table; epsilon is for all of them together."""
    sketch: Sketch
    """How owners' rows are compared, in round 0; without buckets they are not, and there is no round 0."""
    quorum_bps: int
    """Least part of the rows that must take part in a round, over half."""
    patience_seconds: int
    """How long a round waits for owners beyond the quorum."""
    weight_cap_bps: int
    """Most that one owner may weigh in the model; 10,000 is no limit."""
    least_correct_bps: int
    """The model is released only if it is right on this part of the test rows."""
    test: PlannedTest
    judge: str = ""
    """Account to which any owner opens its table after the run, to be checked; empty is nobody."""

    def __post_init__(self) -> None:
        _check_plan(self)

    @property
    def width(self) -> int:
        """Numbers in a model: one for each column and the bias."""
        return len(self.columns) + 1

    @property
    def accounts(self) -> tuple[str, ...]:
        """The owners."""
        return tuple(owner.account for owner in self.owners)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Rows of each owner."""
        return {owner.account: owner.rows for owner in self.owners}

    @property
    def rho_nano(self) -> int:
        """What the run costs each owner's rows in zero-concentrated differential privacy; 0 at level `update`."""
        if not self.noise.sigma:
            return 0
        reach = updates.sensitivity(self.width, self.noise.update_bits, self.rows_each)
        spent = privacy.rho_nano(reach, self.noise.sigma, self.recipe.rounds)
        if self.sketch.sigma:
            spent += privacy.rho_nano(self.rows_each * sketch.STEP, self.sketch.sigma, 1)
        return spent

    @property
    def first_round(self) -> int:
        """0 where owners' rows are compared, else 1."""
        return 0 if self.sketch.buckets else 1

    @property
    def uses(self) -> int:
        """How often the run uses each owner's data: its rounds, the comparison among them."""
        return self.recipe.rounds + 1 - self.first_round

    def cost(self) -> dict[str, Any]:
        """What the run reveals and costs each owner's rows, as previews and models say it."""
        epsilon = self.epsilon_micro
        return {
            "level": self.level,
            "epsilon_micro": epsilon,
            "delta_exponent": self.delta_exponent,
            "guess_ppm": privacy.guess_ppm(epsilon) if epsilon else 1_000_000,
        }

    def size(self, number: int) -> int:
        """Numbers in what an owner reveals in a round."""
        return self.width if number else self.sketch.buckets

    @cached_property
    def run_id(self) -> str:
        """0x hex SHA-256 of the plan's canonical JSON."""
        return sha256_hex(b"freehold/training-plan/v2\0" + rfc8785.dumps(self.to_json()))

    def longest(self, account: str, number: int) -> int:
        """What an owner reveals in a round may not be longer than this."""
        if not number:
            return sketch.longest(self.rows[account], self.sketch.buckets, self.sketch.sigma)
        return updates.longest(self.rows[account], self.width, self.noise, self.rows_each)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of strings and integers below 2^53."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "owners": [asdict(owner) for owner in self.owners],
            "columns": list(self.columns),
            "scaling": self.scaling.to_json(),
            "recipe": self.recipe.to_json(),
            "noise": asdict(self.noise),
            "sketch": asdict(self.sketch),
            "test": asdict(self.test),
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidInput` subclasses."""
        _object(value, {*_PLAIN, "owners", "columns", "scaling", "recipe", "noise", "sketch", "test"}, "plan")
        if not isinstance(value["owners"], list) or len(value["owners"]) > MAX_OWNERS:
            raise InvalidRecord(f"plan: owners must be a list of at most {MAX_OWNERS:,}")
        if not isinstance(value["columns"], list) or len(value["columns"]) > MAX_COLUMNS:
            raise InvalidRecord(f"plan: columns must be a list of at most {MAX_COLUMNS:,}")
        return cls(
            **{name: value[name] for name in _PLAIN},
            owners=tuple(_made(PlannedOwner, owner, "owner") for owner in value["owners"]),
            columns=tuple(value["columns"]),
            scaling=Scaling.from_json(value["scaling"]),
            recipe=Recipe.from_json(value["recipe"]),
            noise=_made(Noise, value["noise"], "noise"),
            sketch=_made(Sketch, value["sketch"], "sketch"),
            test=_made(PlannedTest, value["test"], "test"),
        )


_COUNTS = {
    "epsilon_micro": (0, 100_000_000),
    "delta_exponent": (5, 12),
    "rows_each": (1, 1_000),
    "quorum_bps": (5_001, 10_000),
    "patience_seconds": (1, 86_400),
    "weight_cap_bps": (5_000, 10_000),
    "least_correct_bps": (0, 10_000),
}
_PLAIN = ("nonce", "builder", "label", "level", "judge", *_COUNTS)


@dataclass(frozen=True)
class Start:
    """Who takes part: said once, before the first round."""

    grants: Mapping[str, str]
    """Owner -> id of the grant by which it agreed to this run."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {"grants": dict(sorted(self.grants.items()))}

    @classmethod
    def from_json(cls, value: Any, plan: RunPlan) -> Self:
        """Parse what `to_json` made, from anyone; raises `InvalidRecord`."""
        _object(value, {"grants"}, "start")
        grants = value["grants"]
        if not isinstance(grants, dict) or not set(grants) <= set(plan.accounts):
            raise InvalidRecord("start: grants must be of the plan's owners")
        if not all(isinstance(text, str) and _HASH.fullmatch(text) for text in grants.values()):
            raise InvalidRecord("start: a grant is named by 0x and 64 hex digits")
        if not has_quorum(plan, grants):
            raise InvalidRecord("start: the owners that agreed hold fewer rows than the plan's quorum")
        return cls(grants)


@dataclass(frozen=True, eq=False)
class Round:
    """One round: what owners committed to, and what they revealed."""

    number: int
    """From 1; 0 is the comparison of rows."""
    commitments: Mapping[str, str]
    """Owner -> `update_hash` of its update, fixed before any update was shown."""
    absent: Mapping[str, str]
    """Owner that did not commit -> why."""
    updates: Mapping[str, tuple[str, IntArray]]
    """Owner -> (salt, update) of those that revealed."""

    @property
    def unrevealed(self) -> list[str]:
        """Owners that committed and did not reveal."""
        return sorted(set(self.commitments) - set(self.updates))

    def to_json(self) -> dict[str, Any]:
        """A JSON object: what was revealed, by owner."""
        return {
            owner: {"salt": salt, "update": update.tolist()}
            for owner, (salt, update) in sorted(self.updates.items())
        }


@dataclass(frozen=True, eq=False)
class Replayed:
    """A run computed again from its record."""

    rounds: tuple[Round, ...]
    """From 1."""
    models: tuple[IntArray, ...]
    """(width,) before each of them, and the last one."""
    steps: tuple[tuple[IntArray, IntArray], ...]
    """(data, shrink) of each one's step."""
    weights: Mapping[str, int]
    """Rows for which each owner counts."""

    @property
    def model(self) -> IntArray:
        """The final one."""
        return self.models[-1]


@dataclass(frozen=True)
class Valuation:
    """What `value` computes from a replayed run and the opened test table; whole numbers in all."""

    accounts: tuple[str, ...]
    """Owners that took part, ascending."""
    values: tuple[int, ...]
    """Of each; all in one unit."""
    errors: tuple[int, ...]
    """Standard error of each value, from the noise alone."""
    shares_bps: tuple[int, ...]
    """Of each; sums to 10,000."""
    scores: Scores

    def statement(self) -> dict[str, Any]:
        """As a contribution claim says it; values as decimal strings, for they pass 2^53."""
        return {
            "accounts": list(self.accounts),
            "values": [str(value) for value in self.values],
            "errors": [str(error) for error in self.errors],
            "shares_bps": list(self.shares_bps),
            "scores": self.scores.model_dump(),
        }


@dataclass
class Replay:
    """A run being computed, round by round; what builder, owners and verifiers share."""

    plan: RunPlan
    start: Start
    model: IntArray = field(init=False)
    """(width,) Q16 after the rounds so far."""
    next: int = field(init=False)
    """Number of the round that comes."""

    def __post_init__(self) -> None:
        self.model = np.zeros(self.plan.width, dtype=np.int64)
        self.next = self.plan.first_round
        self.weights = _weights(self.plan, self.start, {})
        self.scale = sum(self.weights.values())

    @property
    def is_done(self) -> bool:
        """No round is left."""
        return self.next > self.plan.recipe.rounds

    def add(self, made: Round) -> tuple[IntArray, IntArray] | None:
        """One more round; its step's two parts, none for round 0.

        Raises VerificationFailed: naming round and, where one is to blame, owner.
        """
        plan, number = self.plan, self.next
        if made.number != number:
            raise _failed(number, f"is recorded as round {made.number}")
        strangers = (set(made.commitments) | set(made.absent)) ^ set(self.start.grants)
        if strangers or set(made.commitments) & set(made.absent):
            raise _failed(number, "does not account for each owner that takes part, once")
        previous = models_hash(plan, number, self.model)
        if not set(made.updates) <= set(made.commitments):
            raise _failed(number, "holds an update that was not committed to")
        for owner, (salt, update) in made.updates.items():
            if update_hash(plan, number, owner, salt, update, previous) != made.commitments[owner]:
                raise _failed(number, "sent another update than it committed to", owner)
            if dot(update, update) > plan.longest(owner, number) ** 2:
                raise _failed(number, "sent a longer update than its rows can make", owner)
        if not has_quorum(plan, made.updates):
            raise _failed(number, "has updates of fewer rows than the plan's quorum")
        self.next = number + 1
        if not number:
            shown = {owner: update for owner, (_, update) in made.updates.items()}
            self.weights = _weights(plan, self.start, shown)
            self.scale = sum(self.weights.values())
            return None
        total = _total(plan, made, self.weights)
        self.model, data, shrink = step(self.model, total, self.scale, plan.noise.update_bits, plan.recipe)
        return data, shrink


def has_quorum(plan: RunPlan, owners: Mapping[str, Any] | Sequence[str]) -> bool:
    """Whether owners hold enough of the rows for a round to count."""
    return sum(plan.rows[owner] for owner in owners) * 10_000 >= plan.quorum_bps * sum(plan.rows.values())


def weighed(update: IntArray, weight: int, rows: int) -> IntArray:
    """An update as it counts in the model: for `weight` of its `rows`."""
    if weight == rows:
        return update
    return np.array([(2 * int(n) * weight + rows) // (2 * rows) for n in update], dtype=np.int64)


def _total(plan: RunPlan, made: Round, weights: Mapping[str, int], but: str = "") -> IntArray:
    total = np.zeros(plan.width, dtype=np.int64)
    for owner, (_, update) in made.updates.items():
        if owner != but:
            total += weighed(update, weights[owner], plan.rows[owner])
    return total


def replay(plan: RunPlan, start: Start, rounds: Sequence[Round]) -> Replayed:
    """Every model, recomputed from the recorded updates. Raises VerificationFailed, as `Replay.add`."""
    if len(rounds) != plan.uses:
        raise VerificationFailed(f"{len(rounds)} rounds are recorded, the plan has {plan.uses}")
    running = Replay(plan, start)
    models, steps = [running.model], []
    for made in rounds:
        parts = running.add(made)
        if parts:
            steps.append(parts)
            models.append(running.model)
    return Replayed(tuple(rounds[1 - plan.first_round :]), tuple(models), tuple(steps), running.weights)


def value(plan: RunPlan, start: Start, replayed: Replayed, test: Table) -> Valuation:
    """Values, standard errors, shares and scores on the opened test table: O(owners * width) a round."""
    require_test(plan, test)
    opened = TestRows(unit_rows(test.features, plan.scaling), test.labels)
    accounts = tuple(account for account in plan.accounts if account in start.grants)
    weights, scale = replayed.weights, sum(replayed.weights.values())
    values, variances = dict.fromkeys(accounts, 0), dict.fromkeys(accounts, 0)
    for made, model, (data, shrink) in zip(replayed.rounds, replayed.models, replayed.steps, strict=False):
        towards = valuation.direction(opened, model, data, shrink)
        cost = valuation.correction(towards, plan.noise.sigma, scale << plan.noise.update_bits, plan.recipe)
        spread = valuation.variance(towards, plan.noise.sigma)
        for owner, (_, update) in made.updates.items():
            weight, rows = weights[owner], plan.rows[owner]
            values[owner] += valuation.along(weighed(update, weight, rows), towards)
            own = valuation.noise_shown(cost, update, plan.noise.sigma)
            values[owner] += own * weight * weight // (rows * rows)
            variances[owner] += spread * weight * weight // (rows * rows)
    found = [values[account] for account in accounts]
    errors = [valuation.root_of(variances[account]) for account in accounts]
    counted = [weights[account] for account in accounts]
    return Valuation(
        accounts=accounts,
        values=tuple(found),
        errors=tuple(errors),
        shares_bps=tuple(valuation.shares_bps(found, errors, counted)),
        scores=valuation.score(replayed.model, _alone(plan, accounts, replayed.rounds), opened),
    )


def without(plan: RunPlan, replayed: Replayed, test: Table) -> dict[str, int]:
    """About how many test rows the model would label rightly without one owner's updates: advice, no measure.

    The others' updates were made at models that this owner took part in.
    """
    opened = TestRows(unit_rows(test.features, plan.scaling), test.labels)
    weights, scale = replayed.weights, sum(replayed.weights.values())
    found = {}
    for owner in weights if len(weights) > 1 else ():
        model = np.zeros(plan.width, dtype=np.int64)
        for made in replayed.rounds:
            total = _total(plan, made, weights, but=owner)
            model, _, _ = step(model, total, scale - weights[owner], plan.noise.update_bits, plan.recipe)
        found[owner] = valuation.right(probabilities(model, opened.z), opened.labels)
    return found


def require_test(plan: RunPlan, test: Table) -> None:
    """An opened table is of the shape that the plan announced. Raises VerificationFailed."""
    differs, column = difference(test.columns, plan.columns, test.label, plan.label)
    if differs:
        raise VerificationFailed(
            f"the test table has other columns than the plan: it {differs}", column=column
        )
    if (test.rows, int(test.labels.sum())) != (plan.test.rows, plan.test.positives):
        raise VerificationFailed("the test table has other rows or labels than the plan announced")


def replay_owner(
    plan: RunPlan, start: Start, rounds: Sequence[Round], owner: str, table: Table, seed: bytes
) -> None:
    """Redo one owner's updates from its opened table and noise seed: what a judge does.

    The caller checks table and seed against the owner's commitments. Raises `VerificationFailed` at the first
    difference.
    """
    if plan.rows.get(owner) != table.rows:
        raise VerificationFailed(f"the table of {owner} does not have the rows it declared", owner=owner)
    running = Replay(plan, start)
    for made in rounds:
        again = answer(plan, made.number, running.model, table, seed)
        if owner in made.updates and (again != made.updates[owner][1]).any():
            raise _failed(made.number, "did not train as the recipe says", owner)
        running.add(made)


def answer(
    plan: RunPlan,
    number: int,
    model: IntArray,
    table: Table,
    seed: bytes,
    z: npt.NDArray[np.int16] | None = None,
) -> IntArray:
    """What an owner reveals in a round at `model`: its sketch in round 0, else its update.

    `z` are the table's `unit_rows`, where they are at hand.
    """
    own = round_seed(plan, number, model, seed)
    if not number:
        return sketch.make(table, plan.scaling, plan.nonce, plan.sketch.buckets, plan.sketch.sigma, own)
    z = unit_rows(table.features, plan.scaling) if z is None else z
    return updates.make(z, table.labels, model, plan.noise, own)


def round_seed(plan: RunPlan, number: int, model: IntArray, seed: bytes) -> bytes:
    """The noise seed of an owner's round; another model gets other noise."""
    return updates.round_seed(seed, plan.run_id, number, models_hash(plan, number, model))


def update_hash(plan: RunPlan, number: int, owner: str, salt: str, update: IntArray, previous: str) -> str:
    """Hash of an owner's update, bound to run, round, owner and `previous`, the hash of the model it was made at.

    So an update given in one history of a run is worth nothing in another. The salt hides it until it is revealed.
    """
    context = {"kind": "update", "run": plan.run_id, "round": number, "owner": owner, "salt": salt}
    return array_hash({**context, "previous": previous}, update)


def models_hash(plan: RunPlan, number: int, model: IntArray) -> str:
    """Hash of the common model before a round, bound to the run; after the last it stands before one more."""
    return array_hash({"kind": "models", "run": plan.run_id, "round": number}, model)


def final_hash(plan: RunPlan, model: IntArray) -> str:
    """Hash of the model after the last round: to what the test table is opened."""
    return models_hash(plan, plan.recipe.rounds + 1, model)


def round_statement(made: Round, start: str, previous: str, missing: Sequence[str]) -> dict[str, Any]:
    """What the builder signs before updates of a round are shown.

    `start` is the id of the start's claim, `previous` the hash of the model before the round, `missing` who
    committed to the round before and did not reveal.
    """
    return {
        "number": made.number,
        "start": start,
        "previous": previous,
        "missing": sorted(missing),
        "commitments": dict(sorted(made.commitments.items())),
        "absent": dict(sorted(made.absent.items())),
    }


def parse_round(plan: RunPlan, statement: Any, revealed: Any) -> Round:
    """A round from its claim's statement and its revealed updates, from anyone; raises `InvalidInput` kinds."""
    _object(statement, {"number", "start", "previous", "missing", "commitments", "absent"}, "round")
    number, commitments, absent = statement["number"], statement["commitments"], statement["absent"]
    if type(number) is not int or not plan.first_round <= number <= plan.recipe.rounds:
        raise InvalidRecord("round: its number is not one of the plan's")
    owners = set(plan.accounts)
    if not isinstance(commitments, dict) or not isinstance(absent, dict):
        raise InvalidRecord("round: commitments and absent are objects by owner")
    if not {*commitments, *absent} <= owners or not all(
        isinstance(h, str) and _HASH.fullmatch(h)
        for h in (*commitments.values(), statement["previous"], statement["start"])
    ):
        raise InvalidRecord("round: it names an owner that is not in the plan, or a hash is malformed")
    if not all(isinstance(why, str) and len(why) <= MAX_REASON for why in absent.values()):
        raise InvalidRecord(f"round: a reason is a text of at most {MAX_REASON} characters")
    if not isinstance(statement["missing"], list) or not set(map(str, statement["missing"])) <= owners:
        raise InvalidRecord("round: missing is a list of owners")
    return Round(number, commitments, absent, parse_revealed(plan, number, revealed))


def parse_revealed(plan: RunPlan, number: int, value: Any) -> dict[str, tuple[str, IntArray]]:
    """Revealed updates by owner, from anyone; raises `InvalidInput` kinds."""
    if not isinstance(value, dict) or not set(value) <= set(plan.accounts):
        raise InvalidRecord("revealed updates are an object by owner of the plan")
    found = {}
    for owner, item in value.items():
        _object(item, {"salt", "update"}, "revealed update")
        if not isinstance(item["salt"], str) or not _SALT.fullmatch(item["salt"]):
            raise InvalidRecord("a salt is 0x and 32 hex digits")
        found[owner] = (
            item["salt"],
            updates.parse(item["update"], owner, plan.size(number), plan.longest(owner, number)),
        )
    return found


def _alone(plan: RunPlan, accounts: Sequence[str], rounds: Sequence[Round]) -> list[IntArray]:
    """Where one owner's updates alone point to: minus their sum, kept small enough for exact products."""
    found = []
    for account in accounts:
        total = np.zeros(plan.width, dtype=np.int64)
        for made in rounds:
            if account in made.updates:
                total -= made.updates[account][1]
        largest = int(np.abs(total).max())
        found.append(total >> max(0, largest.bit_length() - 28))
    return found


def _capped(rows: list[int], cap_bps: int) -> list[int]:
    """No owner of three or more counts for more than `cap_bps` of all; two cannot each be below a half."""
    if len(rows) < 3 or cap_bps >= BPS:
        return rows
    total = sum(rows)
    return [min(count, (total - count) * cap_bps // (BPS - cap_bps)) for count in rows]


def _weights(plan: RunPlan, start: Start, sketches: Mapping[str, IntArray]) -> dict[str, int]:
    """Rows for which each owner that takes part counts: shared ones once, and none above the cap."""
    rows = {account: plan.rows[account] for account in plan.accounts if account in start.grants}
    own = sketch.own_rows(sketches, rows)
    return dict(zip(own, _capped(list(own.values()), plan.weight_cap_bps), strict=True))


def _check_plan(plan: RunPlan) -> None:
    for owner in plan.owners:
        if not (_matches(_ACCOUNT, owner.account) and _matches(_HASH, owner.asset)):
            raise InvalidRecord("plan: an owner is an account and a dataset")
        if type(owner.rows) is not int or not 1 <= owner.rows <= MAX_ROWS:
            raise InvalidRecord(f"plan: rows are 1 to {MAX_ROWS:,}")
    if list(plan.accounts) != sorted(set(plan.accounts)) or not 1 <= len(plan.owners) <= MAX_OWNERS:
        raise InvalidRecord(f"a plan needs 1 to {MAX_OWNERS:,} owners, once each, in ascending order")
    _check_columns(plan)
    for name, (low, high) in _COUNTS.items():
        number = getattr(plan, name)
        if type(number) is not int or not low <= number <= high:
            raise InvalidRecord(f"plan: {name} must be an integer from {low} to {high}", field=name)
    if not (_matches(_HASH, plan.nonce) and _matches(_ACCOUNT, plan.builder)):
        raise InvalidRecord("plan: nonce or builder is malformed")
    if plan.judge != "" and not _matches(_ACCOUNT, plan.judge):
        raise InvalidRecord("plan: the judge is an account, or nobody")
    _check_test(plan.test)
    _check_noise(plan)


def _check_columns(plan: RunPlan) -> None:
    names = (*plan.columns, plan.label)
    if not all(isinstance(name, str) and 1 <= len(name) <= 256 for name in names):
        raise InvalidRecord("plan: columns and label are texts of 1 to 256 characters")
    if not 1 <= len(plan.columns) <= MAX_COLUMNS or len(set(names)) != len(names):
        raise InvalidRecord("a plan needs distinct columns and a label")
    if len(plan.scaling.mean) != len(plan.columns):
        raise InvalidRecord("plan: the scaling does not fit the columns")


def _check_test(test: PlannedTest) -> None:
    if not (_matches(_HASH, test.commitment) and _matches(_ACCOUNT, test.holder)):
        raise InvalidRecord("plan: the test is a commitment and an account that keeps the table")
    if any(type(n) is not int for n in (test.rows, test.positives)):
        raise InvalidRecord("plan: the test says how many rows and positives it has")
    require_composition(test.rows, test.positives)


def require_composition(rows: int, positives: int) -> None:
    """A test table has enough rows, and both kinds. Raises InvalidRecord."""
    if not MIN_TEST_ROWS <= rows <= MAX_TEST_ROWS or not 0 < positives < rows:
        raise InvalidRecord(
            f"a test has {MIN_TEST_ROWS} to {MAX_TEST_ROWS:,} rows, of both labels",
            hint="Measure with a table that holds both kinds of rows.",
        )


def _check_noise(plan: RunPlan) -> None:
    noise = plan.noise
    numbers = (noise.sigma, noise.update_bits, plan.sketch.buckets, plan.sketch.sigma)
    if any(type(n) is not int for n in numbers):
        raise InvalidRecord("plan: noise and sketch are two integers each")
    if not (0 <= plan.sketch.buckets <= sketch.MAX_BUCKETS and 0 <= plan.sketch.sigma <= MAX_SIGMA):
        raise InvalidRecord("plan: the sketch is too large")
    if plan.level == "update":
        if (noise, plan.sketch.sigma, plan.epsilon_micro) != (Noise(0, updates.EXACT_BITS), 0, 0):
            raise InvalidRecord("plan: level update has no noise and no epsilon")
        return
    if plan.sketch.buckets and not plan.sketch.sigma:
        raise InvalidRecord("plan: a sketch needs noise", field="sketch")
    if plan.level != "noised" or not 1 <= noise.sigma <= MAX_SIGMA:
        raise InvalidRecord("plan: level is noised, with its noise, or update")
    if not 1 <= noise.update_bits <= updates.MOST_BITS:
        raise InvalidRecord(f"plan: update_bits is 1 to {updates.MOST_BITS}")
    if privacy.epsilon_micro(plan.rho_nano, plan.delta_exponent) > plan.epsilon_micro:
        raise InvalidRecord("plan: the noise is less than its epsilon needs", field="epsilon_micro")


def _matches(pattern: re.Pattern[str], text: Any) -> bool:
    return isinstance(text, str) and bool(pattern.fullmatch(text))


def _failed(number: int, reason: str, owner: str | None = None) -> VerificationFailed:
    if owner is None:
        return VerificationFailed(f"round {number} {reason}", hint="The record was changed.", round=number)
    return VerificationFailed(
        f"round {number}: {owner} {reason}", hint="The record was changed.", round=number, owner=owner
    )


def _object(value: Any, keys: set[str], what: str) -> None:
    if not isinstance(value, dict) or set(value) != keys:
        raise InvalidRecord(f"a {what} needs exactly {', '.join(sorted(keys))}")


def _made(kind: type[T], value: Any, what: str) -> T:
    _object(value, set(kind.__dataclass_fields__), what)  # type: ignore[attr-defined]
    return kind(**value)
