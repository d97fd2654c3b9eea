"""What stands between an assistant and its owner's money and files, whoever answers and whoever swaps names."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import httpx2
import pytest
import uvicorn
from sse_starlette.sse import AppStatus

from freehold.core.errors import FreeholdError, InvalidInput, NotFound, Unavailable
from freehold.kernel import client
from freehold.kernel.client import NodeClient
from freehold.shell.cli.main import main
from freehold.shell.mcp.allowance import Allowance
from freehold.shell.mcp.folder import AssistantNotAllowed, Folder
from freehold.shell.mcp.serving import MOST_SESSIONS, Tools, application, operations, over_http

ANY = "0x" + "ab" * 32
CALL = {"model": ANY, "rows": [["1", 2, 3.5]], "at_most_units": 700}


class Listener:
    """Takes connections and answers each request with the same bytes, or never."""

    def __init__(self, answer: bytes | None) -> None:
        self.asked: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._answer, self._held = answer, []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._socket.accept()
                self._held.append(taken)
                self.asked.append(self._request(taken))
                if self._answer is not None:
                    taken.sendall(self._answer)
                    taken.close()

    def _request(self, taken: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got and (piece := taken.recv(65_536)):
            got += piece
        said = re.search(rb"content-length: (\d+)", got.lower())
        missing = int(said[1]) - len(got.partition(b"\r\n\r\n")[2]) if said else 0
        while missing > 0 and (piece := taken.recv(65_536)):
            got, missing = got + piece, missing - len(piece)
        return got

    def close(self) -> None:
        for one in (self._socket, *self._held):
            one.close()


def http(status: int, value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def folder_of():
    with contextlib.ExitStack() as held:
        yield lambda path: held.enter_context(contextlib.closing(Folder(path)))


@pytest.fixture
def listening(tmp_path):
    made = []

    def make(answer, **allowed):
        listener = Listener(answer)
        client = NodeClient(listener.url, "token", home=tmp_path)
        made.extend((client, listener))
        return listener, Tools(client, Allowance(**allowed))

    yield make
    for one in made:
        one.close()


REFUSED = {"title": "not found", "status": 404, "code": "not_found", "hint": "", "exit_code": 4}


@pytest.mark.parametrize(
    "answer", [None, b"", http(404, REFUSED), http(500, {}), http(200, [1]), http(200, {"hint": "pay"})],
    ids=["silence", "hung-up", "refused", "failed", "no-object", "another-shape"],
)  # fmt: skip
def test_what_was_sent_counts_for_good_whatever_became_of_it(monkeypatch, listening, answer):
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.5)
    node, tools = listening(answer, most_units=1_000)
    with pytest.raises(FreeholdError):
        tools.perform("predict", CALL)
    assert len(node.asked) == 1
    with pytest.raises(AssistantNotAllowed) as caught:
        tools.perform("predict", CALL)
    assert caught.value.fields["left_units"] == 300
    assert len(node.asked) == 1


NOTHING_SENT = {
    "nan": ("predict", {**CALL, "rows": [[float("nan")]]}),
    "infinite": ("predict", {**CALL, "rows": [[float("inf")]]}),
    "digits": ("predict", {**CALL, "deposit_calls": 10**5_000}),
    "half a pair": ("predict", {**CALL, "model": "\ud800"}),
    "list": ("predict", {**CALL, "model": [ANY]}),
    "no rows": ("predict", {"model": ANY, "at_most_units": 1}),
    "true dollars": ("predict", {**CALL, "at_most_units": True}),
    "less than nothing": ("predict", {**CALL, "at_most_units": -1}),
    "no path argument": ("progress", {}),
    "empty path argument": ("progress", {"job": ""}),
    "dots": ("progress", {"job": ".."}),
    "none": ("search", {"q": None}),
    "number as text": ("search", {"limit": "5"}),
    "boolean as number": ("search", {"limit": True}),
    "file of a list": ("inspect", {"path": ["a"], "label": "y"}),
    "nul": ("inspect", {"path": "a\0b", "label": "y"}),
    "loop": ("inspect", {"path": "loop", "label": "y"}),
    "pipe": ("inspect", {"path": "pipe", "label": "y"}),
    "folder": ("inspect", {"path": "inner", "label": "y"}),
    "the folder": ("inspect", {"path": ".", "label": "y"}),
    "no file": ("inspect", {"path": "", "label": "y"}),
    "long": ("inspect", {"path": "x" * 5_000, "label": "y"}),
    "commitment of nobody": ("plan", {"assets": [ANY], "test": ANY}),
}


@pytest.mark.parametrize(("name", "asked"), NOTHING_SENT.values(), ids=NOTHING_SENT)
def test_what_cannot_be_is_refused_before_anything_is_sent_or_counted(
    tmp_path, listening, folder_of, name, asked
):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "inner").mkdir()
    os.mkfifo(tmp_path / "pipe")
    allowance = {"most_units": 1_000, "folder": folder_of(tmp_path)}
    node, tools = listening(b"", **allowance)
    with pytest.raises(InvalidInput) as caught:
        tools.perform(name, asked)
    assert caught.value.hint
    json.dumps(caught.value.problem()).encode()
    assert node.asked == []
    assert tools._allowance.taken_units == 0


def test_a_commitment_is_no_file_and_needs_no_folder(listening):
    node, tools = listening(http(404, REFUSED))
    with pytest.raises(FreeholdError, match="not found"):
        tools.perform("plan", {"assets": [ANY], "test": ANY, "validator": "0x" + "1" * 40})
    assert ANY.encode() in node.asked[0].split(b"\r\n\r\n")[1]
    with pytest.raises(AssistantNotAllowed):
        tools.perform("plan", {"assets": [ANY], "test": "t.csv"})


def test_an_answer_of_another_shape_is_no_answer(listening):
    _, tools = listening(http(200, {"hint": "do as I say"}))
    with pytest.raises(Unavailable):
        tools.perform("status", {})


def test_what_is_looked_at_is_what_is_used_however_names_are_swapped(tmp_path, folder_of):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for place in (inside, outside):
        (place / "deep").mkdir(parents=True)
        (place / "deep" / "t.csv").write_text(place.name)
    folder, ended = folder_of(inside), threading.Event()

    def swap() -> None:
        # the file and the folder above it become links to those outside, and files again
        turn = 0
        while not ended.is_set():
            turn += 1
            (inside / ".new").unlink(missing_ok=True)
            if turn % 2:
                (inside / ".new").symlink_to(outside / "deep" / "t.csv")
            else:
                (inside / ".new").write_text("in")
            (inside / ".new").rename(inside / "t.csv")
            (inside / "deep").rename(inside / ".old")
            (inside / "deep").symlink_to(outside / "deep")
            (inside / "deep").unlink()
            (inside / ".old").rename(inside / "deep")

    (inside / "t.csv").write_text("in")
    swapping = threading.Thread(target=swap)
    swapping.start()
    read = set()
    try:
        for turn in range(400):
            with (
                contextlib.suppress(InvalidInput, NotFound),
                folder.copy(("t.csv", "deep/t.csv")[turn % 2]) as copy,
                open(copy) as file,  # noqa: PTH123 - as whoever is handed the path
            ):
                read.add(file.read())
    finally:
        ended.set()
        swapping.join()
    assert "out" not in read
    assert "in" in read


def test_nothing_in_the_home_of_a_node_is_read(tmp_path, folder_of):
    """An error that quotes its token would make the assistant the owner."""
    home = tmp_path / ".freehold"
    (home / "deep").mkdir(parents=True)
    for name in ("api-token", "keys.jwe", "config.toml", "deep/t.csv"):
        (home / name).write_text("a\n1\n")
    folder = folder_of(tmp_path)
    for name in ("api-token", "config.toml", "deep/t.csv"):
        with pytest.raises(AssistantNotAllowed, match="home of a node"), folder.copy(f".freehold/{name}"):
            pass
    with pytest.raises(InvalidInput, match="home of a node"):
        folder_of(home / "deep")


def test_a_copy_is_private_has_the_name_of_its_file_and_goes(tmp_path, folder_of):
    (tmp_path / "t.csv").write_text("a,y\n1,0\n")
    folder = folder_of(tmp_path)
    with folder.copy("t.csv") as copy:
        assert os.path.basename(copy) == "t.csv"  # noqa: PTH119
        assert os.stat(copy).st_mode & 0o077 == 0  # noqa: PTH116
        assert os.stat(os.path.dirname(copy)).st_mode & 0o077 == 0  # noqa: PTH116, PTH120
    assert not os.path.exists(os.path.dirname(copy))  # noqa: PTH110, PTH120


def test_copies_of_a_killed_server_go_and_those_of_a_running_one_stay(tmp_path, folder_of, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "t.csv").write_text("secret")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom freehold.shell.mcp.folder import Folder\n"
        "with Folder(Path(sys.argv[1])).copy('t.csv') as copy:\n    print(copy, flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        left = Path(killed.stdout.readline().strip())
        with folder_of(tmp_path).copy("t.csv") as other:
            assert left.read_text() == "secret"
            killed.kill()
            killed.wait()
            folder_of(tmp_path)
            assert not left.exists()
            assert Path(other).read_text() == "secret"


def test_a_file_that_is_too_large_is_not_copied_whole(tmp_path, monkeypatch, folder_of):
    monkeypatch.setattr("freehold.shell.mcp.folder.MOST_BYTES", 1_000)
    (tmp_path / "t.csv").write_bytes(b"x" * 1_001)
    with pytest.raises(InvalidInput, match="over"), folder_of(tmp_path).copy("t.csv"):
        pass


HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
    },
}  # fmt: skip


def test_a_token_opens_no_server_of_other_limits_at_its_port(tmp_path, monkeypatch, capsys):
    (tmp_path / "tables").mkdir()
    monkeypatch.setattr(uvicorn.Server, "run", lambda _self, sockets: sockets[0].close())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    one, other = frozenset({"search"}), frozenset({"quote"})
    with contextlib.closing(Folder(tmp_path / "tables")) as folder:
        tokens = []
        for limits in [
            {"reads_only": True}, {}, {"most_units": 5}, {"most_units": 6}, {"folder": folder},
            {"only": one}, {"only": other}, {"only": one | other}, {"reads_only": True},
        ]:  # fmt: skip
            tools = Tools(NodeClient("http://127.0.0.1:1", "token", home=tmp_path), Allowance(**limits))
            over_http(tools, tmp_path, port)
            file = re.search(r"its token lies in (.+)", capsys.readouterr().err)[1]
            tokens.append(Path(file).read_text())
    assert len(set(tokens[:-1])) == len(tokens) - 1
    assert tokens[-1] == tokens[0], "the same limits: a client that is configured goes on"


def test_sessions_are_bounded_and_end_when_nobody_asks(listening, monkeypatch):
    # a server of this process that a test before this one ended by a signal would cut every answer short:
    # the library keeps that in one flag of the process, which nothing takes back
    monkeypatch.setattr(AppStatus, "should_exit", False)
    _, tools = listening(b"")
    app = application(tools, "secret", idle_seconds=2)
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        until(lambda: running.started)
        port = running.servers[0].sockets[0].getsockname()[1]
        headers = {"authorization": "Bearer secret", "accept": "application/json, text/event-stream"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as asking:
            until(lambda: asking.post("/mcp", json=HELLO).status_code == 503)
            until(lambda: asking.post("/mcp", json=HELLO).status_code == 200)
        assert MOST_SESSIONS <= 100
    finally:
        running.should_exit = True
        thread.join()


def until(true):
    for _ in range(600):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it never came")


def test_what_others_may_act_on_at_once_or_what_lies_on_chain_is_marked(listening):
    _, tools = listening(b"")
    marked = {one.name: one.annotations for one in anyio.run(tools._list, None, None).tools}
    for name in ("close_channel", "serve", "offer", "set_approval", "anchor", "settle", "publish"):
        assert marked[name].destructive_hint is True, name
        assert marked[name].idempotent_hint is False, name


def test_an_answer_that_is_not_final_has_a_schema_too(listening):
    _, tools = listening(b"", most_units=10)
    schemas = {one.name: one.output_schema for one in anyio.run(tools._list, None, None).tools}
    for name, one in operations().items():
        if one.waiting is not None:
            said = one.waiting.model_json_schema(mode="serialization")["properties"]
            parts = [schemas[name]["$defs"][part["$ref"].split("/")[-1]] for part in schemas[name]["anyOf"]]
            assert said.keys() in [part["properties"].keys() for part in parts], name
    assert "GrantPending" in schemas["grant"]["$defs"]


def test_terms_that_are_left_out_are_the_owners_so_a_schema_says_no_default(listening):
    """An assistant that fills in defaults would publish for nothing, to everybody."""
    _, tools = listening(b"")
    publish = next(one for one in anyio.run(tools._list, None, None).tools if one.name == "publish")
    for name in ("price_units", "max_uses", "days", "approval"):
        assert "default" not in publish.input_schema["properties"][name], name


@pytest.mark.parametrize(
    ("words", "why"),
    [(("--read-only", "--max", "3"), "--read-only buys nothing"), (("--port", "5"), "--port is for --http")],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, capsys, words, why):
    assert main(["mcp", *words, "--home", str(tmp_path)]) == 2
    assert why in capsys.readouterr().err
