"""Games whose Shapley values are known exactly."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from freehold.training.valuation import exact_shapley

HERE = Path(__file__).resolve()
OWN = HERE.parent / "data" / "shapley_games.json"
SHARED = HERE.parents[2] / ".." / "shared" / "vectors" / "shapley" / "games.json"

UTILITY = {
    "symmetric_voting": lambda case, members: int(2 * len(members) > case["n"]),
    "shoes": lambda case, members: min(
        sum(i < case["left"] for i in members), sum(i >= case["left"] for i in members)
    ),
    "airport": lambda case, members: max((case["costs"][i] for i in members), default=0),
    "weighted_voting": lambda case, members: int(
        sum(case["weights"][i] for i in members) > case["quota_exceeds"]
    ),
    "miner": lambda _, members: len(members) // 2,
}


def solve(case):
    players = len(case["shapley"])
    coalitions = [[i for i in range(players) if mask >> i & 1] for mask in range(1 << players)]
    return exact_shapley([UTILITY[case["game"]](case, members) for members in coalitions])


@pytest.mark.parametrize("case", json.loads(OWN.read_text())["cases"], ids=lambda case: case["game"])
def test_games_of_the_literature(case):
    assert solve(case) == [Fraction(value) for value in case["shapley"]]


def shared_cases():
    if not SHARED.exists():
        return [
            pytest.param(
                None, marks=pytest.mark.skip(reason=f"{SHARED.name} of the shared vectors is not here")
            )
        ]
    return [
        pytest.param(case, id=f"{case['game']}-{len(case.get('shapley', []))}")
        if case["game"] in UTILITY
        else pytest.param(
            case,
            id=case["game"],
            marks=pytest.mark.skip(reason="2^100 coalitions; exact only up to 10 owners"),
        )
        for case in json.loads(SHARED.read_text())["cases"]
    ]


@pytest.mark.parametrize("case", shared_cases())
def test_shared_games(case):
    found = solve(case)
    assert found == [Fraction(value) for value in case["shapley"]]
