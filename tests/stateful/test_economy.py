"""The whole economy at random: all nine contracts, three people, days that pass; the chain agrees with the ghosts.

An act or a refusal that never happened fails the run.
"""

import pytest
from economy_money import MONEY_ACTS
from economy_records import RECORD_ACTS, Records
from labels import COMMON, RARE
from running import run

ACTS = (*MONEY_ACTS, *RECORD_ACTS, *RECORD_ACTS)


def test_the_chain_agrees_with_the_ghosts(world):
    run(Records, world, ACTS, COMMON, examples=4, steps=80)


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_the_chain_agrees_with_the_ghosts_for_10_000_steps(world):
    assert run(Records, world, ACTS, COMMON | RARE, examples=50, steps=202)["steps"] >= 10_000
