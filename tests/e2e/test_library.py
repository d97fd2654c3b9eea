"""`import freehold`: the example runs as written, and the library does what its page says."""

import ast
import inspect
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import node_tables
import numpy as np
import pydantic
import pytest
from node_world import World, finished, order

import freehold
from freehold.core.errors import InvalidInput, NotFound, Unavailable
from freehold.features.gateway.library import plain, records
from freehold.features.gateway.rules.rows import ordered
from freehold.features.proof.wire import EvidenceWritten
from freehold.features.training import library as training_library
from freehold.kernel.client import NodeNotRunning, NodeRefused
from freehold.kernel.registry import everything
from freehold.kernel.shape import Rows, Shown
from freehold.shell.cli.shapes import Verification
from freehold.shell.library import node as api

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "library.md").read_text()
SPOKEN = {"node": api.Node, "training": training_library.Training, "buyer": freehold.Buyer}
"""By the name that the page gives one."""


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "library.py", folder],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_example_runs_and_everybody_gets_their_due(example):
    _, said = example
    shares = [float(share) for share in re.findall(r"contributed ([0-9.]+) %", said)]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(100)
    right, rows, guessed = map(
        int, re.search(r"right on (\d+) of (\d+) test rows, guessing on (\d+)", said).groups()
    )
    assert right / rows > 0.85
    assert guessed < right
    assert "epsilon of 1." in said
    assert said.count("and agrees") == 2
    errors = [float(error) for error in re.findall(r"give or take ([0-9.]+)", said)]
    assert all(0 < error < 25 for error in errors)
    claimed = [float(units) for units in re.findall(r"claimed \$([0-9.]+), earned \$2\.50", said)]
    assert sum(claimed) == pytest.approx(0.01)
    assert "all hold" in said
    assert "NOT" not in said
    assert "revoked: [True]" in said


def test_evidence_from_the_library_verifies_offline_and_not_when_altered(example):
    folder, _ = example
    checked = freehold.verify(folder / "evidence")
    assert checked
    assert len(checked.checks) > 20
    assert checked.trusted_by == "nobody"
    assert freehold.verify(folder / "evidence", block_hash=checked.block_hash).trusted_by == "given hash"
    chain = folder / "evidence" / "chain.json"
    good = chain.read_bytes()
    chain.write_bytes(good.replace(b"1", b"2", 1))
    try:
        altered = freehold.verify(folder / "evidence")
    finally:
        chain.write_bytes(good)
    assert not altered
    assert "does NOT hold" in altered._repr_html_()
    with pytest.raises(InvalidInput):
        freehold.verify(folder / "evidence", rpc_url="http://127.0.0.1:9", block_hash="0x00")
    with pytest.raises(NotFound):
        freehold.verify(folder / "absent")


