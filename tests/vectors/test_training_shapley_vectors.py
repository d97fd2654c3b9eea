"""Games whose Shapley values are known exactly: they vouch for the definition that closed forms are held against."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from exact_game import shapley

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
    "graph": lambda case, members: sum(
        Fraction(weight) for i, j, weight in case["edges"] if i in members and j in members
    ),
}


def coalitions(players):
    return [[i for i in range(players) if mask >> i & 1] for mask in range(1 << players)]


def solve(case):
    return shapley([UTILITY[case["game"]](case, one) for one in coalitions(len(case["shapley"]))])


@pytest.mark.parametrize("case", json.loads(OWN.read_text())["cases"], ids=lambda case: case["game"])
def test_games_of_the_literature(case):
    assert solve(case) == [Fraction(value) for value in case["shapley"]]


def test_a_graph_game_pays_each_player_half_of_its_edges():
    # a game of single players and pairs, as one step of training is (Deng and Papadimitriou, 1994)
    cases = [case for case in json.loads(OWN.read_text())["cases"] if case["game"] == "graph"]
    for case in cases:
        half = [Fraction(0)] * len(case["shapley"])
        for i, j, weight in case["edges"]:
            for end in (i, j):
                half[end] += Fraction(weight) / 2  # both ends of a loop are one player
        assert half == [Fraction(value) for value in case["shapley"]]
    assert cases


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
            marks=pytest.mark.skip(reason="2^100 coalitions; by definition only up to 20 players or so"),
        )
        for case in json.loads(SHARED.read_text())["cases"]
    ]


@pytest.mark.parametrize("case", shared_cases())
def test_shared_games(case):
    found = solve(case)
    assert found == [Fraction(value) for value in case["shapley"]]
