"""The tutorial works as typed: every command of docs/tutorial.md, in its terminals, in order."""

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from node_world import free_port

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```console(?P<options>[^\n]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
PASSPHRASE = "a passphrase of several words"
PORTS = {written: str(free_port()) for written in ("8545", "7401", "7402", "7403")}
"""Where the page says one, another that nobody has."""
ELSEWHERE = {"FREEHOLD_RPC_URL": f"http://127.0.0.1:{PORTS['8545']}"}
"""The page's chain stands where chains stand unless something is said."""
FREEHOLD = str(Path(sys.executable).with_name("freehold"))


class Terminal:
    """A command in a terminal of its own, with somebody who types the passphrase when asked."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(command[0], command, {**os.environ, **ELSEWHERE})
        self.seen = ""

    def read_until(self, pattern: str, seconds: float) -> None:
        answered, deadline = 0, time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.seen}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.descriptor, 65536).decode(errors="replace")
                except OSError:
                    pytest.fail(f"ended before {pattern!r}:\n{self.seen}")
            asked = len(re.findall(r"Passphrase[^\n]*: |The same once more: ", self.seen))
            while answered < asked:
                os.write(self.descriptor, f"{PASSPHRASE}\n".encode())
                answered += 1

    def interrupt(self) -> int:
        os.kill(self.pid, signal.SIGINT)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self.descriptor)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.descriptor], [], [], 0.1)[0]:
                try:
                    os.read(self.descriptor, 65536)
                except OSError:
                    continue
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        pytest.fail("Ctrl-C did not end it")


def commands():
    for block in BLOCK.finditer((ROOT / "docs" / "tutorial.md").read_text()):
        options = dict(option.split("=", 1) for option in shlex.split(block["options"]))
        lines = [line[2:] for line in block["body"].splitlines() if line.startswith("$ ")]
        assert lines, "a console block without a command"
        yield options, lines


def in_this_environment(line: str) -> list[str]:
    words = shlex.split(re.sub("|".join(PORTS), lambda found: PORTS[found[0]], line))
    if words[:3] == ["freehold", "chain", "run"]:
        words += ["--port", PORTS["8545"]]
    return [{"freehold": FREEHOLD, "python": sys.executable}.get(words[0], words[0]), *words[1:]]


def run(line: str, cwd: Path) -> str:
    done = subprocess.run(
        in_this_environment(line), cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, **ELSEWHERE},
    )  # fmt: skip
    assert done.returncode == 0, f"$ {line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(280)
def test_every_command_of_the_tutorial_works_as_typed(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    terminals, printed = [], {}
    try:
        for options, lines in commands():
            for line in lines:
                if line.startswith(". "):
                    continue  # this test runs inside that environment already
                if "terminal" in options:
                    terminal = Terminal(in_this_environment(line), tmp_path)
                    terminals.append(terminal)
                    terminal.read_until(options["wait"], 60)
                else:
                    printed.setdefault(line.split(" --home")[0], []).append(run(line, tmp_path))
    finally:
        exits = [terminal.interrupt() for terminal in reversed(terminals)]
    assert set(exits) <= {0, 130}
    text = {command: "".join(outputs) for command, outputs in printed.items()}
    assert "north-tumours" in text["freehold search tumours"]
    assert "$5.00" in text["freehold search tumours"]
    (looked,) = (said for command, said in text.items() if command.endswith("--plan-only"))
    assert "at most 74 times in 100" in looked
    assert "cannot be told from strangers' rows" in looked
    assert "North Clinic" in text["freehold models screening"]
    assert int(re.search(r"(\d+) of 149 test rows", text["freehold models screening"])[1]) > 120
    assert re.search(r"north-tumours +4 +1 +3\.81 +1 +noised", text["freehold privacy"])
    assert "revoked" in printed["freehold grants list"][1]
    assert "revoked" not in printed["freehold grants list"][0]
    before, after = (tmp_path / "demo" / folder for folder in ("evidence", "after-revoking"))
    assert [shows_a_revocation(folder) for folder in (before, after)] == [False, True]
    assert text[f"freehold verify {before.relative_to(tmp_path)}"]
    assert text[f"freehold verify {after.relative_to(tmp_path)}"]


def shows_a_revocation(folder: Path) -> bool:
    documents = [json.loads(path.read_text())["document"] for path in folder.glob("documents/*.json")]
    assert documents
    return any(one.get("claim_kind") == "revocation" for one in documents)


def test_the_tutorial_covers_the_commands_of_the_main_job():
    typed = {line.split()[1] for _, lines in commands() for line in lines if line.startswith("freehold ")}
    assert typed >= {
        "up", "publish", "search", "train", "privacy", "serve", "predict", "earnings", "claim", "receipts",
        "lineage", "evidence", "verify", "grants", "chain",
    }  # fmt: skip
