"""The control API's client against a real HTTP server that answers what a node would."""

import importlib
import json
import pkgutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import freehold
from freehold.core.errors import Conflict, NotAllowed, Unavailable, VerificationFailed
from freehold.kernel.client import NodeClient, NodeNotRunning, NodeRefused, exit_code


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
    (tmp_path / "node.json").write_text(json.dumps(about))
    (tmp_path / "api-token").write_text("right\n")
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
    assert caught.value.problem()["code"] == "grant.changed"
    assert caught.value.problem()["fields"] == {"grant": "0x1"}
    assert exit_code(caught.value) == Conflict.exit_code


def test_a_wrong_token_is_refused_without_showing_it(home):
    (home / "api-token").write_text("wrong-token\n")
    with pytest.raises(NodeRefused) as caught:
        NodeClient.of(home).get("/api/status")
    assert "wrong-token" not in str(caught.value.problem())
    assert exit_code(caught.value) == 3


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
    assert exit_code(caught.value) == 8
    assert exit_code(NotAllowed("no")) == 6


def _below(kind):
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def test_what_does_not_verify_ends_with_its_own_exit_code_whatever_kind_it_is():
    for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [VerificationFailed, *_below(VerificationFailed)]
    assert len({kind.code for kind in kinds}) > 5
    for kind in kinds:
        assert exit_code(NodeRefused(422, {"code": kind.code})) == kind.exit_code, kind.code
