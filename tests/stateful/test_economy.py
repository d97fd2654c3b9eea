"""The whole economy at random: all eight contracts, three people, days that pass; the chain agrees with the ghosts.

Reproducible: the same code makes the same runs. An act or a refusal that never happened fails the run.
"""

from collections import Counter
from random import Random

import pytest
from contract_world import World
from economy_money import MONEY_ACTS, Hand, hands
from economy_records import RECORD_ACTS, Records
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

WHAT_HAPPENS = (*MONEY_ACTS, *RECORD_ACTS, *RECORD_ACTS)


class Economy(Records):
    @rule(act=st.sampled_from(WHAT_HAPPENS), hand=hands)
    def happens(self, act, hand):
        """One rule for all acts, since Hypothesis leaves whole rules out of a run."""
        self.fired["steps"] += 1
        getattr(self, act)(hand)


SIGNED = ("anchor", "revoke", "register", "release")
ACTS = {
    *("mint", "buy by allowance", "buy by authorization", "buy_again", "send_money_astray", "let_a_day_pass"),
    *("deposit by allowance", "deposit by authorization", "claim", "claim twice", "claim as a stranger"),
    *("open by allowance", "open by authorization", "settle", "settle refused: NothingToSettle"),
    *("settle refused: VoucherExceedsDeposit", "forge", "request_close", "withdraw", "withdraw early"),
    *SIGNED,
    *(f"{act} by signature" for act in SIGNED),
    *("anchor refused: SizeMustGrow", "revoke refused: AlreadyRevoked", "move_token", "move_shares"),
}
"""What must happen in a short run."""
RARE = {
    *("top_up by allowance", "top_up by authorization", "withdraw twice", "settle refused: ChannelEnded"),
    *("request_close by signature", "request_close refused: ChannelClosing"),
    *(
        "request_close refused: NotThePayer",
        "request_close refused: InvalidSignature",
        "move_token of another",
    ),
    *("register refused: AlreadyRegistered", "release refused: AlreadyReleased"),
    *(f"{act} by signature refused: SignatureExpired" for act in SIGNED),
    *(f"{act} by signature refused: InvalidSignature" for act in SIGNED),
}
"""What must happen besides in a long one."""


def run_economy(world: World, examples: int, steps: int, acts: set[str]) -> Counter:
    """Hypothesis first; what its draws left out, which depends on what else is imported, evenly drawn after it."""
    machine = type("Economy", (Economy,), {"world": world, "fired": Counter()})
    run_state_machine_as_test(
        machine,
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
    for _ in range(10):
        if not missing(machine, acts):
            break
        wander(machine(), luck, steps, acts)
    assert not missing(machine, acts), "never happened"
    return machine.fired


def missing(machine: type[Economy] | Economy, acts: set[str]) -> list[str]:
    return sorted(act for act in acts if not machine.fired[act])


def wander(economy: Economy, luck: Random, steps: int, acts: set[str]) -> None:
    """Even draws, half of them of acts with something missing, until nothing is or the steps are used up."""
    for _ in range(steps):
        hand = Hand(
            one=luck.randrange(3),
            step=luck.choice((1, 2)),
            index=luck.randrange(24),
            percent=luck.randrange(101),
            amount=luck.randrange(1, 10_001),
            signs=luck.random() < 0.5,
        )
        wanted = {act.split()[0] for act in missing(economy, acts)}
        towards = [act for act in WHAT_HAPPENS if act.startswith(tuple(wanted))]
        economy.happens(act=luck.choice(luck.choice((WHAT_HAPPENS, towards))), hand=hand)
        economy.every_balance_is_as_reckoned()
        economy.the_newest_records_are_as_reckoned()
        if not missing(economy, acts):
            break
    economy.teardown()


def test_the_chain_agrees_with_the_ghosts(world):
    run_economy(world, examples=4, steps=80, acts=ACTS)


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_the_chain_agrees_with_the_ghosts_for_10_000_steps(world):
    assert run_economy(world, examples=50, steps=202, acts=ACTS | RARE)["steps"] >= 10_000
