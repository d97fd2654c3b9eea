"""Whatever a program gives the library, and whenever: an error of the project that says what to do, and nobody's answer but its own."""

import copy
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from inference_world import PRICE, Shop
from node_world import World

import freehold
from freehold.chain.errors import RpcError
from freehold.core.causes import PathUnusable
from freehold.core.errors import FreeholdError, InvalidInput, Unavailable, VerificationFailed
from freehold.core.money import units
from freehold.features.gateway.library import plain_rows
from freehold.features.models.wire import LIST
from freehold.kernel import logbook
from freehold.kernel.client import Closed, NodeRefused
from freehold.vault.account_key import wallet_keys

KEY = b"\x5a" * 32
FORKED = """
import os, sys, time, freehold
from freehold.kernel.client import NodeRefused
node, wrong = freehold.connect(sys.argv[1]), 0
for turn in range(12):
    begins, child = time.time() + 0.05, os.fork()
    name = f"{'parent' if child else 'child'}-{turn}"
    while time.time() < begins:
        pass
    try:
        node.model(name)
        said = "found"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    fits = "NodeRefused" in said and name in said
    if not child:
        os._exit(not fits)
    wrong += (not fits) + (os.waitpid(child, 0)[1] != 0)
if os.fork() == 0:
    sys.exit(0)
os.wait()
print(wrong, node.status().name)
"""


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    made = Shop(world)
    made.builder.found()
    made.builder.node.send("TestDollar", "mint", wallet_keys(KEY).account, 10 * PRICE)
    return made


