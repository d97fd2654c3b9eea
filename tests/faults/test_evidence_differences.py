"""Two programs that share no code come to one verdict on whatever is made of real evidence, and are not both taken in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from evidence_comparison import compare
from evidence_grammar import STEPS, altered, bases
from evidence_verdicts import EXAMPLES, verdict

from freehold.kernel.evidence.bundle import Bundle

FREEHOLD = str(Path(sys.executable).with_name("freehold"))
EXIT_CODES = {"holds": 0, "no_lineage": 11, "fails": 9}


def test_what_is_altered_is_real_evidence():
    assert {base.name for base in bases()} == {
        *("answer", "training", "revoked", "withheld", "absence", "no lineage")
    }


@pytest.mark.parametrize("base", range(6))
def test_each_kind_of_evidence_has_the_verdict_that_it_should(base):
    one = bases()[base]
    assert verdict(Bundle(dict(one.files)), one.block_hash) == one.verdict


def test_hundreds_of_altered_bundles():
    found = compare("short", 250)
    assert found.faults == []
    assert found.bundles > 200
    assert found.verdicts["fails"] > 150


def test_every_step_alters_something():
    drawn = {STEPS[step].__name__ for number in range(200) for step in altered(f"steps {number}").steps}
    assert drawn == {step.__name__ for step in STEPS}


def test_the_programs_themselves_exit_alike(tmp_path):
    codes = set()
    for number in range(3):
        made = altered(f"program {number}")
        if made.bundle is None:
            continue
        folder = tmp_path / str(number)
        made.bundle.write(folder)
        more = [] if made.trusted is None else ["--block-hash", made.trusted]
        commands = ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"])
        ended = [
            subprocess.run([*command, folder, *more], capture_output=True, check=False).returncode
            for command in commands
        ]
        expected = EXIT_CODES[verdict(made.bundle, made.trusted)]
        assert ended == [expected, expected], made.seed
        codes.add(expected)
    assert codes


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_thousands_of_altered_bundles(part):
    found = compare(f"long {part}", 1_000)
    assert found.faults == []
