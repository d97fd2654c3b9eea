"""What `packaging/` holds is run: the units' commands in a folder of their own, the container's steps, the wheel's text."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from doc_pages import tracked
from node_process import PASSPHRASE
from node_world import World, free_port, until

from freehold.kernel import host
from freehold.shell import daemon

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "packaging" / "systemd"
FREEHOLD = Path(sys.executable).with_name("freehold")
EXPOSED_AT_MOST = 20
"""Of 100, as `systemd-analyze security` counts; the node needs the network and its own users."""


def said(unit, name):
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


def started(unit, root):
    """The words of ExecStart with everything put in as systemd does, below `root` instead of /."""
    [line] = said(unit, "ExecStart")
    specifiers = {"%S": str(root / "var" / "lib"), "%d": str(root / "credentials"), "%%": "%"}
    line = re.sub(r"%[Sd%]", lambda found: specifiers[found[0]], line)
    assert not re.search(r"%[A-EG-Za-z]", line), f"unknown specifier in {line}"
    return shlex.split(line.replace("/opt/freehold/bin/freehold", str(FREEHOLD)))


@pytest.fixture
def machine(tmp_path, world: World):
    """A root folder as systemd would have it when the node starts, set up by what the page says."""
    for unit in ("freehold.service", "freehold-backup.service"):
        mode = int(said(unit, "StateDirectoryMode")[0], 8)
        for name in said(unit, "StateDirectory")[0].split():
            (tmp_path / "var" / "lib" / name).mkdir(mode=mode, parents=True, exist_ok=True)
    (tmp_path / "credentials").mkdir(mode=0o500)
    secret = tmp_path / "credentials" / "passphrase"
    secret.write_text(PASSPHRASE)
    # as systemd makes it where files have access lists
    secret.chmod(0o440)
    page = (ROOT / "packaging" / "README.md").read_text()
    lines = re.findall(
        r"^# runuser -u freehold -- /opt/freehold/bin/freehold (config set .*)$", page, re.MULTILINE
    )
    assert len(lines) == 2
    for line in [*lines, "config set port 0 --home /var/lib/freehold/node"]:
        here = line.replace("/var/lib", str(tmp_path / "var" / "lib"))
        words = shlex.split(here.replace("https://rpc.example", world.rpc_url))
        subprocess.run([FREEHOLD, *words], check=True, capture_output=True)
    return tmp_path


def test_the_units_run_a_node_and_back_it_up(machine):
    environment = {"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(machine / "credentials")}
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(machine / "notify"))
    told.settimeout(60)
    assert said("freehold.service", "Type") == ["notify"]
    node = subprocess.Popen(
        started("freehold.service", machine),
        env={**environment, "NOTIFY_SOCKET": str(machine / "notify")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        umask=0o077,
    )
    try:
        assert told.recv(100) == b"READY=1"
        backup = started("freehold-backup.service", machine)
        runs = [
            subprocess.run(backup, env=environment, capture_output=True, text=True, check=False)
            for _ in range(2)
        ]
        assert runs[0].returncode == 0, runs[0].stderr
        assert "exists" in runs[1].stderr, "a second one on the same day writes over nothing"
    finally:
        node.send_signal(signal.SIGTERM)
        _, log = node.communicate(timeout=int(said("freehold.service", "TimeoutStopSec")[0]))
        told.close()
    assert node.returncode == 0, log
    assert all(json.loads(line) for line in log.splitlines())
    [made] = (machine / "var" / "lib" / "freehold-backups").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\.backup", made.name)
    checked = subprocess.run(
        [FREEHOLD, "restore", made, "--check", "--passphrase-file", machine / "credentials" / "passphrase"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_a_stop_takes_no_longer_than_the_unit_waits():
    [waits] = said("freehold.service", "TimeoutStopSec")
    # answers under way, then recurring work, and as much again for signatures and vouchers
    assert int(waits) >= daemon.STOP_SECONDS + host.STOP_SECONDS + daemon.STOP_SECONDS


@pytest.mark.parametrize("unit", ["freehold.service", "freehold-backup.service"])
def test_a_unit_reaches_networks_and_writes_only_where_its_state_is(unit):
    text = (UNITS / unit).read_text()
    # a database, a chain and peers may be elsewhere
    assert "PrivateNetwork" not in text
    assert said(unit, "RestrictAddressFamilies") == ["AF_INET AF_INET6 AF_UNIX"]
    assert said(unit, "ProtectSystem") == ["strict"]
    folders = said(unit, "StateDirectory")[0].split()
    assert {path.split("/")[0] for path in re.findall(r"%S/([\w/-]+)", text)} == set(folders)


@pytest.mark.parametrize("unit", ["freehold.service", "freehold-backup.service"])
def test_systemd_finds_little_that_a_unit_may_do(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / unit).write_text(
        (UNITS / unit).read_text().replace("/opt/freehold/bin/freehold", "/bin/true")
    )
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", tmp_path / unit],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_PAGER": "cat"},
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def instructions():
    text = (ROOT / "packaging" / "Containerfile").read_text()
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def ignored(path):
    """Whether .dockerignore keeps a path out of the build; the last line that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
            ways = [pattern, pattern.removeprefix("**/")]
            if any(fnmatch(one, way) for one in parents for way in ways):
                out = not line.startswith("!")
    return out


