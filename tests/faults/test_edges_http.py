"""What monitors and proxies ask of a node, and what it answers where something foreign fails inside."""

from __future__ import annotations

import sqlite3

import httpx
import pytest
from node_process import Process
from node_world import World

from freehold.core.errors import NotFound
from freehold.kernel import faults

CHANGE_BY_THEMSELVES = {"/metrics", "/readyz", "/api/status", "/api/work"}
CHANGING = {"date", "x-request-id", "server"}


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory):
    started = Process(tmp_path_factory.mktemp("edges") / "node", world.rpc_url).start()
    yield started
    assert "Traceback" not in started.log()
    started.terminate(40)


@pytest.fixture(scope="module")
def client(node: Process):
    token = (node.home / "api-token").read_text().strip()
    with httpx.Client(
        base_url=node.url, trust_env=False, timeout=30, headers={"authorization": f"Bearer {token}"}
    ) as made:
        yield made


def test_whatever_can_be_got_answers_head_with_the_same_head_and_nothing_after_it(client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    tried = [path for path, said in paths.items() if "get" in said and "{" not in path]
    tried += ["/openapi.json", "/log/tile/0/000", "/documents/0x00", "/nothing", "/api/nothing"]
    assert {"/healthz", "/readyz", "/log/checkpoint", "/catalogue", "/metrics"} <= set(tried)
    for path in tried:
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert set(head.headers) - CHANGING == set(got.headers) - CHANGING, path
        assert head.headers["content-type"] == got.headers["content-type"], path
        if path not in CHANGE_BY_THEMSELVES:
            assert head.headers["content-length"] == got.headers["content-length"], path


def test_a_method_that_an_address_has_not_is_told_those_it_has(client) -> None:
    said = {
        path: client.request(verb, path) for verb, path in [("DELETE", "/healthz"), ("GET", "/peer/hello")]
    }
    assert {path: (one.status_code, one.headers["allow"]) for path, one in said.items()} == {
        "/healthz": (405, "GET, HEAD"),
        "/peer/hello": (405, "POST"),
    }
    assert client.head("/peer/hello").status_code == 405
    both = [path for path, verbs in client.get("/openapi.json").json()["paths"].items() if len(verbs) > 1]
    for path in both:
        answer = client.request("PATCH", path.replace("{", "").replace("}", ""))
        assert answer.headers["allow"] == "GET, HEAD, POST", path


def test_a_node_says_a_full_disk_and_no_path_of_its_own() -> None:
    full = faults.met_by_node(OSError(28, "No space left on device", "/home/me"), "/x", None)
    assert (full.code, full.http_status) == ("blob.full", 507)
    own = faults.met_by_node(PermissionError(13, "Permission denied", "/home/me/secret"), "/x", None)
    assert (own.code, own.http_status) == ("internal.fault", 500)
    assert "secret" not in own.said
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert faults.met_by_node(busy, "/x", None).http_status == 503
    ours = NotFound("x")
    assert faults.met_by_node(ours, "/x", None) is ours


@pytest.mark.parametrize(
    "name", [" ", "\u200b", "x" * 201, "a\nb"], ids=["space", "zero-width", "long", "lines"]
)
def test_a_name_that_cannot_be_read_is_refused_at_the_door(client, tmp_path, name) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{n},{n % 2}\n" for n in range(40)))
    answer = client.post("/api/publish", json={"path": str(tmp_path / "t.csv"), "label": "y", "name": name})
    assert answer.status_code == 422
    assert "name" in answer.json()["title"]
