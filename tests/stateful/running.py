"""Runs a machine of acts: Hypothesis draws first, then even draws until everything that must happen has happened."""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

from contract_world import World
from economy_money import Hand, hands
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

WANDERINGS = 20
"""Even economies at most, before what never happened counts as impossible."""


def run(
    kind: type, world: World, acts: Iterable[str], must: set[str], *, examples: int, steps: int
) -> Counter:
    """Run `kind`'s methods named `acts` at random; each label in `must` has to be fired.

    The same code makes the same run, but for what Hypothesis draws, which depends on what else is imported.
    """
    acts = tuple(acts)

    class Machine(kind):
        @rule(act=st.sampled_from(acts), hand=hands)
        def happens(self, act: str, hand: Hand) -> None:
            """One rule for all acts, since Hypothesis leaves whole rules out of a run."""
            self.fired["steps"] += 1
            getattr(self, act)(hand)

    Machine.world, Machine.fired = world, Counter()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    luck = Random(1)
    for _ in range(WANDERINGS):
        if not missing(Machine.fired, must):
            break
        wander(Machine(), luck, acts, must, steps)
    assert not missing(Machine.fired, must), "never happened"
    return Machine.fired


def missing(fired: Counter, must: set[str]) -> list[str]:
    return sorted(label for label in must if not fired[label])


def wander(machine: Any, luck: Random, acts: tuple[str, ...], must: set[str], steps: int) -> None:
    """One even run; half of the draws are of acts with something missing."""
    for _ in range(steps):
        wanted = tuple({label.split()[0] for label in missing(machine.fired, must)})
        if not wanted:
            break
        towards = [act for act in acts if act.startswith(wanted)] or acts
        hand = Hand(
            one=luck.randrange(3),
            step=luck.choice((1, 2)),
            index=luck.randrange(24),
            percent=luck.randrange(101),
            amount=luck.randrange(1, 10_001),
            signs=luck.random() < 0.5,
        )
        machine.happens(act=luck.choice(luck.choice((acts, towards))), hand=hand)
        for invariant in machine.invariants:
            invariant.function(machine)
    machine.teardown()
