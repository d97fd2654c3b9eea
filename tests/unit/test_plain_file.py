"""A file that somebody names is read only where it is one: nothing else may hold up who opens it."""

import ast
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from freehold import plain_file
from freehold.core import causes
from freehold.core.causes import PathUnusable
from freehold.core.errors import InvalidInput, InvalidTable
from freehold.features.data import bounds
from freehold.features.data.rules.reading import read
from freehold.kernel import settings
from freehold.shell.backup import restoring
from freehold.vault import keystore


@pytest.fixture(params=["pipe", "socket", "folder", "device"])
def strange(request, tmp_path):
    path = tmp_path / "table.csv"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as held:
            # its name has few bytes
            here = Path.cwd()
            os.chdir(tmp_path)
            held.bind("table.csv")
            os.chdir(here)
            yield path
    elif request.param == "folder":
        path.mkdir()
        yield path
    else:
        yield Path("/dev/zero")


@pytest.mark.timeout(20)
def test_a_table_that_is_no_regular_file_is_refused_at_once(strange):
    with pytest.raises(InvalidTable, match="cannot be opened") as caught:
        read(strange, "y")
    assert caught.value.hint


def test_a_link_is_followed_unless_it_must_lie_beneath_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.csv").write_bytes(b"out")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "out.csv")
    with plain_file.opened(tmp_path / "in" / "link.csv") as file:
        assert file.read() == b"out"
    folder = os.open(tmp_path / "in", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError, match="link"):
            plain_file.regular("link.csv", beneath=folder)
    finally:
        os.close(folder)


SOURCES = Path(__file__).resolve().parents[2] / "src" / "freehold"
OWN = {
    "plain_file.py": "the opener itself",
    "durable.py": "writes under fresh names",
    "vault/spool.py": "writes under fresh names",
    "shell/mcp/folder.py": "opens folders, and copies under fresh names",
    "shell/backup/pack.py": "unpacks under names that the manifest has, in a fresh folder",
    "shell/backup/restoring.py": "opens folders",
    "chain/embedded/home.py": "the lock, after `prepare` saw that it is a file, and a database it just made",
    "kernel/databases/copying.py": "copies under fresh names",
    "kernel/evidence/bundle.py": "writes into a fresh folder",
    "shell/cli/main.py": "the null device",
    "shell/children.py": "logs of its own processes",
    "shell/web/reading.py": "files of the package",
    "features/gateway/asking.py": "what was uploaded, under a fresh name",
    "shell/web/rendering.py": "files of the package",
    "chain/deployments.py": "files of the package",
    "core/described.py": "files of the package",
    "quickstart/forking.py": "the name of its own process",
    "quickstart/nursery.py": "logs of its own processes",
    "shell/generate.py": "files of the package",
    "quickstart/result_page.py": "files of the package",
    "quickstart/biopsies.py": "files of the package",
    "quickstart/demo.py": "tables it just made",
    "quickstart/play.py": "tables it just made",
    "quickstart/world.py": "logs of its own processes",
    "quickstart/report.py": "pages in its own folder",
}
"""Files of the package that open otherwise than by `plain_file`, and why they may: nobody named that path."""
OPENERS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "fromfile",
    "read_table",
    "memory_map",
    "read_csv",
    "load_cert_chain",
}
MODE = re.compile(r"[rwxabt+]{1,3}")


def opens(call: ast.Call) -> bool:
    """Whether a call opens a file by its name."""
    name = call.func
    if isinstance(name, ast.Name):
        return name.id == "open"
    if not isinstance(name, ast.Attribute):
        return False
    if name.attr in OPENERS:
        return True
    if name.attr != "open" or (isinstance(name.value, ast.Name) and name.value.id == "webbrowser"):
        return False
    if isinstance(name.value, ast.Name) and name.value.id in ("os", "io"):
        return True
    modes = [one.value for one in call.args[:1] if isinstance(one, ast.Constant)]
    return not call.args or bool(modes and MODE.fullmatch(str(modes[0])))


def bare(source: str) -> list[int]:
    return [one.lineno for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call) and opens(one)]


@pytest.mark.parametrize(
    "line",
    [
        "open(p)",
        "p.open()",
        "p.open('rb')",
        "os.open(p, 0)",
        "p.read_text()",
        "p.write_text(t)",
        "p.read_bytes()",
        "io.open(p)",
    ],
)
def test_a_bare_open_is_found(line):
    assert bare(line)


