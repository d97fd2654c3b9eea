"""What a training run reaches and what it costs: accuracy and shares under noise, time, memory, size.

Run: python bench/training.py. Adult needs its table: FREEHOLD_ADULT names the file (CSV, may be gzipped).
"""

import csv
import gzip
import json
import os
import resource
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from training_runs import account, clinics, owner_seed, plan_for, play, record_of, start_of, steps, table  # noqa: E402

from freehold.features.data.rules.table import Table  # noqa: E402
from freehold.features.models.rules.scaling import Scaling, typical, unit_rows  # noqa: E402
from freehold.features.training.rules import record, updates  # noqa: E402

SEEDS = 100
ADULT = Path(os.environ.get("FREEHOLD_ADULT", ROOT.parent / "shared" / "data" / "adult.csv.gz"))
NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
KINDS = (
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native-country",
)


def best_of(repeats, job):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def joined(tables):
    features = np.concatenate([one.features for one in tables])
    return Table(tables[0].columns, "y", features, np.concatenate([one.labels for one in tables]))


def quickstart():
    named, test = clinics()
    tables = list(named.values())

    def alone(part):
        return play([part], test, plan_for([part], test)).accuracy

    print(
        f"quickstart: all rows in one place {alone(joined(tables)):.4f}, best single owner "
        f"{max(alone(one) for one in tables):.4f} (both without noise), {len(tables)} owners, 390 rows"
    )
    print(
        "| epsilon | rounds | accuracy | lowest of 20 | a share's deviation, points | "
        + " | ".join(named)
        + " |"
    )
    print("| --- | --- | --- | --- | --- | " + "--- | " * len(tables))
    for epsilon in (None, 8, 4, 2, 1):
        plan = plan_for(tables, test, epsilon)
        found = [play(tables, test, plan, seed) for seed in range(SEEDS if epsilon else 1)]
        right = np.array([one.accuracy for one in found])
        shares = np.array([one.valued.shares_bps for one in found]) / 100
        error = f" +- {right.std() / len(right) ** 0.5:.4f}" if epsilon else ""
        print(
            f"| {epsilon or 'none'} | {plan.recipe.rounds} | {right.mean():.4f}{error} | {right[:20].min():.3f} "
            f"| {shares.std(axis=0).mean():.1f} | "
            + " | ".join(f"{one:.1f}" for one in shares.mean(axis=0))
            + " |"
        )


