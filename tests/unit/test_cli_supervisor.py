"""Children of the quickstart: restarted when they die, gone when their parent is, alone in their directory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freehold.quickstart import world
from freehold.quickstart.processes import MOST_RESTARTS, Child, ChildFailed, Supervisor

# says its pid and arguments, reads its passphrase, then lives until the descriptor of --until-eof closes
CHILD = """
import os, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
secret = os.read(int(given["--passphrase-fd"]), 100).decode().strip() if "--passphrase-fd" in given else ""
print(os.getpid(), given["--port"], secret, flush=True)
while os.read(int(given["--until-eof"]), 1):
    pass
"""


def child(tmp_path, code=CHILD, **more):
    return Child("c", [sys.executable, "-c", code], tmp_path / "c.log", **more)


def lines(tmp_path, count):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = (tmp_path / "c.log").read_text().splitlines() if (tmp_path / "c.log").exists() else []
        if len(found) >= count:
            return [line.split(" ") for line in found]
        time.sleep(0.02)
    pytest.fail(f"fewer than {count} starts")


def gone(pid):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_killed_child_starts_again_on_its_port_with_its_passphrase(tmp_path):
    heard = []
    with Supervisor(lambda one, code: heard.append((one.name, code))) as supervisor:
        one = child(tmp_path, secret="pass phrase".replace(" ", "-"))
        supervisor.start(one)
        ((pid, port, secret),) = lines(tmp_path, 1)
        assert (port, secret) == ("0", "pass-phrase")
        one.port = 4_321
        os.kill(int(pid), signal.SIGKILL)
        second = lines(tmp_path, 2)[1]
        assert second[1:] == ["4321", "pass-phrase"]
        assert second[0] != pid
        assert heard == [("c", -signal.SIGKILL)]
    assert gone(int(second[0]))
    assert heard == [("c", -signal.SIGKILL)]


def test_a_passphrase_is_in_no_argument(tmp_path):
    with Supervisor(lambda *_: None) as supervisor:
        one = child(tmp_path, secret="hunter2")
        supervisor.start(one)
        lines(tmp_path, 1)
        assert b"hunter2" not in Path(f"/proc/{one.process.pid}/cmdline").read_bytes()
        assert b"hunter2" not in Path(f"/proc/{one.process.pid}/environ").read_bytes()
        assert "hunter2" not in repr(one)


def test_a_child_that_never_stays_up_is_given_up_with_its_last_words(tmp_path):
    with Supervisor(lambda *_: None) as supervisor:
        one = child(tmp_path, code="import sys; sys.exit('error: the port is taken')")
        supervisor.start(one)
        deadline = time.monotonic() + 20
        while one.restarts < MOST_RESTARTS and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(ChildFailed, match="the port is taken"):
            supervisor.check(one)


def test_children_end_when_their_parent_is_killed(tmp_path):
    parent = f"""
import sys, time
from pathlib import Path
from freehold.quickstart.processes import Child, Supervisor
with Supervisor(lambda *_: None) as supervisor:
    supervisor.start(Child("c", [sys.executable, "-c", {CHILD!r}], Path({str(tmp_path / "c.log")!r})))
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", parent])
    ((pid, *_),) = lines(tmp_path, 1)
    process.kill()
    process.wait()
    assert gone(int(pid))


def test_two_runs_of_one_home_do_not_meet_and_three_are_kept(tmp_path):
    seen = []
    for _ in range(5):
        with world.fresh(tmp_path) as place:
            assert not any(place.iterdir())
            seen.append(place)
            with pytest.raises(world.AlreadyRunning), world.fresh(tmp_path):
                pass
    assert len(set(seen)) == 5
    assert sorted(path for path in (tmp_path / "quickstart").glob("run-*")) == sorted(seen[-3:])
