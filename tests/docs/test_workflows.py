"""What a public host would run is well-formed, calls what exists, and trusts only what is named by its hash."""

import json
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / ".github"
WORKFLOWS = sorted((HOST / "workflows").glob("*.yml"))
NAMED = re.compile(r"(?:^|\s)((?:\.ci|bench|scripts|tests|packaging)/[\w./-]+)")


def steps(path):
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        yield from job.get("steps", ())


def commands():
    return [(path.name, step["run"]) for path in WORKFLOWS for step in steps(path) if "run" in step]


@pytest.mark.parametrize(
    ("schema", "files"),
    [("vendor.github-workflows", WORKFLOWS), ("vendor.dependabot", [HOST / "dependabot.yml"])],
    ids=["workflows", "dependabot"],
)
def test_they_fit_the_schema_of_the_host(schema, files):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_target_and_file_that_they_call_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = {(name, target) for name, run in commands() for target in re.findall(r"\bmake ([a-z-]+)", run)}
    assert {target for _, target in targets} >= {
        "test",
        "test-all",
        "wheel",
        "wheel-test",
        "sbom",
        "setup-dev",
    }
    for name, target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name}: make {target}"
    paths = {(name, path) for name, run in commands() for path in NAMED.findall(run)}
    assert {path for _, path in paths} >= {".ci/run", "bench/mutation.py"}
    for name, path in paths:
        assert (ROOT / path).is_file(), f"{name}: {path}"


def test_the_local_run_calls_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    called = re.findall(r"^step make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert called == ["lint", "drift", "contracts", "wheel-test", "test"], "the cheap first, the tests last"
    for target in called:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_actions_are_named_by_hash_with_their_version_beside():
    for path in WORKFLOWS:
        used = re.findall(r"uses: (\S+)(.*)$", path.read_text(), re.MULTILINE)
        for action, comment in used:
            if action.startswith("./"):
                assert (ROOT / action).is_file()
            else:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_a_workflow_may_read_and_each_job_says_what_more_it_needs():
    for path in WORKFLOWS:
        flow = yaml.safe_load(path.read_text())
        assert flow["permissions"] == {"contents": "read"}, path.name
        for name, job in flow["jobs"].items():
            assert "uses" in job or job["timeout-minutes"], name
    release = yaml.safe_load((HOST / "workflows" / "release.yml").read_text())["jobs"]
    assert {name for name, job in release.items() if "id-token" in job.get("permissions", {})} == {
        "attest",
        "publish",
    }
    assert set(release["attest"]["needs"]) == {"test", "build"}
    assert release["publish"]["needs"] == "attest"


def test_in_a_container_git_may_read_the_checkout_before_anything_runs():
    """The steps of a container run as root, and the host's user owns what `checkout` wrote (actions/checkout#1048)."""
    jobs = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]
    contained = [job["steps"] for job in jobs if "container" in job]
    assert len(contained) >= 2
    for checkout, trust, *_ in contained:
        assert checkout["uses"].startswith("actions/checkout@")
        assert trust["run"] == 'git config --global --add safe.directory "$GITHUB_WORKSPACE"'


def test_the_list_of_contents_is_one_that_the_host_attests(tmp_path):
    """actions/attest-sbom takes CycloneDX by these three fields."""
    venv.create(tmp_path / "venv", symlinks=True)

    def listed(held):
        wheel = tmp_path / "freehold.whl"
        wheel.write_bytes(held)
        command = [sys.executable, ROOT / "scripts" / "sbom.py", wheel, tmp_path / "venv" / "bin" / "python"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    told, other = listed(b"one"), listed(b"two")
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["serialNumber"])
    assert told["metadata"]["component"]["name"] == "freehold"
    vendored = (ROOT / "src/freehold/shell/web/static/idiomorph.js").read_text()
    assert {
        f"{one['name']} {one['version']}"
        for one in told["components"]
        if "purl" in one and "npm" in one["purl"]
    } == {vendored[4 : vendored.index(",")]}
    assert told.pop("serialNumber") != other.pop("serialNumber")
    assert told == other
    target = re.search(r"^sbom:.*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "scripts/sbom.py dist/freehold-*.whl build/sbom/bin/python > dist/freehold.cdx.json" in target[0]


def test_every_python_that_the_package_names_is_tried():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = {line.split(" :: ")[2] for line in project["classifiers"] if re.search(r"Python :: 3\.\d+$", line)}
    jobs = yaml.safe_load((HOST / "workflows" / "test.yml").read_text())["jobs"]
    assert set(jobs["wheel"]["strategy"]["matrix"]["python"]) == said
    # `everything` runs on the oldest
    assert {min(said), *jobs["tests"]["strategy"]["matrix"]["python"]} == said
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import wheel_test
    finally:
        sys.path.pop(0)
    assert set(wheel_test.VERSIONS) == said
