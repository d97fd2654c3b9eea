"""What hostile builders and owners get out of a training run: rows, memberships, money, accuracy.

Run: python bench/attacks.py [--quick] [--json FILE]. "Before" are the figures of the training of every
coalition by exact updates, which this scheme replaced; they were measured with its code and are quoted.
"""

import argparse
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from training_runs import account, clinics, owner_seed, plan_for, play, table  # noqa: E402

from freehold.core.fixed import UNIT, WEIGHT_LIMIT  # noqa: E402
from freehold.features.models.rules.scaling import typical, unit_rows  # noqa: E402
from freehold.features.privacy.rules import privacy  # noqa: E402
from freehold.features.privacy.rules.noise import gaussian  # noqa: E402
from freehold.features.training.rules import record, sketch, updates  # noqa: E402

CLINICS = ("alder", "birch", "cedar", "dogwood", "elm", "fir")
REBUILT = 0.1
"""A row counts as rebuilt if its cells are off by less than this many standard deviations (root mean square)."""


# rebuilding rows


def forty_rows(seed=0):
    """40 rows of 30 unlike columns as unit rows, their labels."""
    rng = np.random.default_rng(seed)
    made = table(rng.normal(size=(40, 30)), rng.integers(0, 2, 40))
    return unit_rows(made.features, typical(made)), made.labels


def errors_of(found, z):
    """Root mean square error of each row's cells, in standard deviations of their columns."""
    scale = z[:, :-1].std(axis=0)
    return np.sqrt((((found - z)[:, :-1] / scale) ** 2).mean(axis=1))


class Owner:
    """Answers any model, with its noise, as often as its budget allows."""

    def __init__(self, z, labels, noise, rounds, seed=0):
        self._z, self._labels, self._noise, self._left, self._seed = z, labels, noise, rounds, seed

    def ask(self, model):
        if not self._left:
            raise RuntimeError("the budget is used up")
        self._left -= 1
        seed = owner_seed(f"{self._left}", self._seed)
        return updates.make(self._z, self._labels, np.asarray(model), self._noise, seed) / (
            1 << self._noise.update_bits
        )


def noise_within(epsilon, rounds, width):
    if epsilon is None:
        return updates.Noise(0, updates.EXACT_BITS)
    return updates.noise_for(privacy.rho_nano_for(round(epsilon * 1e6), 5), rounds, width, 1)


def turned(first, second, angle):
    """As large a model as there may be, in the plane of two directions: rows change sides as it turns."""
    way = np.cos(angle) * first + np.sin(angle) * second
    return np.trunc(way / np.abs(way).max() * WEIGHT_LIMIT).astype(np.int64)


def is_one_row(vector):
    """Whether a sum can be plus or minus one unit row: by its length, or by the bias of a row below length one."""
    length, bias, ordinary = np.linalg.norm(vector), abs(vector[-1]), 1 / np.sqrt(len(vector))
    return abs(length - 1) < 1e-3 < bias or (length < 1 and abs(bias - ordinary) < 1e-3)


def by_bisection(owner, width, questions, seed=0):
    """Rows of a table of which nothing is known: huge models part them, turned until each row is alone.

    Between two angles the answer changes by the rows that changed sides. Rows already found are taken off, and
    what could not be parted in one plane is tried in another.
    """
    rng = np.random.default_rng(seed)
    found, asked = np.zeros((0, width)), 0
    while asked < questions - 2:
        first, second = rng.choice([-1.0, 1.0], (2, width))
        answers = {}
        for angle in (0.0, np.pi):
            answers[angle] = owner.ask(turned(first, second, angle))
            asked += 1

        def change(low, high, found=found, answers=answers, first=first, second=second):
            sides = [
                1 / (1 + np.exp(-np.clip(found @ turned(first, second, a) / 65_536, -16, 16)))
                for a in (low, high)
            ]
            return answers[high] - answers[low] - (sides[1] - sides[0]) @ found

        while asked < questions:
            mixed = [
                (low, high)
                for low, high in pairwise(sorted(answers))
                if np.abs(change(low, high)).max() > 2e-3
                and not is_one_row(change(low, high))
                and high - low > 0.04
            ]
            if not mixed:
                break
            low, high = max(mixed, key=lambda pair: pair[1] - pair[0])
            answers[(low + high) / 2] = owner.ask(turned(first, second, (low + high) / 2))
            asked += 1
        alone = [
            change(low, high) for low, high in pairwise(sorted(answers)) if is_one_row(change(low, high))
        ]
        new = [one * np.sign(one[-1]) for one in alone]
        if new:
            found = np.concatenate([found, new])
        elif len(answers) == 2:
            break
    return list(found)


