"""Evidence about a model that names no run is no proof of training, whoever verifies it, and no reason to pay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_verdicts import EXAMPLES, broken, verdict
from evidence_world import World

from freehold.core.errors import NoLineage
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.verify import verify

FREEHOLD = str(Path(sys.executable).with_name("freehold"))


def relisted(fields, name):
    """The same weights under a model that does not say from where."""
    if name != "model":
        return fields
    schema = {key: value for key, value in fields["schema_"].items() if key != "run"}
    return fields | {"name": "mine alone", "schema_": schema, "derived_from": ()}


def called_data(fields, name):
    """The same, called a dataset."""
    made = relisted(fields, name)
    return made | {"asset_kind": "dataset"} if name == "model" else made


@pytest.fixture(scope="module")
def bare():
    world = World({"asset": relisted})
    world.decorated = world.build()
    world.made = world.bare()
    return world


def test_an_answer_of_a_model_without_a_run_is_a_verdict_of_its_own(bare):
    assert verdict(bare.made) == "no_lineage"
    report = verify(bare.made)
    assert not report.ok
    assert all(check.ok for check in report.checks)
    shown = {check.name for check in report.checks if check.name.startswith(("training", "valuation"))}
    assert shown == {"training.none"}
    with pytest.raises(NoLineage):
        proving.require(report)


def test_a_model_that_names_no_run_shows_nothing_by_itself():
    world = World({"asset": relisted})
    world.build(answered=False)
    assert verdict(world.bare()) == "no_lineage"


def test_a_training_that_the_model_does_not_name_is_no_decoration(bare):
    assert broken(bare.decorated) == [("training.none", "training/plan.json")]


@pytest.mark.parametrize("run", [{}, [], "", 0, False, None, "0x" + "77" * 32], ids=repr)
def test_whatever_stands_where_a_run_is_named_names_one(run):
    def named(fields, name):
        made = relisted(fields, name)
        return made | {"schema_": made["schema_"] | {"run": run}} if name == "model" else made

    world = World({"asset": named})
    world.build()
    assert broken(world.bare()) == [("training.claims", world.path("model"))]


def test_calling_the_model_data_helps_nobody():
    world = World({"asset": called_data})
    world.build()
    assert verdict(world.bare()) == "no_lineage"


def test_what_is_broken_is_broken_with_or_without_lineage():
    world = World({"asset": relisted, "receipt": lambda fields, name, _: fields | {"sequence": 51}})
    world.build()
    assert verdict(world.bare()) == "fails"


def test_both_programs_exit_with_11_and_say_why(bare, tmp_path):
    bare.made.write(tmp_path / "evidence")
    for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
        done = subprocess.run([*command, tmp_path / "evidence"], capture_output=True, text=True, check=False)
        assert done.returncode == 11, done.stdout + done.stderr
        assert "the answers hold, but nothing shows where the model came from" in done.stdout
        assert "all holds" not in done.stdout
    command = [FREEHOLD, "verify", tmp_path / "evidence", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (11, "no_lineage")
