"""Evidence that earlier versions wrote: today's verifiers say of it what was said then, and of altered copies not."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path

import jsonschema
import pytest
from evidence_verdicts import EXAMPLES, verdict, verify_standalone

import freehold
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.words import claim_kinds

RELEASED = Path(__file__).resolve().parents[1] / "released"
FREEHOLD = str(Path(sys.executable).with_name("freehold"))
VERSIONS = sorted(path.name for path in RELEASED.iterdir() if path.is_dir())
SAID = {
    f"{version}/{name}": said
    for version in VERSIONS
    for name, said in json.loads((RELEASED / version / "said.json").read_text()).items()
}


@lru_cache(maxsize=16)
def released(name: str) -> Bundle:
    with zipfile.ZipFile(RELEASED / f"{name}.zip") as archive:
        return Bundle({path: archive.read(path) for path in archive.namelist()})


def test_every_kind_of_evidence_of_the_first_version_is_kept():
    assert len(list((RELEASED / "0.1.0").glob("*.zip"))) == len(SAID) == 8
    assert {said["verdict"] for said in SAID.values()} == {"holds", "no_lineage"}


@pytest.mark.parametrize("name", sorted(SAID))
def test_the_library_and_the_standalone_program_say_what_was_said_then(name, tmp_path, capsys):
    said, folder = SAID[name], tmp_path / "evidence"
    released(name).write(folder)
    found = freehold.verify(folder)
    for field in ("ok", "verdict", "chain_id", "block_hash", "trusted_by"):
        assert getattr(found, field) == said[field], field
    # a later version may look at more, never at less
    assert [one.name for one in found.checks if one.name in said["checks"]] == said["checks"]
    assert all(one.ok for one in found.checks)
    assert verify_standalone.main([str(folder)]) == said["standalone"]["exit_code"]
    assert capsys.readouterr().out == said["standalone"]["stdout"]


@pytest.mark.parametrize("name", ["0.1.0/model", "0.1.0/played-no-lineage"])
def test_the_programs_exit_as_they_did_then(name, tmp_path):
    said, folder = SAID[name], tmp_path / "evidence"
    released(name).write(folder)
    for command, due in (
        ([sys.executable, str(EXAMPLES / "verify_standalone.py"), folder], said["standalone"]["exit_code"]),
        ([FREEHOLD, "verify", folder, "--block-hash", said["block_hash"]], said["exit_code"]),
    ):
        assert subprocess.run(command, capture_output=True, check=False).returncode == due


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_copy_in_which_any_file_is_altered_or_gone_fails(name):
    files = released(name).files
    for path, data in files.items():
        middle = len(data) // 2
        altered = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        assert verdict(Bundle({**files, path: altered})) == "fails", path
        assert verdict(Bundle({key: one for key, one in files.items() if key != path})) == "fails", path


def test_every_claim_says_what_its_kind_says_by_the_vocabulary():
    seen = set()
    for name in SAID:
        for path, data in released(name).files.items():
            value = json.loads(data)
            claims = [one["claim"] for one in value] if path == "training/rounds.json" else [value]
            for claim in (one.get("document", {}) for one in claims if isinstance(one, dict)):
                if claim.get("type") == "claim" and claim["claim_kind"] != "evidence":
                    jsonschema.validate(claim["statement"], claim_kinds()[claim["claim_kind"]].schema)
                    seen.add(claim["claim_kind"])
    assert seen == claim_kinds().keys() - {"audit"}