def test_no_path_that_somebody_named_is_opened_otherwise():
    found = {
        path.relative_to(SOURCES).as_posix(): lines
        for path in SOURCES.rglob("*.py")
        if (lines := bare(path.read_text()))
    }
    wrong = {name: lines for name, lines in found.items() if name not in OWN}
    assert not wrong, f"open it by freehold.plain_file: {wrong}"
    assert not OWN.keys() - found.keys()


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "ask",
    [
        lambda path: plain_file.content(path, 100),
        lambda path: plain_file.text(path, 100),
        lambda path: settings.stored(path.parent),
        keystore.require_whole,
        lambda path: restoring.examine(path, path.parent, "secret"),
    ],
    ids=["content", "text", "settings", "keys", "backup"],
)
def test_nothing_waits_for_what_is_no_file(ask, tmp_path):
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        path = folder / "config.toml"
        make(path)
        with pytest.raises((OSError, InvalidInput)) as caught:
            ask(path)
        assert not isinstance(caught.value, BlockingIOError)


def test_a_command_reads_a_pipe_that_somebody_writes_into_and_waits_for_no_other(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(plain_file, "NOBODY_SECONDS", 0.6)

    def write() -> None:
        # it has the pipe open for longer than nobody may
        with pipe.open("wb") as file:
            time.sleep(1.2)
            file.write(b"\xef\xbb\xbfrows\r\n")

    writing = threading.Thread(target=write)
    writing.start()
    assert plain_file.given(pipe, 100) == b"\xef\xbb\xbfrows\r\n"
    writing.join()
    with pytest.raises(TimeoutError, match="nobody writes"):
        plain_file.given(pipe, 100)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfport = 1\r\n", b"port = 1\r\n", b"port = 1"])
def test_settings_may_begin_with_a_mark_and_end_their_lines_as_they_like(tmp_path, content):
    (tmp_path / "config.toml").write_bytes(content)
    assert settings.stored(tmp_path) == {"port": 1}


@pytest.mark.timeout(30)
def test_what_a_command_writes_goes_into_a_file_or_an_open_pipe_and_waits_for_no_reader(tmp_path):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        plain_file.put(pipe, b"picture")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        plain_file.put(pipe, b"picture")
        assert os.read(reader, 100) == b"picture"
    finally:
        os.close(reader)
    file.write_bytes(b"an older and longer picture")
    plain_file.put(file, b"picture")
    assert file.read_bytes() == b"picture"


def test_a_file_that_grows_meanwhile_has_a_bound(tmp_path):
    (tmp_path / "more").write_bytes(b"x" * 101)
    with pytest.raises(OSError, match="over 100 bytes"):
        plain_file.content(tmp_path / "more", 100)
    with pytest.raises(PathUnusable, match="over 100 bytes") as caught, causes.explained("read it"):
        plain_file.content(tmp_path / "more", 100)
    # no disk is full
    assert "space" not in caught.value.hint


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "a\0b", ""])
def test_a_path_that_cannot_be_is_an_error_of_ours(name):
    with pytest.raises(PathUnusable) as caught:
        plain_file.named(name)
    assert caught.value.hint


def test_a_folder_that_is_gone_and_links_in_a_circle_are_said(tmp_path, monkeypatch):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(PathUnusable, match=r"circle|many levels"):
        plain_file.resolved(tmp_path / "a" / "c")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(PathUnusable, match="is gone"):
        plain_file.named("x")


@pytest.mark.parametrize(
    "name", ["plain", "two words", "it's", "-o", "~", "$(x)", "a\nb", "\udcff\\'", "数 😀", "\u202e"]
)
def test_a_path_is_typed_so_that_a_shell_takes_it_as_it_is(name, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    said = subprocess.run(
        [bash, "-c", f"printf %s {plain_file.typed(name)}".encode(errors="surrogateescape")],
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout
    assert said == os.fsencode(f"./{name}" if name.startswith("-") else name)
    assert plain_file.typed(name).isprintable()


def test_bounds_that_cannot_be_read_say_why_and_none_are_cut_off(tmp_path, monkeypatch):
    take = bounds.Ranges().take
    monkeypatch.setattr(plain_file, "NOBODY_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="nobody writes"):
        take([str(tmp_path / "pipe")])
    with pytest.raises(InvalidInput, match="neither bounds nor"):
        take([str(tmp_path / "age 0 120")])
    with (tmp_path / "long.csv").open("w") as file:
        file.write("age,0,1".ljust(bounds.MOST_BYTES, " ") + "20\n")
    with pytest.raises(InvalidInput, match="over"):
        take([str(tmp_path / "long.csv")])


def test_a_regular_file_that_waits_like_a_pipe_is_given_up_as_one(monkeypatch):
    monkeypatch.setattr(plain_file, "NOBODY_SECONDS", 0.1)
    silent, other = socket.socketpair()
    silent.setblocking(False)
    began = time.monotonic()
    with silent, other, pytest.raises(TimeoutError, match="nothing comes"):
        plain_file.received(silent.fileno(), 100, patience=plain_file.NOBODY_SECONDS)
    assert time.monotonic() - began < 30