def copied():
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            yield from sources


def test_what_the_container_copies_is_there_and_reaches_its_build():
    for source in copied():
        files = [path for path in [ROOT / source, *(ROOT / source).rglob("*")] if path.is_file()]
        kept = [path for path in files if path.suffix != ".pyc"]
        assert kept, source
        assert not [path for path in kept if ignored(str(path.relative_to(ROOT)))], source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "home/keys.jwe",
        "keys.jwe",
        "passphrase.txt",
        "tables/patients.csv",
        "node.sqlite",
        "src/freehold/node.sqlite-wal",
        "src/freehold/core/__pycache__/ids.cpython-313.pyc",
        "contracts/node_modules/solc/index.js",
        "tests/clients/node_modules/.ready",
        ".env",
        "dist/freehold-0.1.0.tar.gz",
    ],
)
def test_what_lies_about_in_a_checkout_reaches_no_build(path):
    assert ignored(path)


def test_the_container_builds_from_what_it_copies(tmp_path):
    """The last build step, in a folder that holds only what was copied, with what is installed already."""
    source = tmp_path / "src"
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            for one in sources:
                place = source / target / (Path(one).name if target.endswith("/") else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (ROOT / one).is_dir() else shutil.copy)(ROOT / one, place)
    [build] = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    first, locked, last = (shlex.split(step) for step in build.split("&&"))
    assert first == ["python", "-m", "venv", "/opt/freehold"]
    assert locked[1:] == ["install", "--no-cache-dir", "--require-hashes", "-r", "requirements-extras.lock"]
    assert last[0] == "/opt/freehold/bin/pip"
    done = subprocess.run(
        [sys.executable, "-m", "pip", *last[1:], "--target", tmp_path / "made", "-q"],
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made" / "freehold" / "py.typed").exists()
    assert (tmp_path / "made" / "freehold" / "quickstart" / "biopsies.csv").exists()


def test_the_container_runs_a_node_that_its_health_check_finds(world: World, tmp_path):
    said = dict(instructions())
    environment = dict(pair.split("=", 1) for pair in shlex.split(said["ENV"]))
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o400)
    environment |= {
        "PATH": f"{FREEHOLD.parent}:/usr/bin:/bin",
        "FREEHOLD_HOME": environment["FREEHOLD_HOME"].replace("/var/lib/freehold", str(tmp_path)),
        "FREEHOLD_PORT": str(free_port()),
        "FREEHOLD_HOST": "127.0.0.1",
        "FREEHOLD_NAME": "North Clinic",
        "FREEHOLD_RPC_URL": world.rpc_url,
        "FREEHOLD_ENDPOINT": "https://node.example",
    }
    command = [*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])]
    command = [str(secret) if word.startswith("/run/secrets/") else word for word in command]
    check = json.loads(said["HEALTHCHECK"].split(" CMD ")[1])
    log = (tmp_path / "log").open("w")
    node = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        until(
            lambda: subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0,
            "the health check passes",
            60,
        )
    finally:
        node.send_signal(getattr(signal, said["STOPSIGNAL"]))
        assert node.wait(30) == 0
        log.close()
    assert subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 1


def test_the_readme_of_the_package_leads_somewhere_from_anywhere():
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        import metadata_hook
    finally:
        sys.path.pop(0)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    home = project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    text = metadata_hook.absolute((ROOT / "README.md").read_text(), home)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 50
    for target in targets:
        if target.startswith(home):
            path = re.sub(r"^/(blob|raw)/main/", "", target.removeprefix(home)).split("#")[0]
            assert (ROOT / path).exists(), target
        else:
            assert target.startswith(("https://", "#")), target
    assert "](docs/" not in text


def test_one_place_says_where_the_repository_will_be():
    project = (ROOT / "pyproject.toml").read_text()
    home = tomllib.loads(project)["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    told = home.removeprefix("https://").encode()
    files = [name for name in tracked() if (ROOT / name).is_file()]
    # a citation is a file of its own by its format
    assert {name for name in files if told in (ROOT / name).read_bytes()} == {
        "pyproject.toml",
        "CITATION.cff",
    }
    assert project.count(home) == 1
    cited = re.findall(
        r"^repository-code: \W*(https://[^\s\"']+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE
    )
    assert cited == [home]


def test_no_page_installs_by_a_name_that_is_not_published():
    pages = [ROOT / "README.md", ROOT / "packaging" / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{page.name}: {line}"
        for page in pages
        for line in page.read_text().splitlines()
        if re.search(r"(pip|pipx|uv|uvx)\b.* (install|add|run )?.*['\" ]freehold(\[|['\"]?\s*$)", line)
        and "podman" not in line
    ]
    assert found == []