def test_import_is_light():
    script = (
        "import sys, time; began = time.process_time(); import freehold;"
        "print(time.process_time() - began, 'freehold.shell.library.node' in sys.modules, 'httpx' in sys.modules)"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert {tuple(flags) for _, *flags in found} == {("False", "False")}
    assert min(float(seconds) for seconds, *_ in found) < 0.05


def test_the_package_names_what_it_has():
    assert set(freehold.__all__) <= set(dir(freehold))
    assert freehold.connect is api.connect
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = freehold.nothing_like_it


def test_no_node_is_said_at_once(tmp_path):
    with pytest.raises(NodeNotRunning) as caught:
        freehold.connect(tmp_path)
    assert "freehold up" in caught.value.hint


# a node in this process


class Library:
    """An owner and a builder that knows it, and the builder's node by the library."""

    def __init__(self, world: World) -> None:
        self.owner, self.builder = world.party("owner"), world.party("builder")
        self.dear = self.owner.publish(node_tables.make(24, seed=1), price_units=10**12)
        self.home = self.builder.home
        self.builder.found()
        self.node = freehold.connect(self.home)
        assert self.node.meet(self.owner.url) == self.owner.account
        self.test = node_tables.write(self.home / "test.csv", node_tables.make(40, seed=2))


@pytest.fixture(scope="module")
def library(world):
    made = Library(world)
    yield made
    made.node.close()


def test_values_are_frozen_and_typed(library):
    status = library.node.status()
    assert (status.name, status.account, status.url) == (
        "builder",
        library.builder.account,
        library.builder.url,
    )
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        status.name = "other"
    (offer,) = library.node.search("owner")
    assert (offer.id, offer.price_units, offer.mine) == (library.dear.id, 10**12, False)
    assert offer.columns == node_tables.COLUMNS
    found = library.node.inspect(library.test, node_tables.LABEL)
    assert (found.rows, found.columns) == (40, node_tables.COLUMNS)


def test_a_training_that_cannot_go_on_says_why_and_can_be_resumed(library):
    library.node.limit(per_act="2000000", per_day="2000000")
    training = library.node.train(library.dear.id, test=library.test, name="never", rounds=2)
    with pytest.raises(training_library.TrainingHalted) as caught:
        training.wait()
    assert "wallet" in caught.value.message
    assert training.id[:10] in caught.value.hint
    assert training.progress.step == "grants"
    again = library.node.resume(training.id[:10])
    assert again.id == training.id
    with pytest.raises(training_library.TrainingHalted):
        list(again)
    assert [job.job for job in library.node.jobs()] == [training.id]


def test_a_plan_is_told_before_anything_is_asked_or_paid(library, world):
    owner = world.party("planned")
    owner.publish(node_tables.make(40, seed=21), price_units=3_000_000, epsilon_run_micro=2_000_000)
    library.node.meet(owner.url)
    (offer,) = library.node.search("planned")
    before = library.node.status().balance_units
    plan = library.node.plan(offer, test=library.test)
    assert (plan.level, plan.epsilon_micro, plan.total_units, plan.test_rows) == (
        "noised",
        2_000_000,
        3_000_000,
        40,
    )
    assert "epsilon of 2." in plan.sentence
    assert "times in 100" in plan.sentence
    less = library.node.plan(offer, test=library.test, epsilon=0.5, rounds=3)
    assert (less.epsilon_micro, less.rounds) == (500_000, 3)
    assert less.accuracy_with_bps <= less.accuracy_without_bps
    with pytest.raises(NodeRefused, match="allow an epsilon of 2"):
        library.node.plan(offer, test=library.test, epsilon="2.1")
    with pytest.raises(NodeRefused, match="level update"):
        library.node.plan(offer, test=library.test, exact=True)
    with pytest.raises(InvalidInput):
        library.node.plan(offer, test=library.test, exact=True, epsilon=1)
    both = {"assets": [offer.id], "test": str(library.test), "level": "update", "epsilon_micro": 1}
    with pytest.raises(NodeRefused, match="no epsilon"):
        library.node._client.post("/api/plan", both)
    assert library.node.status().balance_units == before
    assert owner.node.store.find("grant") == []


def test_a_model_is_looked_at_before_it_is_released(world):
    builder, owners = world.party("reviewer"), world.owners(2)
    builder.knows(*owners)
    builder.found()
    test = node_tables.write(builder.home / "test.csv", node_tables.make(40, seed=7))
    with freehold.connect(builder.home) as node:
        training = node.train(
            node.search(kind="dataset"), test=test, name="seen first", rounds=3, review=True
        )
        with pytest.raises(training_library.ModelWithheld, match="right on") as caught:
            training.wait(60)
        assert f"node.release('{training.id[:10]}')" in caught.value.hint
        held = training.progress
        assert (held.step, held.model, held.test_rows) == ("withheld", None, 40)
        assert held.correct > held.majority_correct
        model = node.release(training.id).wait(60)
        assert (model.correct, model.majority_correct) == (held.correct, held.majority_correct)
        assert model.accuracy_bps[0] < 10_000 * model.correct / model.test_rows < model.accuracy_bps[1]
        assert model.level == "noised"
        assert "times in 100" in model.privacy
        assert sum(part.share_bps for part in model.contributions) == 10_000
        assert all(part.agreed and part.error_ppm for part in model.contributions)
        assert model.earlier_runs == ()
        # at the price that counts where none was said
        node.serve(model)
        assert [(one.price_units, one.serving) for one in node.models() if one.mine] == [(1_000, True)]


def test_waiting_has_an_end(library, world):
    slow = world.party("slow-builder")
    cheap = world.owners(1)
    job = slow.jobs.start(order(slow, cheap, rounds=20))
    slow.found()
    with freehold.connect(slow.home) as node:
        with pytest.raises(Unavailable, match="goes on"):
            training_library.Training(node, job).wait(timeout_seconds=0)
        model = training_library.Training(node, job).wait(60)
        assert node.model(model.name) == model
        assert [part.account for part in model.contributions] == [cheap[0].account]
        assert len(node.receipts()) == 20
        assert node.receipts(limit=2) == node.receipts()[-2:]
        finished(slow, job)


@pytest.mark.parametrize("name", ["a/b", "a?x=1", "%2e%2e", "nothing"])
def test_names_never_become_other_paths(library, name):
    with pytest.raises(NodeRefused) as caught:
        library.node.model(name)
    assert caught.value.status == 404


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_would_be_another_path_is_not_sent(library, name):
    with pytest.raises(InvalidInput):
        library.node.model(name)


def test_refusals_keep_the_nodes_code(library):
    with pytest.raises(NodeRefused) as caught:
        library.node.publish(library.test, "no-such-column")
    assert caught.value.code == "table.invalid"
    with pytest.raises(InvalidInput):
        library.node.publish(library.test, node_tables.LABEL, price="1.5e3")


# what needs no node


def test_rows_of_any_common_kind_become_the_same_text():
    columns = ("a", "b")
    wanted = [["1", "0.1"], ["2", "-3.5"]]

    class Frame:
        """What pandas and polars frames have in common here."""

        def to_dict(self, kind):
            assert kind == "records"
            return [{"b": 0.1, "a": 1}, {"a": 2, "b": -3.5, "more": 9}]

    for rows in (
        [[1, 0.1], (2, -3.5)],
        [["1", "0.1"], ["2", "-3.5"]],
        [{"b": 0.1, "a": 1}, {"a": 2, "b": -3.5}],
        [[np.int64(1), np.float64(0.1)], [np.int64(2), np.float64(-3.5)]],
        Frame(),
    ):
        assert ordered([plain(row) for row in records(rows)], columns).cells == wanted
    with pytest.raises(InvalidInput, match="'b'"):
        ordered([plain({"a": 1})], columns)


HOSTILE = "<script>alert(1)</script>&\"'"


def example_of(kind):
    """A value with markup in every text."""
    return kind.model_construct(**{name: typed(info.annotation) for name, info in kind.model_fields.items()})


def typed(annotation):
    """A value of a type, any text hostile."""
    annotation = getattr(annotation, "__value__", annotation)
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return typed(inside[0])
    if origin in (list, tuple):
        return (typed(inside[0]),)
    if origin in (typing.Union, types.UnionType):
        return typed(inside[0])
    if origin is dict:
        return {HOSTILE: typed(inside[1])}
    if hasattr(annotation, "__required_keys__"):
        return {
            name: typed(kind) for name, kind in typing.get_type_hints(annotation, include_extras=True).items()
        }
    if isinstance(annotation, type) and issubclass(annotation, (Shown, pydantic.BaseModel)):
        return example_of(annotation)
    return {bool: False, int: 1_234_567}.get(annotation, HOSTILE)


def answered(kind):
    """The shapes in an answer: of itself, and of its parts."""
    for part in typing.get_args(getattr(kind, "__value__", kind)):
        yield from answered(part)
    if isinstance(kind, type) and issubclass(kind, Shown):
        yield kind
        for info in kind.model_fields.values():
            yield from answered(info.annotation)


SHAPES = {kind.__name__: kind for one in everything().operations for kind in answered(one.operation.shape)}
KINDS = [*SHAPES.values(), EvidenceWritten, Verification]


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_shows_every_value_and_runs_none_of_it(kind):
    value = example_of(kind)
    for shown in (value._repr_html_(), Rows([value, value])._repr_html_()):
        assert shown.count("<table>") >= 1
        assert "<script" not in shown
        assert set(re.findall(r"<(\w+)", shown)) <= {
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "p",
        }


def test_tables_show_dollars_and_say_when_there_is_nothing():
    assert Rows()._repr_html_() == "<p>none</p>"
    assert "<td>$1.234567</td>" in example_of(SHAPES["Status"])._repr_html_()


# the page


def test_every_call_on_the_page_exists_with_these_arguments():
    calls = 0
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        for call in (one for one in ast.walk(ast.parse(block)) if isinstance(one, ast.Call)):
            if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
                continue
            places = {"freehold": freehold, **SPOKEN}
            owner = places[call.func.value.id]
            function = getattr(owner, call.func.attr)
            own = [] if owner is freehold else ["self"]
            inspect.signature(function).bind(*own, *call.args, **{one.arg: one for one in call.keywords})
            calls += 1
    assert calls > 15


def test_every_method_is_on_the_page():
    for name, kind in SPOKEN.items():
        for method in dir(kind):
            function = getattr(kind, method)
            if not method.startswith("_") and callable(function):
                assert f"{name}.{method}(" in PAGE, method
