"""The Shapley value by its definition, over every coalition: what closed forms are compared with."""

import math
from fractions import Fraction


def shapley(values):
    """Of a game given as 2^n values by bit mask of players; exact."""
    players = len(values).bit_length() - 1
    weight = [
        Fraction(math.factorial(size) * math.factorial(players - size - 1), math.factorial(players))
        for size in range(players)
    ]
    return [
        sum(
            (weight[mask.bit_count()] * (values[mask | 1 << player] - values[mask]))
            for mask in range(1 << players)
            if not mask >> player & 1
        )
        for player in range(players)
    ]
