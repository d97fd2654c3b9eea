"""The control API's client against a real HTTP server that answers what a node would."""

import contextlib
import fcntl
import importlib
import json
import os
import pkgutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

import freehold
from freehold.core.errors import Conflict, FreeholdError, InvalidInput, Unavailable
from freehold.kernel.client import NodeClient, NodeNotRunning, NodeRefused, is_bearer
from freehold.kernel.door import problem
from freehold.kernel.operation import Effect, Operation, Request
from freehold.shell import daemon


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        given = self.headers.get("authorization")
        if given != "Bearer right":
            self.answer(
                401, {"title": "this needs the node's API token", "code": "api.token", "hint": "look"}
            )
        elif self.path == "/api/conflict":
            problem = Conflict("it changed", hint="try again", grant="0x1").problem()
            self.answer(409, {**problem, "code": "grant.changed"})
        elif self.path == "/api/list":
            self.answer(200, [1, 2])
        elif self.path == "/api/broken":
            self.answer(502, None)
        elif self.path.startswith("/api/elsewhere/"):
            self.answer(int(self.path.rsplit("/", 1)[1]), {})
        else:
            self.answer(200, {"path": self.path})

    def do_POST(self):
        size = int(self.headers["content-length"])
        self.answer(200, {"got": json.loads(self.rfile.read(size))})

    def answer(self, status, value):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"<html>" if value is None else json.dumps(value).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def home(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    about = {"url": f"http://127.0.0.1:{server.server_port}", "pid": 1, "account": "0x"}
    (tmp_path / "api-token").write_text("right\n")
    with daemon.lock(tmp_path):
        (tmp_path / "node.json").write_text(json.dumps(about))
        yield tmp_path
    server.shutdown()
    server.server_close()


def test_it_sends_token_query_and_body(home):
    node = NodeClient.of(home)
    assert node.get("/api/search", q="a b", kind="") == {"path": "/api/search?q=a+b&kind="}
    assert node.post("/api/x", {"a": 1}) == {"got": {"a": 1}}
    assert node.post("/api/x") == {"got": {}}


def test_a_refusal_keeps_the_nodes_code_hint_and_fields(home):
    with pytest.raises(NodeRefused) as caught:
        NodeClient.of(home).get("/api/conflict")
    assert caught.value.message == "it changed"
    assert caught.value.hint == "try again"
    assert caught.value.code == caught.value.problem()["code"] == "grant.changed"
    assert caught.value.problem()["fields"] == {"grant": "0x1"}
    assert caught.value.exit_code == Conflict.exit_code


def test_a_wrong_token_is_refused_without_showing_it(home):
    (home / "api-token").write_text("wrong-token\n")
    with pytest.raises(NodeRefused) as caught:
        NodeClient.of(home).get("/api/status")
    assert "wrong-token" not in str(caught.value.problem())
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("status", [201, 204, 301, 307, 308])
def test_what_no_operation_answers_is_no_success(home, status):
    with pytest.raises(NodeRefused, match=f"HTTP {status}"):
        NodeClient.of(home).get(f"/api/elsewhere/{status}")


class Looked(Request):
    """Look at a bell."""

    bell: str
    """Which."""


def test_what_is_too_long_for_an_address_is_refused_before_it_is_sent(home):
    node, long = NodeClient.of(home), "x" * 100_000
    look = Operation("bells.show", Looked, dict[str, str], "/bells/{bell}", Effect.READS)
    for ask in (lambda: node.perform(look, {"bell": long}), lambda: node.get("/api/search", text=long)):
        with pytest.raises(InvalidInput, match="too long"):
            ask()


@pytest.mark.parametrize("said", ["", ".", "..", None, "\ud800"])
def test_a_part_of_a_path_that_leads_elsewhere_is_not_sent(home, said):
    look = Operation("bells.show", Looked, dict[str, str], "/bells/{bell}", Effect.READS)
    with pytest.raises(InvalidInput, match=r"^bell is "):
        NodeClient.of(home).perform(look, {} if said is None else {"bell": said})
    for good in ("a/b", "../c", "a?b#c", "%2e%2e", "é"):
        sent = NodeClient.of(home).perform(look, {"bell": good})["path"]
        assert sent.count("/") == 3
        assert unquote(sent) == f"/api/bells/{good}"


def test_answers_that_are_no_objects_are_refused(home):
    with pytest.raises(Unavailable):
        NodeClient.of(home).get("/api/list")
    with pytest.raises(NodeRefused, match="HTTP 502"):
        NodeClient.of(home).get("/api/broken")


def test_a_proxy_of_the_environment_is_not_used(home, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert NodeClient.of(home).get("/api/status") == {"path": "/api/status"}


def test_errors_that_are_not_a_nodes_keep_their_own_exit_code(tmp_path):
    with pytest.raises(NodeNotRunning) as caught:
        NodeClient.of(tmp_path)
    assert caught.value.exit_code == 8


def _below(kind):
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def test_a_command_ends_with_the_same_code_whether_it_or_its_node_met_the_error():
    for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [FreeholdError, *(one for one in _below(FreeholdError) if one.__module__.startswith("freehold."))]
    assert len({kind.code for kind in kinds}) > 100
    for kind in kinds:
        error = kind.__new__(kind)
        FreeholdError.__init__(error, "it went wrong")
        error.status, error._problem = 0, {}  # what a refusal keeps of another's
        answer = problem(error)
        refused = NodeRefused(answer.status_code, json.loads(answer.body))
        assert refused.exit_code == kind.exit_code, kind.code
        assert refused.problem() == error.problem()


@pytest.mark.parametrize("said", [None, True, 0, 126, "2", 2.0])
def test_a_refusal_without_a_usable_exit_code_counts_by_its_status(said):
    error = NodeRefused(404, {"title": "no", "exit_code": said})
    assert (error.exit_code, error.problem()["exit_code"]) == (4, 4)
    assert NodeRefused(502, {"exit_code": said}).exit_code == 1


@pytest.mark.parametrize("found_before", [False, True])
def test_the_token_is_not_shown_to_whoever_listens_where_a_node_was(tmp_path, found_before):
    """A node that was killed leaves its address; any program may listen there next, or have the number of its process."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (tmp_path / "api-token").write_text("secret")
        with daemon.lock(tmp_path):
            (tmp_path / "node.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
            client = NodeClient.of(tmp_path)
        with pytest.raises(NodeNotRunning):
            (client if found_before else NodeClient.of(tmp_path)).get("/api/status")
        with contextlib.suppress(TimeoutError):
            heard.append(listener.accept())
        with daemon.lock(tmp_path), pytest.raises(NodeNotRunning):
            # a command that is no node, such as `chain forget`
            (client if found_before else NodeClient.of(tmp_path)).get("/api/status")
        with contextlib.suppress(TimeoutError):
            heard.append(listener.accept())
    assert heard == []


def test_a_moments_look_of_a_client_refuses_no_start(tmp_path):
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        ended = threading.Timer(0.2, fcntl.flock, (look, fcntl.LOCK_UN))
        ended.start()
        daemon.lock(tmp_path).close()
        ended.join()


def test_a_client_follows_a_node_that_came_back_elsewhere(home):
    about = (home / "node.json").read_text()
    (home / "node.json").write_text(json.dumps({"url": "http://127.0.0.1:9"}))
    client = NodeClient.of(home)
    (home / "node.json").write_text(about)
    assert client.get("/api/search", q="a b", kind="") == {"path": "/api/search?q=a+b&kind="}


@pytest.mark.parametrize(
    "url", ["", "x", "http://[::1", "http://xn--/", "ftp://a/", None, ["a"], "http://a:99999"]
)
def test_an_address_of_any_shape_is_no_traceback(home, url):
    (home / "node.json").write_text(json.dumps({"url": url}))
    with pytest.raises(NodeNotRunning):
        NodeClient.of(home).get("/api/status")


def test_what_is_no_text_is_refused_before_it_is_sent(home):
    with pytest.raises(InvalidInput):
        NodeClient.of(home).get("/api/search", q="\udcff")


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"Bearer right", True),
        (b"bearer right", True),
        (b"BEARER  right", True),
        (b"Basic right", False),
        (b"", False),
    ],
)
def test_the_scheme_of_a_token_is_read_in_any_case(header, shown):
    assert is_bearer(header, "right") is shown
