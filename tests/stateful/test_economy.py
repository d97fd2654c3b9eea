"""The whole economy at random: all eight contracts, three people, days that pass; the chain agrees with the ghosts.

Reproducible: the same code makes the same runs. An act or a refusal that never happened fails the run.
"""

from collections import Counter

import pytest
from contract_world import World
from economy_money import MONEY_ACTS, hands
from economy_records import RECORD_ACTS, Records
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test


class Economy(Records):
    @rule(act=st.sampled_from((*MONEY_ACTS, *RECORD_ACTS, *RECORD_ACTS)), hand=hands)
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
    """Run until every act has happened: what Hypothesis draws depends on what else is imported."""
    machine = type("Economy", (Economy,), {"world": world, "fired": Counter()})
    for tries in (examples, 3 * examples, 6 * examples):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=tries,
                stateful_step_count=steps,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        missing = sorted(act for act in acts if not machine.fired[act])
        if not missing:
            return machine.fired
    pytest.fail(f"never happened: {missing}")


def test_the_chain_agrees_with_the_ghosts(world):
    run_economy(world, examples=4, steps=80, acts=ACTS)


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_the_chain_agrees_with_the_ghosts_for_10_000_steps(world):
    assert run_economy(world, examples=50, steps=202, acts=ACTS | RARE)["steps"] >= 10_000