def adult_tables(owners=4, held_out=8_000, seed=0):
    """One-hot columns, rows in random order: the owners' tables and the test table."""
    opened = gzip.open if ADULT.suffix == ".gz" else open
    with opened(ADULT, "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names, columns = list(NUMBERS), [[float(row[name]) for row in rows] for name in NUMBERS]
    for name in KINDS:
        for kind in sorted({row[name] for row in rows}):
            names.append(f"{name}={kind}")
            columns.append([float(row[name] == kind) for row in rows])
    features = np.array(columns).T
    labels = np.array([row["income-per-year"].strip().startswith(">50K") for row in rows]).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = [order[:held_out], *np.array_split(order[held_out:], owners)]
    test, *tables = [table(features[part], labels[part], tuple(names)) for part in parts]
    return tables, test


def adult():
    if not ADULT.exists():
        print("adult: left out, its table is not here")
        return
    from sklearn.linear_model import LogisticRegression

    tables, test = adult_tables()
    everything, scaled = joined(tables), typical(test)
    mean, scale = np.array(scaled.mean), np.array(scaled.scale)
    pooled = LogisticRegression(max_iter=2_000).fit((everything.features - mean) / scale, everything.labels)
    reached = pooled.score((test.features - mean) / scale, test.labels)
    print(f"adult: {len(test.columns)} columns, 4 owners of {tables[0].rows:,}, {test.rows:,} test rows")
    print(f"  scikit-learn on all rows in one place: {reached:.4f}")
    for epsilon in (None, 8, 2, 1):
        plan = plan_for(tables, test, epsilon)
        start = time.perf_counter()
        found = [play(tables, test, plan, seed) for seed in range(3 if epsilon else 1)]
        taken = (time.perf_counter() - start) / len(found)
        right = np.mean([one.accuracy for one in found])
        shares = np.array([one.valued.shares_bps for one in found]) / 100
        print(
            f"  epsilon {epsilon or 'none'}: {right:.4f} ({(right - reached) * 100:+.2f} points), "
            f"{plan.recipe.rounds} rounds, share {shares.min():.1f} to {shares.max():.1f}, {taken:.1f} s a run"
        )


def made_up(rows, columns, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    return table(rng.normal(size=(rows, columns)) + labels[:, np.newaxis], labels)


def one_round(owners=10, rows=5_000, columns=30):
    tables, test = [made_up(rows, columns, i) for i in range(owners)], made_up(500, columns, 99)
    plan = plan_for(tables, test, 4)
    start, model = start_of(plan), np.zeros(plan.width, dtype=np.int64)
    z = unit_rows(tables[0].features, plan.scaling)
    own = best_of(5, lambda: updates.make(z, tables[0].labels, model, plan.noise, bytes(32)))
    prepared = best_of(3, lambda: unit_rows(tables[0].features, plan.scaling))
    shown = {
        one: updates.make(z, tables[0].labels, model, plan.noise, owner_seed(one, 0)) for one in plan.accounts
    }
    made = record_of(plan, 1, shown)
    claim = "0x" + "7" * 64
    statement = json.dumps(record.round_statement(made, claim, claim, []))
    revealed = json.dumps(made.to_json())

    def builders():
        record.Replay(plan, start).add(record.parse_round(plan, json.loads(statement), json.loads(revealed)))

    print(
        f"a round of {owners} owners x {rows:,} rows x {columns} columns: owner {own * 1e3:.1f} ms (rows made ready "
        f"once in {prepared * 1e3:.0f} ms), builder {best_of(5, builders) * 1e3:.1f} ms with JSON; one update "
        f"{len(revealed) // owners:,} bytes, the round {len(statement) + len(revealed):,}"
    )


def many_owners(owners, rounds=10, columns=30):
    """Time and memory of builder or verifier alone: what owners reveal is made up, they work side by side."""
    test, scaled = made_up(500, columns, 99), Scaling((0,) * columns, (1_000_000,) * columns)
    few = [made_up(50, columns, 1)] * owners
    plan = plan_for(few, test, 4, recipe=steps(rounds, 8), scaling=scaled)
    start, rng = start_of(plan), np.random.default_rng(0)
    running, made, times, peaks = record.Replay(plan, start), [], [], []
    for number in range(1, rounds + 1):
        drawn = rng.integers(-(1 << 14), 1 << 14, (owners, plan.width))
        made.append(
            record_of(plan, number, {account(i): drawn[i] for i in range(owners)}, model=running.model)
        )
        if number % 2:
            times.append(best_of(1, lambda: running.add(made[-1])))
        else:
            tracemalloc.start()
            running.add(made[-1])
            peaks.append(tracemalloc.get_traced_memory()[1] / 1024)
            tracemalloc.stop()
    begun = time.perf_counter()
    found = record.value(plan, start, record.replay(plan, start, made), test)
    done = time.perf_counter() - begun
    print(
        f"{owners:>5,} owners x {columns} columns: {min(times) * 1e3:.1f} ms a round "
        f"({min(times) / owners * 1e6:.0f} us an owner), {peaks[0]:,.0f} KiB in its second round and {peaks[-1]:,.0f} "
        f"in its tenth; replay and value of {rounds} rounds {done:.2f} s (shares sum to {sum(found.shares_bps):,})"
    )


def large_tables(owners=3, rows=1_000_000, columns=10, rounds=20):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, rows)
    features = rng.integers(-2_000_000, 2_000_000, (rows, columns)) + 500_000 * labels[:, np.newaxis]
    one = Table(tuple(f"c{i}" for i in range(columns)), "y", features, labels)
    scaled = Scaling((0,) * columns, (1_200_000,) * columns)
    begun = time.perf_counter()
    z = unit_rows(one.features, scaled)
    ready = time.perf_counter() - begun
    test = made_up(1_000, columns, 5)
    plan = plan_for([one] * owners, test, 2, recipe=steps(rounds, 16), scaling=scaled)
    begun = time.perf_counter()
    running = record.Replay(plan, start_of(plan))
    for number in range(1, rounds + 1):
        shown = {
            account(i): updates.make(z, one.labels, running.model, plan.noise, owner_seed(str(number), i))
            for i in range(owners)
        }
        running.add(record_of(plan, number, shown, model=running.model))
    done = time.perf_counter() - begun
    print(
        f"{owners} owners x {rows:,} rows x {columns} columns x {rounds} rounds: {done:.1f} s "
        f"({owners * rows * rounds / done / 1e6:.0f} M rows/s, owners one after the other); rows made ready "
        f"{ready:.1f} s an owner; peak memory {peak_mib():.0f} MiB"
    )


def main():
    quickstart()
    adult()
    one_round()
    for owners in (10, 100, 1_000):
        many_owners(owners)
    large_tables()


if __name__ == "__main__":
    main()
