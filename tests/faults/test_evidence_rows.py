"""Answers paid by the row, in evidence: what is charged is the price times the rows that both sides signed."""

import pytest
from evidence_verdicts import agree, broken
from evidence_world import CAP, PRICE, World

from freehold.core.documents import MoneyLine, Terms

MOST = 3


def by_row(rows: object, paid: int, **terms: object) -> dict:
    """A world whose model has a price for each row, and whose buyer paid for `paid` rows and signed `rows`."""

    def priced(fields, name):
        if name != "model":
            return fields
        said = {"per": "row", "rows_per_call": MOST, **terms}
        return fields | {"terms": Terms(**(fields["terms"].model_dump() | said))}

    def answered(fields, name, _):
        if name != "buyer":
            return fields
        money = tuple(
            MoneyLine(account=line.account, delta_units=paid * line.delta_units, reason=line.reason)
            for line in fields["money"]
        )
        evidence = fields["evidence"] | {"cumulative_units": paid * PRICE}
        evidence |= {} if rows is None else {"rows": rows}
        return fields | {"money": money, "evidence": evidence}

    return {"asset": priced, "receipt": answered}


def test_what_was_paid_by_the_row_verifies():
    assert agree(World(by_row(3, 3)).build())
    assert agree(World(by_row(MOST, MOST, round_to=0)).build())


@pytest.mark.parametrize(
    ("rows", "paid"),
    [(None, 1), (None, 3), (1, 3), (3, 1), (0, 0), (MOST + 1, MOST + 1), ("0x" + "11" * 32, 1)],
    ids=["unsaid", "unsaid and dear", "fewer said", "more said", "none", "too many", "a hash"],
)
def test_rows_that_do_not_fit_the_money_are_found_by_both(rows, paid):
    world = World(by_row(rows, paid))
    found = broken(world.build())
    assert found[0] == ("receipts.money", world.path("answer"))


@pytest.mark.parametrize(
    "terms", [{"per": "call"}, {"rows_per_call": MOST + 1}, {"round_to": 6}], ids=["per", "rows", "rounding"]
)
def test_a_grant_allows_no_more_of_it_than_the_asset(terms):
    def granted(fields, name):
        if name != "buyer":
            return fields
        return fields | {"terms": Terms(**(fields["terms"].model_dump() | terms))}

    world = World({**by_row(3, 3, round_to=2), "grant": granted})
    found = broken(world.build())
    assert found[0] == ("grants.terms", world.path("grant buyer"))


def test_the_spend_cap_counts_rows():
    most = CAP // PRICE
    assert agree(World(by_row(most, most, rows_per_call=1_000)).build())
    world = World(by_row(most + 1, most + 1, rows_per_call=1_000))
    found = broken(world.build())
    assert found[0] == ("receipts.money", world.path("answer"))