@pytest.fixture(scope="module")
def said(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What opens a buyer."""
    return {
        "key": KEY.hex(),
        "url": shop.builder.url,
        "rpc_url": shop.world.rpc_url,
        "state": tmp_path_factory.mktemp("buyer") / "state",
    }


def test_after_a_fork_each_process_has_its_own_answers(shop: Shop) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(shop.builder.home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == ["0", shop.builder.node.settings.name]


def test_an_answer_for_other_rows_is_refused(shop: Shop, said: dict[str, Any]) -> None:
    with freehold.Buyer(**said) as buyer:
        bought = buyer.predict(shop.model.id, shop.rows(1))
    with freehold.connect(shop.builder.home) as node:
        swapped = bought.model_dump(mode="json", by_alias=True)
        client: Any = node._client
        client.perform = lambda *_: swapped
        assert node.predict(shop.model.id, shop.rows(1)).rows == bought.rows
        with pytest.raises(VerificationFailed, match="other rows"):
            node.predict(shop.model.id, shop.rows(1, 7))


def test_evidence_that_cannot_be_written_is_an_error_of_the_project(
    shop: Shop, said: dict[str, Any], tmp_path: Path
) -> None:
    with freehold.Buyer(**said) as buyer:
        bought = buyer.predict(shop.model.id, shop.rows(1, 3))
    logbook.anchor(shop.builder.node)
    (tmp_path / "file").touch()
    with freehold.connect(shop.builder.home) as node:
        with pytest.raises(PathUnusable, match="cannot write the evidence"):
            node.evidence(bought, tmp_path / "file" / "evidence")
        assert node.evidence(bought, tmp_path / "evidence")


def test_what_is_no_answer_to_this_is_an_error_of_the_project() -> None:
    with pytest.raises(Unavailable, match="is not what models answers"):
        LIST.read({"receipts": []})


AMOUNTS = {
    "text": "0.5",
    "dollars": "$0.50",
    "float": 0.5,
    "decimal": Decimal("0.50"),
    "numpy": np.float64(0.5),
}
NO_AMOUNTS = {
    "bool": True,
    "list": ["1"],
    "nan": float("nan"),
    "endless": float("inf"),
    "negative": -0.5,
    "seven": 1e-7,
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_an_amount_is_read_alike_by_nodes_and_buyers(shop: Shop, said: dict[str, Any], name: str) -> None:
    amount: Any = AMOUNTS[name]
    with freehold.connect(shop.builder.home) as node:
        assert node.limit(per_act=amount).spend_per_act_micro == 500_000
    with freehold.Buyer(**said, max_per_call=amount, max_total=amount) as buyer:
        assert buyer.price(shop.model.id) == PRICE


@pytest.mark.parametrize("name", NO_AMOUNTS)
def test_what_is_no_amount_is_refused_alike(shop: Shop, said: dict[str, Any], name: str) -> None:
    amount: Any = NO_AMOUNTS[name]
    with freehold.connect(shop.builder.home) as node, pytest.raises(InvalidInput, match="amount"):
        node.limit(per_act=amount)
    for argument in ("max_per_call", "max_total"):
        with pytest.raises(InvalidInput, match="amount"):
            freehold.Buyer(**said, **{argument: amount})


def test_amounts_as_numbers_write_them() -> None:
    assert [units(one) for one in (1e-6, 3, Decimal("1E+2"), Decimal("0.000001"), np.int64(7))] == [
        1,
        3_000_000,
        100_000_000,
        1,
        7_000_000,
    ]


NO_ROWS: dict[str, Any] = {
    "flat": [1, 2, 3],
    "none": None,
    "number": 5,
    "text": "1,2,3",
    "bytes": b"1,2,3",
    "columns": {"a": [1, 2], "b": [3, 4]},
    "row of none": [None],
    "row of text": ["1,2,3"],
    "a vector": np.array([1.0, 2.0, 3.0]),
    "a scalar": np.array(3.0),
    "arrow column": pa.array([1.0, 2.0]),
}


@pytest.mark.parametrize("name", NO_ROWS)
def test_what_are_no_rows_is_said_before_anything_is_asked(
    shop: Shop, said: dict[str, Any], name: str
) -> None:
    with (
        freehold.connect(shop.builder.home) as node,
        freehold.Buyer(**said) as buyer,
    ):
        for one in (node, buyer):
            with pytest.raises(InvalidInput, match=r"rows? (is|are) a list") as refused:
                one.predict(shop.model.id, NO_ROWS[name])
            assert "[[1, 2, 3]]" in refused.value.hint


def test_a_table_of_equal_columns_has_rows() -> None:
    table = pa.table({"a": [1.5, 2.5], "b": [1.5, 2.5]})
    assert plain_rows(table) == [{"a": "1.5", "b": "1.5"}, {"a": "2.5", "b": "2.5"}]
    with pytest.raises(InvalidInput, match="one name"):
        plain_rows(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))


NO_PLACES: dict[str, Any] = {"none": None, "number": 5, "list": ["."], "bytes": b"evidence"}


@pytest.mark.parametrize("name", NO_PLACES)
def test_what_is_no_place_is_refused(shop: Shop, said: dict[str, Any], name: str) -> None:
    given = NO_PLACES[name]
    with freehold.connect(shop.builder.home) as node, freehold.Buyer(**said) as buyer:
        for ask in (
            lambda: freehold.connect(given),
            lambda: freehold.verify(given),
            lambda: node.evidence_files(given) and None if given is not None else node.model(given),
            lambda: node.publish(given or 0, "y"),
            lambda: node.model(given),
        ):
            with pytest.raises(FreeholdError):
                ask()
        with pytest.raises(FreeholdError):
            buyer.evidence("0x00", given)
    for argument in ("url", "rpc_url", "token", *(("state",) if given is not None else ())):
        with pytest.raises(FreeholdError) as refused:
            freehold.Buyer(**{**said, argument: given})
        assert refused.value.hint


OPTIONS: dict[str, dict[str, Any]] = {
    "rows none": {"rows": 0},
    "rows negative": {"rows": -1},
    "rows text": {"rows": "2"},
    "rows half": {"rows": 2.5},
    "rows yes": {"rows": True},
    "rows too many": {"rows": 1_001},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_price_is_of_as_many_rows_as_a_call_may_have(shop: Shop, said: dict[str, Any], name: str) -> None:
    with freehold.connect(shop.builder.home) as node, freehold.Buyer(**said) as buyer:
        for ask in (
            lambda: buyer.price(shop.model.id, **OPTIONS[name]),
            lambda: node.quote(shop.model, **OPTIONS[name]),
        ):
            with pytest.raises((InvalidInput, NodeRefused)) as refused:
                ask()
            assert refused.value.code == "input.invalid"
            assert refused.value.hint
            assert "schema" not in refused.value.hint
        assert buyer.price(shop.model.id, shop.model.terms.rows_per_call) == PRICE


@pytest.mark.parametrize("calls", [0, -1, "2", 2.5, 10_001])
def test_a_deposit_is_for_as_many_calls_as_a_nodes(said: dict[str, Any], calls: Any) -> None:
    with pytest.raises(InvalidInput, match="deposit_calls") as refused:
        freehold.Buyer(**said, pay="channel", deposit_calls=calls)
    assert "help(freehold.Buyer)" in refused.value.hint


def test_a_wrong_value_is_named_and_where_to_read_of_it(shop: Shop, said: dict[str, Any]) -> None:
    with freehold.connect(shop.builder.home) as node:
        for ask, named in (
            (lambda: node.set_usual_terms(days="x"), "days"),  # type: ignore[arg-type]
            (lambda: node.set_usual_terms(max_uses=object()), "max_uses"),  # type: ignore[arg-type]
            (lambda: node.set_usual_terms(max_uses=float("nan")), "max_uses"),  # type: ignore[arg-type]
        ):
            with pytest.raises(FreeholdError, match=named) as refused:
                ask()
            assert "schema" not in refused.value.hint
            assert refused.value.hint
    with pytest.raises(InvalidInput) as refused:
        freehold.Buyer(**said, pay="cheque")  # type: ignore[arg-type]
    assert "channel" in refused.value.hint
    with pytest.raises(FreeholdError) as refused:
        freehold.Buyer(**{**said, "url": shop.world.rpc_url})
    assert "Freehold node" in refused.value.hint
    for key in (5, b"x", "two words"):
        with freehold.Buyer(**said) as buyer, pytest.raises(InvalidInput, match="a key is"):
            buyer.predict(shop.model.id, shop.rows(), key=key)  # type: ignore[arg-type]


def test_what_was_closed_says_so(shop: Shop, said: dict[str, Any], tmp_path: Path) -> None:
    node, buyer = freehold.connect(shop.builder.home), freehold.Buyer(**said)
    for _ in range(2):
        node.close()
        buyer.close()
    row = shop.rows(1)
    for ask in (
        node.status,
        lambda: node.quote(shop.model.id),
        lambda: node.predict(shop.model.id, row),
        buyer.models,
        lambda: buyer.price(shop.model.id),
        lambda: buyer.predict(shop.model.id, row),
        lambda: buyer.evidence("last", tmp_path / "evidence"),
        buyer.spent_units,
        buyer.balance_units,
        buyer.channels,
        buyer.close_channels,
    ):
        with pytest.raises(Closed) as refused:
            ask()
        assert "freehold." in refused.value.hint
    assert repr(node).startswith("Node(")
    assert repr(buyer).startswith("Buyer(")


def test_what_holds_connections_is_not_pickled_and_says_why(shop: Shop, said: dict[str, Any]) -> None:
    with freehold.connect(shop.builder.home) as node, freehold.Buyer(**said) as buyer:
        for one in (node, buyer):
            for act in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(InvalidInput, match="cannot be pickled or copied") as refused:
                    act(one)
                assert "process" in refused.value.hint
        for value in (node.models(), node.models()[0], buyer.models()):
            assert pickle.loads(pickle.dumps(value)) == value


ERRORS: list[FreeholdError] = [
    InvalidInput("no", hint="yes", field="rows"),
    NodeRefused(404, {"title": "no such model", "hint": "look", "code": "not_found", "exit_code": 4}),
    RpcError("reverted", rpc_code=3, data="0x"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_go_to_another_process_as_they_are(number: int) -> None:
    error = ERRORS[number]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert again.problem() == error.problem()


PLACES = ("/dev/null", "/proc/none", "/etc/passwd/state", "/dev/null/state")


@pytest.mark.parametrize("place", PLACES)
def test_a_state_that_cannot_be_is_refused_in_a_buyers_words(said: dict[str, Any], place: str) -> None:
    with pytest.raises(FreeholdError) as refused:
        freehold.Buyer(**{**said, "state": place})
    assert "state=" in refused.value.hint
    assert "home" not in refused.value.said


def test_a_state_that_is_damaged_or_anothers_is_refused_in_a_buyers_words(
    said: dict[str, Any], tmp_path: Path
) -> None:
    mine = {**said, "state": tmp_path / "state"}
    freehold.Buyer(**mine).close()
    with pytest.raises(FreeholdError) as others:
        freehold.Buyer(**{**mine, "key": "6b" * 32})
    for path in (tmp_path / "state").glob("*.sqlite*"):
        path.write_bytes(b"no database" * 1_000)
    with pytest.raises(FreeholdError) as damaged:
        freehold.Buyer(**mine)
    for refused in (others, damaged):
        assert "state=" in refused.value.hint
        assert "freehold " not in refused.value.hint


ODD: dict[str, Any] = {
    "number": -5,
    "bytes": b"x",
    "object": object(),
    "list": [1],
    "surrogate": "\ud800",
    "digits": 10**5_000,
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_is_given_is_an_error_of_the_project(
    shop: Shop, said: dict[str, Any], tmp_path: Path, name: str
) -> None:
    odd = ODD[name]
    table = tmp_path / "t.csv"
    table.write_text("a,y\n1,0\n2,1\n")
    with freehold.connect(shop.builder.home) as node, freehold.Buyer(**said) as buyer:
        for ask in (
            lambda: node.close_channel(odd),
            lambda: node.limit(per_day=odd),
            lambda: node.inspect(table, "y", bounds=odd),
            lambda: node.inspect(table, "y", epsilon=odd),
            lambda: node.plan([odd], test=odd),
            lambda: buyer.price(odd),
            lambda: buyer.evidence(odd, tmp_path / "evidence"),
        ):
            with pytest.raises(FreeholdError) as refused:
                ask()
            assert "schema" not in refused.value.hint
    for opened in (
        lambda: freehold.connect(odd),
        lambda: freehold.Buyer(**said, pay=odd),
        lambda: freehold.Buyer(**{**said, "state": odd}),
    ):
        with pytest.raises(FreeholdError):
            opened()