def matched(found, z):
    """The error of each real row, by the nearest of those found."""
    scale = z[:, :-1].std(axis=0)
    if not found:
        return np.full(len(z), np.inf)
    apart = (np.array(found)[np.newaxis, :, :-1] - z[:, np.newaxis, :-1]) / scale
    return np.sqrt((apart**2).mean(axis=2)).min(axis=1)


def knowing_all_others(z, labels, epsilon, rounds=1, seed=0):
    """Each row in turn, when its builder knows every other row of the table and colludes with all other owners.

    Models are huge along the bias, the sign by the row's label, so the row's residual is one in each round: the
    most that a row can show. What others add is known and taken off, rounds are averaged, and the result is
    drawn towards what is typical of a column as far as noise makes that the best guess.
    """
    width, unit = z.shape[1], z / UNIT
    noise = noise_within(epsilon, rounds, width)
    sigma = noise.sigma / (1 << noise.update_bits) / np.sqrt(rounds)
    scale = unit[:, :-1].std(axis=0)
    raw, best = np.zeros_like(unit), np.zeros_like(unit)
    for row, label in enumerate(labels):
        model = np.zeros(width, dtype=np.int64)
        model[-1] = -WEIGHT_LIMIT if label else WEIGHT_LIMIT
        owner = Owner(z, labels, noise, rounds, (seed, row))
        without = Owner(np.delete(z, row, 0), np.delete(labels, row), updates.Noise(0, 16), rounds)
        answers = [owner.ask(model) - without.ask(model) for _ in range(rounds)]
        raw[row] = np.mean(answers, axis=0) * (-1 if label else 1)
        mean = np.delete(unit, row, 0).mean(axis=0)
        drawn = scale**2 / (scale**2 + sigma**2)
        best[row, :-1] = mean[:-1] + drawn * (raw[row] - mean)[:-1]
    return errors_of(raw, unit), errors_of(best, unit)


def by_versions(z, labels, epsilon, seed=0):
    """Two versions of a table, one without a row, both charged to the line: each run gets half of it."""
    rho = None if epsilon is None else privacy.rho_nano_for(round(epsilon * 1e6), 5) // 2
    noise = noise_within(None, 1, 31) if rho is None else updates.noise_for(rho, 1, z.shape[1], 1)
    unit, found = z / UNIT, []
    for row, label in enumerate(labels):
        model = np.zeros(z.shape[1], dtype=np.int64)
        model[-1] = -WEIGHT_LIMIT if label else WEIGHT_LIMIT
        whole = Owner(z, labels, noise, 1, (seed, row, 0)).ask(model)
        less = Owner(np.delete(z, row, 0), np.delete(labels, row), noise, 1, (seed, row, 1)).ask(model)
        found.append((whole - less) * (-1 if label else 1))
    return errors_of(np.array(found), unit)


def rebuilding(epsilons=(None, 8, 2)):
    z, labels = forty_rows()
    unit, lines = z / UNIT, []
    for epsilon in epsilons:
        for rounds in (200,) if epsilon is None else (200, 20):
            owner = Owner(z, labels, noise_within(epsilon, rounds, 31), rounds)
            errors = matched(by_bisection(owner, 31, rounds), unit)
            lines.append(("nothing known: huge models part the rows", epsilon, rounds, errors, None))
        raw, best = knowing_all_others(z, labels, epsilon, 1 if epsilon is None else 6)
        lines.append(("every other row known", epsilon, 1 if epsilon is None else 6, raw, best))
        lines.append(("two versions that differ by a row", epsilon, 2, by_versions(z, labels, epsilon), None))
    return [
        {
            "attack": attack,
            "epsilon": epsilon,
            "rounds": rounds,
            "rebuilt": int((errors < REBUILT).sum()),
            "of": len(errors),
            "error_sd": float(np.median(errors)) if np.isfinite(errors).any() else None,
            "best_guess_sd": None if best is None else float(np.median(best)),
        }
        for attack, epsilon, rounds, errors, best in lines
    ]


