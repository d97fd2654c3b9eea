"""Processes forked off one that loaded the program: each as much on its own as one that was started anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freehold.quickstart.nursery import Forked, Nursery
from freehold.quickstart.processes import Child, Supervisor
from freehold.shell import children, threads
from freehold.shell.children import PROGRAM

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children are started anew")
PASSPHRASE = "kQ8vXw2Lr9TzPm4Yb7NcHd"


def until(found, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if said := found():
            return said
        time.sleep(0.02)
    pytest.fail("it does not come")


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"
    except OSError:
        return True


def children_of(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def chain(tmp_path, name="chain"):
    home = tmp_path / name
    return Child(
        name, [*PROGRAM, "chain", "run", "--json", "--home", str(home)], tmp_path / f"{name}.log"
    ), home


@pytest.fixture
def nursery():
    with Nursery() as made:
        yield made


def test_children_share_nothing_that_is_drawn(nursery, tmp_path):
    logs = [tmp_path / f"{number}.log" for number in range(4)]
    forked = [nursery.launch("suggest", [*PROGRAM, "keys", "suggest"], log) for log in logs]
    assert all(isinstance(one, Forked) for one in forked)
    assert [one.wait(30) for one in forked] == [0] * 4
    assert len({one.pid for one in forked}) == 4
    assert len({log.read_text() for log in logs}) == 4


def test_an_exit_code_and_what_is_printed_are_those_of_the_command(nursery, tmp_path):
    log = tmp_path / "log"
    assert nursery.launch("wrong", [*PROGRAM, "frobnicate"], log).wait(30) == 2
    assert "frobnicate" in log.read_text()
    assert nursery.launch("right", [*PROGRAM, "--version"], log).wait(30) == 0
    assert log.read_text().splitlines()[-1].startswith("freehold ")


def test_what_is_no_command_of_the_program_is_started_as_ever(nursery, tmp_path):
    one = nursery.launch("other", [sys.executable, "-c", "print(6 * 7)"], tmp_path / "log")
    assert isinstance(one, subprocess.Popen)
    assert one.wait(30) == 0
    assert (tmp_path / "log").read_text() == "42\n"


def test_a_killed_child_starts_again_and_the_others_do_not_notice(nursery, tmp_path):
    heard = []
    with Supervisor(lambda one, code: heard.append((one.name, code)), nursery.launch) as supervisor:
        (first, _), (second, _) = chain(tmp_path, "first"), chain(tmp_path, "second")
        for one in (first, second):
            supervisor.start(one)
            until(lambda one=one: one.log.exists() and one.log.read_text())
        killed, other = first.process.pid, second.process.pid
        assert os.getsid(killed) == killed, "a session of its own"
        assert Path(f"/proc/{killed}/comm").read_text() == "freehold first\n"
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(first.log.read_text().splitlines()) == 2)
        assert heard == [("first", -signal.SIGKILL)]
        assert (second.process.pid, second.process.poll()) == (other, None)
        assert first.process.pid != killed
    assert gone(first.process.pid)
    assert gone(other)
    assert heard == [("first", -signal.SIGKILL)]


def test_the_nursery_has_one_thread_no_connection_and_no_file_of_a_home(nursery, tmp_path):
    one, home = chain(tmp_path)
    with Supervisor(lambda *_: None, nursery.launch) as supervisor:
        supervisor.start(one)
        until(lambda: one.log.exists() and one.log.read_text())
        # it forks once more when it has loaded all that a node needs
        assert nursery.launch("up", [*PROGRAM, "up", "--help"], tmp_path / "help").wait(30) == 0
        mine = nursery._process.pid
        assert len(list(Path(f"/proc/{mine}/task").iterdir())) == 1
        opened = [str(path.readlink()) for path in Path(f"/proc/{mine}/fd").iterdir()]
        assert sum(name.startswith("socket:") for name in opened) == 1, "the one through which it is asked"
        assert not [name for name in opened if str(home) in name]
        theirs = [str(path.readlink()) for path in Path(f"/proc/{one.process.pid}/fd").iterdir()]
        assert str(tmp_path / "chain.log") in theirs
        inherited = str(Path(f"/proc/{mine}/fd/{_control_of(mine)}").readlink())
        assert inherited not in theirs, "nobody but the nursery is asked for children"


def _control_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[3]


def test_a_killed_nursery_takes_its_children_along_and_they_start_again_without_it(nursery, tmp_path):
    heard = []
    with Supervisor(lambda one, code: heard.append((one.name, code)), nursery.launch) as supervisor:
        one, _ = chain(tmp_path)
        supervisor.start(one)
        until(lambda: one.log.exists() and one.log.read_text())
        forked = one.process.pid
        nursery._process.kill()
        until(lambda: isinstance(one.process, subprocess.Popen))
        until(lambda: gone(forked))
        until(lambda: len(one.log.read_text().splitlines()) >= 2)
        assert heard[0] == ("chain", -signal.SIGKILL)


def test_nothing_is_left_when_the_one_who_asked_is_killed(tmp_path):
    log = tmp_path / "log"
    asker = f"""
import time
from pathlib import Path
from freehold.quickstart.nursery import Nursery
from freehold.quickstart.processes import Child, Supervisor
from freehold.shell.children import PROGRAM
with Nursery() as nursery, Supervisor(lambda *_: None, nursery.launch) as supervisor:
    supervisor.start(Child("chain", [*PROGRAM, "chain", "run", "--home", {str(tmp_path / "chain")!r}], Path({str(log)!r})))
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", asker])
    until(lambda: log.exists() and "ready" in log.read_text())
    (nursery,) = children_of(process.pid)
    (forked,) = children_of(nursery)
    process.kill()
    process.wait()
    until(lambda: gone(forked))
    until(lambda: gone(nursery))


def test_elsewhere_children_are_started_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    with Nursery() as nursery:
        one = nursery.launch("version", [*PROGRAM, "--version"], tmp_path / "log")
        assert isinstance(one, subprocess.Popen)
        assert one.wait(30) == 0


@pytest.mark.parametrize("name", threads.ALGEBRA)
def test_where_the_environment_wants_threads_nothing_is_forked(monkeypatch, name):
    """A fork copies one thread of several; a process of its own has what was asked for."""
    monkeypatch.setenv(name, "4")
    with Nursery() as made:
        assert made._control is None


def test_numpy_works_in_one_thread_unless_the_environment_says_otherwise(monkeypatch):
    for name in threads.ALGEBRA:
        monkeypatch.delenv(name, raising=False)
    threads.none_besides()
    assert {os.environ[name] for name in threads.ALGEBRA} == {"1"}
    for name in threads.ALGEBRA:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    threads.none_besides()
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_a_child_that_does_not_end_in_time_is_killed(nursery, tmp_path, monkeypatch):
    one = nursery.launch(
        "up", [*PROGRAM, "chain", "run", "--port", "0", "--home", str(tmp_path / "c")], tmp_path / "log"
    )
    until(lambda: (tmp_path / "log").exists() and "ready" in (tmp_path / "log").read_text())
    os.kill(one.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.1)
    monkeypatch.setattr(children, "STOP_SECONDS", 0.5)
    children.end([one])
    assert one.poll() == -signal.SIGKILL
    assert gone(one.pid)
