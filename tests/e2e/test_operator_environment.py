"""`freehold up` as a container runs it: settings from the environment, JSON lines out, nothing of it kept."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from node_process import PASSPHRASE
from node_world import World, until

FREEHOLD = Path(sys.executable).with_name("freehold")


def run(home, *words, **environment):
    return subprocess.run(
        [FREEHOLD, *words, "--home", home],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_node_runs_from_its_environment_alone(world: World, tmp_path):
    home, secret = tmp_path / "home", tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    said = {
        "FREEHOLD_NAME": "Nörd", "FREEHOLD_PORT": "0", "FREEHOLD_RPC_URL": world.rpc_url,
        "FREEHOLD_LOG_FORMAT": "json", "FREEHOLD_LOG_LEVEL": "debug", "FREEHOLD_MAX_FEE_WEI": "123456789012345678",
    }  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        node = subprocess.Popen(
            [FREEHOLD, "up", "--home", home, "--passphrase-file", secret, "--set", "keep_answers_days=7"],
            env={**os.environ, **said},
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        until((home / "node.json").exists, "it is up", 40)
        shown = run(home, "status")
        assert shown.returncode == 0, shown.stderr
        assert "Nörd" in shown.stdout
        for name in ("receipts", "shares", "vouchers", "jobs", "answers", "anchor"):
            assert f"work     {name}: waiting" in shown.stdout or f"work     {name}: running" in shown.stdout
        value = json.loads(run(home, "status", "--json").stdout)
        assert {piece["name"] for piece in value["work"]} >= {"anchor", "answers"}
        assert value["jobs"] == []
    finally:
        node.send_signal(signal.SIGTERM)
        assert node.wait(30) == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    messages = [line["message"] for line in lines]
    assert messages.index("serving") < messages.index("stopping")
    assert any(line.get("path") == "/api/status" and line["level"] == "debug" for line in lines)
    kept = (home / "config.toml").read_text()
    assert "keep_answers_days = 7" in kept
    assert "Nörd" not in kept
    assert world.rpc_url not in kept
    assert "123456789012345678" not in kept


def test_a_wrong_variable_is_named_and_nothing_starts(tmp_path):
    done = run(tmp_path / "home", "up", FREEHOLD_PORT="tcp://10.0.0.7:7400")
    assert done.returncode == 2
    assert "FREEHOLD_PORT: port is a whole number" in done.stderr