# telling members


def membership(epsilon, trials=1_000, rounds=6, seed=0):
    """AUC and best rate of right guesses of the likelihood ratio, everything known but one row of length one.

    The row is a canary: all its length in one known direction, and every model makes its residual one. All
    rounds are scored together: for Gaussian noise the sum along the row is the likelihood ratio.
    """
    width = 31
    noise = noise_within(epsilon, rounds, width)
    canary = np.zeros((1, width), dtype=np.int16)
    canary[0, -1] = UNIT
    others = np.zeros((1, width), dtype=np.int16)
    others[0, 0] = UNIT
    model = np.zeros(width, dtype=np.int64)
    model[-1] = WEIGHT_LIMIT
    known = Owner(others, np.zeros(1, dtype=np.int64), updates.Noise(0, noise.update_bits), 1).ask(model)
    scores = {}
    for member, z in ((True, np.concatenate([others, canary])), (False, others)):
        labels, own = np.zeros(len(z), dtype=np.int64), []
        for trial in range(trials):
            owner = Owner(z, labels, noise, rounds, (seed, trial, member))
            own.append(sum(float((owner.ask(model) - known)[-1]) for _ in range(rounds)))
        scores[member] = np.array(own)
    return auc_of(scores[True], scores[False]), accuracy_of(scores[True], scores[False])


