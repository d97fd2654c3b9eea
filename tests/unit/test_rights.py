"""Each right, one guard at a time: everything fits but one thing, and that one thing is what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from freehold.core.documents import Asset, Content, Grant, MoneyLine, Receipt, Terms
from freehold.core.errors import NotAllowed
from freehold.core.terms import TermsConflict, meet, require_within
from freehold.kernel.rights import check
from freehold.kernel.rights.check import Standing

OWNER, HOLDER, OTHER = ("0x" + f"{number:02x}" * 20 for number in (1, 2, 3))
TOKEN, OTHER_TOKEN = "0x" + "0a" * 20, "0x" + "0b" * 20
RUN, OTHER_RUN, NONE = "0x" + "11" * 32, "0x" + "12" * 32, "0x" + "00" * 32
BEGIN, END, USES, PRICE = 1_000, 2_000, 3, 5
NOW = 1_500

TERMS = Terms(
    purposes=("research", "screening"),
    actions=("infer", "train"),
    not_before=BEGIN,
    expires_at=END,
    max_uses=USES,
    token=TOKEN,
    duties=("attribute",),
    reveals="noised",
    epsilon_run_micro=40,
    epsilon_life_micro=80,
    judges=(OTHER,),
)
STANDING = Standing(now=NOW, uses=0, spent_units=0, revoked=False, purchased=True)


def changed(document: Any, **fields: Any) -> Any:
    """The same document with other fields, checked anew."""
    return type(document)(
        **{**{name: getattr(document, name) for name in type(document).model_fields}, **fields}
    )


def asset_of(terms: Terms = TERMS, **more: Any) -> Asset:
    return Asset(
        **{
            "asset_kind": "dataset",
            "name": "table",
            "owner": OWNER,
            "content": Content(commitment=NONE, media_type="x/y", size_bytes=1),
            "schema_": {},
            "terms": terms,
            "created_at": 1,
            **more,
        }
    )


def grant_of(of: Asset, **more: Any) -> Grant:
    return Grant(
        **{
            "issuer": of.owner,
            "holder": HOLDER,
            "asset": of.id,
            "terms": of.terms,
            "revocation_index": 0,
            "nonce": NONE,
            "issued_at": NOW,
            "run": RUN,
            **more,
        }
    )


ASSET = asset_of()
PRICED = asset_of(changed(TERMS, price_units=PRICE))
PER_USE = asset_of(changed(TERMS, price_units=PRICE, price_per="use"))


def use(
    grant: Grant,
    asset: Asset = ASSET,
    *,
    holder: str = HOLDER,
    action: Any = "train",
    run: str | None = RUN,
    **now: Any,
) -> None:
    check.require_usable(grant, asset, replace(STANDING, **now), holder=holder, action=action, run=run)


def test_what_fits_in_everything_is_allowed() -> None:
    use(grant_of(ASSET))
    use(grant_of(PRICED), PRICED)
    use(grant_of(PER_USE, spend_cap_units=PRICE), PER_USE)
    use(grant_of(ASSET, run=None), action="infer", run=None)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"asset": asset_of(name="another").id}, check.ForeignGrant),
        ({"asset": asset_of(changed(TERMS, max_uses=USES + 1)).id}, check.ForeignGrant),
        ({"issuer": OTHER}, check.ForeignGrant),
        ({"issuer": HOLDER}, check.ForeignGrant),
        ({"holder": OTHER}, check.ForeignGrant),
        ({"run": OTHER_RUN}, check.ForeignGrant),
        ({"run": None}, check.ForeignGrant),
        ({"terms": changed(TERMS, actions=("infer",))}, NotAllowed),
        ({"terms": changed(TERMS, max_uses=USES + 1)}, NotAllowed),
        ({"terms": changed(TERMS, expires_at=END + 1)}, NotAllowed),
    ],
    ids=["asset", "version", "issuer", "self-issued", "holder", "run", "no run", "action", "uses", "time"],
)
def test_a_grant_that_differs_in_one_thing_allows_nothing(fields: dict[str, Any], refusal: type) -> None:
    with pytest.raises(NotAllowed) as refused:
        use(grant_of(ASSET, **fields))
    assert type(refused.value) is refusal


def test_another_asset_at_the_same_price_is_another_asset() -> None:
    twin = asset_of(PRICED.terms, name="twin")
    with pytest.raises(check.ForeignGrant):
        use(grant_of(PRICED), twin)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"holder": OTHER}, check.ForeignGrant),
        ({"holder": OWNER}, check.ForeignGrant),
        ({"run": None}, check.ForeignGrant),
        ({"run": OTHER_RUN}, check.ForeignGrant),
        ({"action": "redistribute"}, NotAllowed),
        ({"action": "read_statistics"}, NotAllowed),
    ],
    ids=str,
)
def test_a_use_that_differs_in_one_thing_is_refused(asked: dict[str, Any], refusal: type) -> None:
    with pytest.raises(NotAllowed) as refused:
        use(grant_of(ASSET), **asked)
    assert type(refused.value) is refusal


def test_a_grant_for_no_run_does_not_open_one() -> None:
    with pytest.raises(check.ForeignGrant):
        use(grant_of(ASSET, run=None), run=RUN)


@pytest.mark.parametrize(
    ("standing", "refusal"),
    [
        ({"now": BEGIN - 1}, check.GrantNotYetValid),
        ({"now": BEGIN}, None),
        ({"now": END - 1}, None),
        ({"now": END}, check.GrantExpired),
        ({"revoked": True}, check.GrantRevoked),
        ({"uses": USES - 1}, None),
        ({"uses": USES}, check.GrantUsedUp),
        ({"uses": USES + 1}, check.GrantUsedUp),
    ],
    ids=str,
)
def test_exactly_when_a_grant_stands(standing: dict[str, Any], refusal: type | None) -> None:
    if refusal is None:
        use(grant_of(ASSET), **standing)
        return
    with pytest.raises(NotAllowed) as refused:
        use(grant_of(ASSET), **standing)
    assert type(refused.value) is refusal


def test_only_a_price_for_the_grant_itself_must_be_paid_on_market() -> None:
    with pytest.raises(check.GrantUnpaid) as unpaid:
        use(grant_of(PRICED), PRICED, purchased=False)
    assert unpaid.value.fields["price_units"] == PRICE
    use(grant_of(ASSET), purchased=False)
    use(grant_of(PER_USE, spend_cap_units=PRICE), PER_USE, purchased=False)


@pytest.mark.parametrize(("cap", "spent", "allowed"), [(0, 0, False), (PRICE - 1, 0, False), (PRICE, 0, True), (2 * PRICE, PRICE, True), (2 * PRICE, PRICE + 1, False)])  # fmt: skip
def test_uses_cost_at_most_the_cap(cap: int, spent: int, allowed: bool) -> None:
    grant = grant_of(PER_USE, spend_cap_units=cap)
    if allowed:
        use(grant, PER_USE, spent_units=spent)
        return
    with pytest.raises(check.SpendCapReached) as refused:
        use(grant, PER_USE, spent_units=spent)
    assert refused.value.fields["cap_units"] == cap


def test_a_cap_is_for_prices_per_use_alone() -> None:
    assert (check.use_price(grant_of(PRICED)), check.use_price(grant_of(PER_USE))) == (0, PRICE)
    assert check.spend_limit(grant_of(PRICED, spend_cap_units=7)) == 0
    assert check.spend_limit(grant_of(PER_USE, spend_cap_units=7)) == 7


def test_an_asset_offered_by_name_is_for_those_named() -> None:
    named = asset_of(changed(TERMS, holders=(HOLDER,)))
    use(grant_of(named), named)
    for_another = grant_of(named, holder=OTHER, terms=changed(named.terms, holders=(HOLDER,)))
    with pytest.raises(check.ForeignGrant):
        use(for_another, named, holder=OTHER)


# receipts


def receipt_of(of: Grant, **more: Any) -> Receipt:
    price = check.use_price(of)
    lines = (
        MoneyLine(account=of.holder, delta_units=-price, reason="use"),
        MoneyLine(account=of.issuer, delta_units=price, reason="use"),
    )
    return Receipt(
        **{
            "grant": of.id,
            "action": "train",
            "provider": of.issuer,
            "holder": of.holder,
            "inputs": (of.asset,),
            "output": NONE,
            "money": lines if price else (),
            "epsilon_micro": 40,
            "evidence": {"run": RUN},
            "sequence": 1,
            "issued_at": NOW,
            **more,
        }
    )


CHARGED = grant_of(PER_USE, spend_cap_units=100)
LINE = MoneyLine(account=HOLDER, delta_units=-PRICE - 1, reason="use")
BACK = MoneyLine(account=OWNER, delta_units=PRICE + 1, reason="use")


@pytest.mark.parametrize("fields", [{}, {"sequence": USES}, {"issued_at": BEGIN}, {"issued_at": END - 1}, {"epsilon_micro": 0}, {"action": "infer", "evidence": {}}], ids=str)  # fmt: skip
def test_a_receipt_within_its_grant_fits(fields: dict[str, Any]) -> None:
    check.require_receipt_fits(receipt_of(CHARGED, **fields), CHARGED)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("grant", {"grant": NONE}),
        ("holder", {"holder": OTHER}),
        ("provider", {"provider": OTHER}),
        ("action", {"action": "redistribute"}),
        ("inputs", {"inputs": ()}),
        ("inputs", {"inputs": (NONE,)}),
        ("inputs", {"inputs": (PER_USE.id, NONE)}),
        ("sequence", {"sequence": USES + 1}),
        ("issued_at", {"issued_at": BEGIN - 1}),
        ("issued_at", {"issued_at": END}),
        ("money", {"money": ()}),
        ("money", {"money": (LINE, BACK)}),
        ("epsilon_micro", {"epsilon_micro": 41}),
        ("run", {"evidence": {}}),
        ("run", {"evidence": {"run": OTHER_RUN}}),
    ],
)
def test_a_receipt_that_differs_in_one_thing_is_named(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as refused:
        check.require_receipt_fits(receipt_of(CHARGED, **fields), CHARGED)
    assert refused.value.fields["field"] == field


# the algebra of terms

WIDER = [
    ("purposes", {"purposes": ("advertising", "research", "screening")}),
    ("actions", {"actions": ("infer", "redistribute", "train")}),
    ("not_before", {"not_before": BEGIN - 1}),
    ("expires_at", {"expires_at": END + 1}),
    ("max_uses", {"max_uses": USES + 1}),
    ("price_per", {"price_per": "use"}),
    ("token", {"token": OTHER_TOKEN}),
    ("duties", {"duties": ()}),
    ("duties", {"duties": ("other",)}),
    ("epsilon_run_micro", {"epsilon_run_micro": 41}),
    ("epsilon_life_micro", {"epsilon_life_micro": 81}),
    ("judges", {"judges": (HOLDER, OTHER)}),
    ("per", {"per": "row"}),
]


@pytest.mark.parametrize(("field", "fields"), WIDER)
def test_a_child_that_is_wider_in_one_thing_is_named(field: str, fields: dict[str, Any]) -> None:
    child = changed(TERMS, **fields)
    with pytest.raises(NotAllowed) as refused:
        require_within(child, TERMS)
    assert refused.value.fields["field"] == field


@pytest.mark.parametrize(
    ("field", "child", "parent"),
    [
        ("price_units", {"price_units": PRICE - 1}, {"price_units": PRICE}),
        ("reveals", {"reveals": "update", "holders": (HOLDER,)}, {}),
        ("reveals", {"reveals": "noised"}, {"reveals": "answers"}),
        ("round_to", {"round_to": 3}, {"round_to": 2}),
        ("rows_per_call", {"rows_per_call": 21}, {"rows_per_call": 20}),
        ("holders", {}, {"holders": (HOLDER,)}),
        ("holders", {"holders": (HOLDER, OTHER)}, {"holders": (HOLDER,)}),
        ("holders", {"holders": (OTHER,)}, {"holders": (HOLDER,)}),
    ],
)
def test_a_child_that_is_wider_than_another_parent_is_named(
    field: str, child: dict[str, Any], parent: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed) as refused:
        require_within(changed(TERMS, **child), changed(TERMS, **parent))
    assert refused.value.fields["field"] == field


def test_how_much_more_is_asked_than_allowed_is_said() -> None:
    with pytest.raises(NotAllowed, match="max_uses: asks for more than the terms allow: 1,200, not 1,100"):
        require_within(changed(TERMS, max_uses=1_200), changed(TERMS, max_uses=1_100))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"purposes": ("research",)},
        {"actions": ("infer",)},
        {"not_before": BEGIN + 1},
        {"expires_at": END - 1},
        {"max_uses": 1},
        {"price_units": 1},
        {"duties": ("attribute", "other")},
        {"reveals": "answers"},
        {"epsilon_run_micro": 39},
        {"epsilon_life_micro": 79},
        {"judges": ()},
        {"holders": (HOLDER,)},
        {"rows_per_call": 1},
        {"round_to": 2},
    ],
    ids=str,
)
def test_a_narrower_child_is_within_and_meets_as_itself(fields: dict[str, Any]) -> None:
    child = changed(TERMS, **fields)
    require_within(child, TERMS)
    assert meet(child, TERMS) == meet(TERMS, child) == child


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("purpose", {"purposes": ("advertising",)}),
        ("action", {"actions": ("redistribute",)}),
        ("time", {"not_before": END, "expires_at": END + 1}),
        ("time", {"not_before": 0, "expires_at": BEGIN}),
        ("token", {"token": OTHER_TOKEN}),
    ],
)
def test_terms_without_anything_in_common_name_it(what: str, fields: dict[str, Any]) -> None:
    with pytest.raises(TermsConflict, match=f"no {what} in common"):
        meet(TERMS, changed(TERMS, **fields))


def test_holders_in_common_are_those_named_by_both() -> None:
    anyone, both, one = (changed(TERMS, holders=names) for names in ((), (HOLDER, OTHER), (OTHER,)))
    assert meet(anyone, one).holders == meet(one, both).holders == (OTHER,)
    assert meet(anyone, anyone).holders == ()
    with pytest.raises(TermsConflict, match="no holder"):
        meet(one, changed(TERMS, holders=(HOLDER,)))


def test_the_dearer_and_the_charge_for_each_use_prevail() -> None:
    cheap, dear = changed(TERMS, price_units=1), changed(TERMS, price_units=2, price_per="use")
    met = meet(cheap, dear)
    assert (met.price_units, met.price_per) == (2, "use")
    assert meet(cheap, changed(TERMS, price_units=3)).price_per == "grant"
    by_row = changed(TERMS, per="row")
    assert meet(TERMS, by_row).per == meet(by_row, TERMS).per == "row"
    assert meet(TERMS, cheap).per == "call"


# prices by the row

BY_ROW = asset_of(changed(PER_USE.terms, per="row", rows_per_call=4))


@pytest.mark.parametrize(("rows", "cap", "allowed"), [(1, PRICE, True), (3, 3 * PRICE, True), (3, 3 * PRICE - 1, False), (4, 4 * PRICE, True)])  # fmt: skip
def test_rows_that_each_have_a_price_are_charged_together(rows: int, cap: int, allowed: bool) -> None:
    grant = grant_of(BY_ROW, spend_cap_units=cap)
    assert check.use_price(grant, rows) == rows * PRICE
    assert check.use_price(CHARGED, rows) == PRICE
    if allowed:
        check.require_usable(grant, BY_ROW, STANDING, holder=HOLDER, action="infer", run=RUN, rows=rows)
        return
    with pytest.raises(check.SpendCapReached):
        check.require_usable(grant, BY_ROW, STANDING, holder=HOLDER, action="infer", run=RUN, rows=rows)


@pytest.mark.parametrize(
    ("rows", "paid", "wrong"),
    [
        (1, 1, ""),
        (4, 4, ""),
        (5, 5, "rows"),
        (0, 0, "rows"),
        (3, 1, "money"),
        (1, 3, "money"),
        (None, 1, "rows"),
    ],
)
def test_a_receipt_says_how_many_rows_it_charges(rows: int | None, paid: int, wrong: str) -> None:
    grant = grant_of(BY_ROW, spend_cap_units=100 * PRICE)
    price = paid * PRICE
    lines = (
        MoneyLine(account=HOLDER, delta_units=-price, reason="use"),
        MoneyLine(account=OWNER, delta_units=price, reason="use"),
    )
    evidence = {} if rows is None else {"rows": rows}
    receipt = receipt_of(grant, action="infer", evidence=evidence, money=lines if paid else ())
    if not wrong:
        check.require_receipt_fits(receipt, grant)
        return
    with pytest.raises(NotAllowed) as refused:
        check.require_receipt_fits(receipt, grant)
    assert refused.value.fields["field"] == wrong