def auc_of(members, strangers):
    order = np.argsort(np.concatenate([members, strangers]), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    n, m = len(members), len(strangers)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def accuracy_of(members, strangers):
    best = 0.5
    for cut in np.quantile(np.concatenate([members, strangers]), np.linspace(0, 1, 201)):
        best = max(best, float(((members > cut).mean() + (strangers <= cut).mean()) / 2))
    return best


def auc_bound(epsilon, delta=1e-5):
    """The largest AUC of any test under (epsilon, delta), by its ROC (Kairouz, Oh and Viswanath, 2015)."""
    false = np.concatenate([np.linspace(0, 1, 100_001), np.geomspace(1e-9, 1, 20_001)])
    false.sort()
    true = np.minimum(
        np.minimum(np.exp(epsilon) * false + delta, 1 - np.exp(-epsilon) * (1 - delta - false)), 1
    )
    return float(np.trapezoid(true, false))


def telling(epsilons=(8, 2, 1), trials=1_000):
    lines = []
    for epsilon in epsilons:
        auc, accuracy = membership(epsilon, trials)
        rho = privacy.rho_nano_for(epsilon * 10**6, 5) / 1e9
        lines.append(
            {
                "epsilon": epsilon,
                "auc": auc,
                "accuracy": accuracy,
                "auc_expected": NormalDist().cdf(rho**0.5),
                "auc_bound": auc_bound(epsilon),
                "accuracy_bound": privacy.guess_ppm(epsilon * 10**6, 5) / 1e6,
            }
        )
    return lines


# money and accuracy


def parted(one, parts):
    order = np.random.default_rng(0).permutation(one.rows)
    return [
        table(one.features[part] / 1e6, one.labels[part], one.columns)
        for part in np.array_split(order, parts)
    ]


def mean_run(tables, test, epsilon, runs, behave=None, **changes):
    """Mean accuracy, mean shares in points and their deviation over runs with other noise."""
    plan = plan_for(tables, test, epsilon, **changes)
    found = [
        play(tables, test, plan, seed, behave(plan) if behave else None)
        for seed in range(runs if epsilon else 1)
    ]
    shares = np.array([one.valued.shares_bps for one in found]) / 100
    return float(np.mean([one.accuracy for one in found])), shares.mean(axis=0), shares.std(axis=0)


def splitting(epsilon, parts, runs):
    named, test = clinics()
    tables = [*parted(named["alder"], parts), *(named[name] for name in CLINICS[1:])]
    accuracy, shares, _ = mean_run(tables, test, epsilon, runs)
    return accuracy, float(shares[:parts].sum())


def copying(epsilon, copies, runs, *, counted=False):
    """Alder as so many accounts with the same rows."""
    named, test = clinics()
    tables = [named["alder"]] * copies + [named[name] for name in CLINICS[1:]]
    changes = {"sketch": record.Sketch(sketch.MAX_BUCKETS)} if counted else {}
    accuracy, shares, _ = mean_run(tables, test, epsilon, runs, **changes)
    return accuracy, float(shares[:copies].sum())


def copying_among_many_rows(copies, epsilon=4, rows=1_500, runs=5, *, counted=True):
    """Four owners of 1,500 rows, the first as so many copies, with the comparison a plan makes by itself."""
    rng = np.random.default_rng(0)
    made = []
    for count in (rows,) * 4 + (1_000,):
        labels = np.arange(count) % 2
        made.append(table(rng.normal(size=(count, 10)) + 0.6 * labels[:, np.newaxis], labels))
    tables, test = [made[0]] * copies + made[1:4], made[4]
    sigma = privacy.sigma_for(sketch.STEP, 1, privacy.rho_nano_for(epsilon * 10**6, 5) // 4)
    many = [one.rows for one in tables]
    compared = record.Sketch(sketch.buckets_for(many, sigma), sigma) if counted else record.Sketch()
    accuracy, shares, _ = mean_run(tables, test, epsilon, runs, sketch=compared)
    return accuracy, float(shares[:copies].sum()), sketch.tells(many, sigma)


def with_strangers(epsilon, accounts, act, runs, rows=70):
    """So many accounts without rows beside the clinics; `act(plan)` says what they send."""
    named, test = clinics()
    tables = list(named.values()) + [named["birch"]] * accounts
    declared = [*(one.rows for one in named.values()), *[rows] * accounts]

    def behave(plan):
        return dict.fromkeys(plan.accounts[-accounts:], act(plan))

    accuracy, shares, _ = mean_run(tables, test, epsilon, runs, behave, rows=declared)
    return accuracy, float(shares[-accounts:].sum())


def pure_noise(plan):
    def send(seen):
        return gaussian(seen.own, max(1, plan.noise.sigma), plan.width)

    return send


def within(vector, plan, owner):
    """No longer than an owner's declared rows allow, in its direction."""
    length, most = float(np.linalg.norm(vector.astype(float))), plan.longest(owner, 1) * 0.999
    return (vector * min(1.0, most / max(1.0, length))).astype(np.int64)


def copies_last_update(victim=1):
    """Sends what `victim` revealed in the round before, noise and all."""

    def act(plan):
        def send(seen):
            if seen.number <= 1:
                return np.zeros(plan.width, dtype=np.int64)
            return seen.rounds[-1].updates[account(victim)][1]

        return send

    return act


def fits_public_history(times):
    """Sends the mean of everybody's last updates as if its rows were like theirs, that many times."""

    def act(plan):
        honest, owner = plan.accounts[:6], plan.accounts[-1]

        def send(seen):
            if seen.number <= 1:
                return np.zeros(plan.width, dtype=np.int64)
            last = sum(seen.rounds[-1].updates[one][1] for one in honest).astype(float)
            return within(
                last * times * plan.rows[owner] / sum(plan.rows[one] for one in honest), plan, owner
            )

        return send

    return act


def best_inventor(epsilon, runs, accounts=1):
    """The most that it earns, over how boldly it does so."""
    return max(
        (
            with_strangers(epsilon, accounts, fits_public_history(times), runs)
            for times in (1, 2, 4, 8, 1_000)
        ),
        key=lambda pair: pair[1],
    )


def one_owner_sends(epsilon, name, act, runs, rows=None):
    """One clinic does something of its own; `act(plan, z, labels)` says what."""
    named, test = clinics()
    tables, place = list(named.values()), CLINICS.index(name)
    declared = [rows if rows and i == place else one.rows for i, one in enumerate(tables)]

    def behave(plan):
        z = unit_rows(tables[place].features, plan.scaling)
        return {account(place): act(plan, z, tables[place].labels)}

    accuracy, shares, _ = mean_run(tables, test, epsilon, runs, behave, rows=declared)
    return accuracy, float(shares[place])


def without_noise(plan, z, labels):
    def send(seen):
        return updates.make(z, labels, seen.model, replace(plan.noise, sigma=0), seen.own)

    return send


def stretching(times):
    """Its own gradient without noise, that many times, as far as the length of its rows allows."""

    def act(plan, z, labels):
        owner = next(one for one in plan.accounts if plan.rows[one] == len(labels))

        def send(seen):
            exact = updates.make(z, labels, seen.model, replace(plan.noise, sigma=0), seen.own)
            return within(exact.astype(float) * times, plan, owner)

        return send

    return act


def repeated(times):
    """Its rows that many times, declared as that many; noise as everybody's."""

    def act(plan, z, labels):
        def send(seen):
            exact = updates.make(z, labels, seen.model, replace(plan.noise, sigma=0), seen.own)
            return (
                exact * times + gaussian(seen.own, plan.noise.sigma, plan.width)
                if plan.noise.sigma
                else exact * times
            )

        return send

    return act


def backwards(plan, z, labels):
    """The opposite of its gradient, to spoil the model."""

    def send(seen):
        return -updates.make(z, labels, seen.model, plan.noise, seen.own)

    return send


def dropping(epsilon, name, runs):
    """The builder never lists an owner's commitments: what the model and the others get."""
    named, test = clinics()
    tables, place = list(named.values()), CLINICS.index(name)
    plan = plan_for(tables, test, epsilon)
    gone = {(account(place), number) for number in range(1, plan.recipe.rounds + 1)}
    found = [play(tables, test, plan, seed, absent=gone) for seed in range(runs if epsilon else 1)]
    shares = np.mean([one.valued.shares_bps for one in found], axis=0) / 100
    return float(np.mean([one.accuracy for one in found])), float(shares[place])


def earning(runs, epsilons=(None, 4)):
    """(attack, before, figure after for each epsilon, what stands against it)."""
    named, test = clinics()
    honest = {e: mean_run(list(named.values()), test, e, runs) for e in epsilons}

    def line(attack, before, measure, remark):
        return {
            "attack": attack,
            "before": before,
            "after": {str(e): measure(e) for e in epsilons},
            "remark": remark,
        }

    def share(pair):
        return {"share": round(pair[1], 1), "accuracy": round(pair[0], 4)}

    found = [
        line(
            "nobody attacks: alder",
            "share 24",
            lambda e: share((honest[e][0], honest[e][1][0])),
            "",
        ),
        line(
            "40 % wrong labels: elm",
            "0-4",
            lambda e: share((honest[e][0], honest[e][1][4])),
            "its value is below two standard errors",
        ),
    ]
    for parts, before in ((2, "24 -> 35"), (4, "24 -> 48")):
        found.append(
            line(
                f"alder's rows over {parts} accounts, together",
                before,
                lambda e, parts=parts: share(splitting(e, parts, runs)),
                "values add up; each account bears its own noise, so splitting loses",
            )
        )
    for copies, before in ((2, "24 -> 37"), (3, "24 -> 45"), (5, "24 -> 55")):
        found.append(
            line(
                f"alder as {copies} copies, compared without noise",
                before,
                lambda e, copies=copies: None if e else share(copying(None, copies, 1, counted=True)),
                "copies count once together",
            )
        )
        found.append(
            line(
                f"alder as {copies} copies, 80 rows, not comparable within the budget",
                before,
                lambda e, copies=copies: share(copying(e, copies, runs)),
                "NOT solved for tables of few hundred rows: admission, audit",
            )
        )
    for accounts, before in ((1, "0 -> 23"), (2, "0 -> 38"), (4, "0 -> 55")):
        found.append(
            line(
                f"{accounts} empty accounts send noise",
                before,
                lambda e, accounts=accounts: share(with_strangers(e, accounts, pure_noise, runs)),
                "a value must stand out of its error; declared rows without weight slow the model",
            )
        )
    found += [
        line(
            "an empty account sends another's update of the round before",
            "0 -> 23",
            lambda e: share(with_strangers(e, 1, copies_last_update(), runs)),
            "NOT solved: commitments stop it inside a round only; judge, admission",
        ),
        line(
            "an empty account fits its update to the public history",
            "0 -> 23",
            lambda e: share(with_strangers(e, 1, fits_public_history(1), runs)),
            "NOT solved: a judge who opens its table finds nothing; admission by credential or stake",
        ),
        *(
            line(
                f"{accounts} such accounts, as boldly as pays best"
                if accounts > 1
                else "the same, as boldly as pays best",
                "0 -> 55" if accounts > 1 else "-",
                lambda e, accounts=accounts: share(best_inventor(e, runs, accounts)),
                "NOT solved; at most four times its part of the rows",
            )
            for accounts in (1, 4)
        ),
        line(
            "alder leaves its noise out",
            "-",
            lambda e: share(one_owner_sends(e, "alder", without_noise, runs)),
            "it gives up its own rows' protection and gains nothing on average",
        ),
        *(
            line(
                f"alder sends {times} times its update" + (" (as long as allowed)" if times == 1_000 else ""),
                "-",
                lambda e, times=times: share(one_owner_sends(e, "alder", stretching(times), runs)),
                "NOT solved without a judge, who names it; at most four times its part of the rows",
            )
            for times in (2, 1_000)
        ),
    ]
    for name in ("alder", "elm"):
        found.append(
            line(
                f"{name} repeats its rows 100 times and declares them",
                "accuracy 0.964 -> 0.747, share 97" if name == "alder" else "-",
                lambda e, name=name: share(
                    one_owner_sends(e, name, repeated(100), runs, 100 * named[name].rows)
                ),
                "weighs at most half; NOT solved for shares without a judge, who finds the repeats",
            )
        )
    found += [
        line(
            "fir sends the opposite of its update",
            "-",
            lambda e: share(one_owner_sends(e, "fir", backwards, runs)),
            "its value is negative: it earns nothing",
        ),
        line(
            "the builder drops alder's updates in every round",
            "-",
            lambda e: share(dropping(e, "alder", runs)),
            "each round's claim names it as absent, in public; it does not agree, and counts against the quorum",
        ),
    ]
    return found


def many_rows(runs=5):
    lines = []
    for copies in (1, 2, 3, 5):
        _, counted, tells = copying_among_many_rows(copies, runs=runs)
        _, blind, _ = copying_among_many_rows(copies, runs=runs, counted=False)
        lines.append({"copies": copies, "share": counted, "share_not_compared": blind, "tells": tells})
    return lines


def shown(number, digits=3):
    return "-" if number is None else f"{number:.{digits}f}"


def level(epsilon):
    return "none (level update)" if epsilon in (None, "None") else str(epsilon)


def print_tables(found):
    print("### Rows rebuilt, of 40 (30 columns)\n")
    print("Before: 40 of 40, error 2.5e-4 sd, by one grant.\n")
    print(
        "| builder knows | epsilon of the run | questions | rebuilt | error, sd | with the best guess, sd |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for one in found["rebuilding"]:
        print(
            f"| {one['attack']} | {level(one['epsilon'])} | {one['rounds']} | {one['rebuilt']} of {one['of']} "
            f"| {shown(one['error_sd'], 4)} | {shown(one['best_guess_sd'])} |"
        )
    print("\nWho guesses each column's mean is off by 1.0 sd.")
    print("\n### Membership of a canary, every other row known, models chosen\n")
    print("| epsilon | AUC | by theory | no test can pass | right guesses | no guesser can pass |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in found["membership"]:
        print(
            f"| {one['epsilon']} | {one['auc']:.3f} | {one['auc_expected']:.3f} | {one['auc_bound']:.4f} "
            f"| {one['accuracy']:.3f} | {one['accuracy_bound']:.4f} |"
        )
    names = list(found["earning"][0]["after"])
    print("\n### Shares (points) and accuracy, the quickstart's six owners\n")
    print("| attack | before | " + " | ".join(f"epsilon {level(e)}" for e in names) + " | remark |")
    print("| --- | --- | " + "--- | " * len(names) + "--- |")
    for one in found["earning"]:
        cells = [
            f"{after['share']} (accuracy {after['accuracy']:.3f})" if after else "-"
            for after in (one["after"][e] for e in names)
        ]
        print(f"| {one['attack']} | {one['before']} | " + " | ".join(cells) + f" | {one['remark']} |")
    print("\n### Copies of 1,500 rows among four owners, epsilon 4, compared by noised sketches\n")
    print("| copies | share together | if not compared |")
    print("| --- | --- | --- |")
    for one in found["many_rows"]:
        print(f"| {one['copies']} | {one['share']:.1f} | {one['share_not_compared']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    runs = 5 if options.quick else 40
    found = {
        "rebuilding": rebuilding(),
        "membership": telling(trials=100 if options.quick else 1_000),
        "earning": earning(runs),
        "many_rows": many_rows(2 if options.quick else 10),
    }
    print_tables(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
