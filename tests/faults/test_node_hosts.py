"""Under which names a node answers, and which name a signed request must be for."""

import json
import secrets
import socket
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import node_tables
import peer_calls
import pytest
from node_process import Process
from node_world import BUDGET, Party, World, free_port
from raw_http import Wire

import freehold
from freehold.core import origins
from freehold.core.http_signature import Stamp, sign_request
from freehold.core.signature_base import Request
from freehold.kernel import pending

NAMED = {
    # what the endpoint was typed as -> what a client, or the proxy before the node, may say in Host
    "http://north.example:80": ["north.example", "north.example:80", "NORTH.Example.", "127.0.0.1:7400"],
    "https://north.example:443": ["north.example", "north.example:443", "localhost:7400"],
    "https://north.example:8443": ["north.example:8443", "north.example"],
    "HTTPS://North.Example/": ["north.example"],
    "https://bücher.example": ["xn--bcher-kva.example", "xn--bcher-kva.example:443"],
    "http://[2001:DB8:0::1]:80": ["[2001:db8::1]", "[2001:db8:0:0::1]:80"],
}


@pytest.fixture(scope="module")
def caller(world: World) -> Party:
    return world.party("caller")


@pytest.fixture(scope="module")
def rebound(world: World) -> Party:
    return world.party("rebound", endpoint="https://north.example")


def hello(caller: Party, target: Party, host: str, authority: str, **more) -> httpx.Response:
    """An introduction signed for `authority`, sent to where the node listens, under `host`."""
    body = json.dumps({"party": caller.node.party.to_json()}).encode()
    stamp = Stamp(caller.account, caller.node.now(), secrets.token_urlsafe(18))
    headers = sign_request(
        Request("POST", authority, "/peer/hello", "", body), stamp, caller.node.keys.log_seed
    )
    with httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{target.port}/peer/hello"
        return client.post(url, content=body, headers={"host": host, **headers, **more})


@pytest.mark.parametrize("typed", NAMED)
def test_an_endpoint_however_spelled_is_one_name_to_sign_for(world, caller, typed):
    node = world.party("north", endpoint=typed)
    signed_for = origins.parse(typed).authority
    for host in NAMED[typed]:
        answer = hello(caller, node, host, signed_for)
        assert answer.status_code == 200, (host, answer.text)
    refused = hello(caller, node, NAMED[typed][0], "south.example")
    assert (refused.status_code, refused.json()["code"]) == (401, "signature.invalid")


def test_a_request_for_one_node_is_worth_nothing_at_another_whatever_host_is_said(world, caller):
    north, south = (world.party(name, endpoint=f"https://{name}.example") for name in ("north", "south"))
    for host in ("south.example", "127.0.0.1", f"localhost:{south.port}"):
        assert hello(caller, south, host, "north.example").status_code == 401
    refused = hello(caller, south, "localhost", "north.example").json()
    assert "south.example" in refused["hint"]
    assert hello(caller, north, "north.example", "north.example").status_code == 200


def test_a_second_name_of_a_node_counts_if_its_owner_says_so(world, caller):
    node = world.party("north", endpoint="https://north.example", console_hosts=("my.north.example",))
    assert hello(caller, node, "my.north.example", "my.north.example").status_code == 200
    assert hello(caller, node, "my.north.example", "north.example").status_code == 401


def test_a_forwarded_host_is_not_believed(world, caller):
    node = world.party("north", endpoint="https://north.example")
    forwarded = {
        "x-forwarded-host": "south.example",
        "forwarded": "host=south.example",
        "x-forwarded-proto": "https",
    }
    assert hello(caller, node, "north.example", "south.example", **forwarded).status_code == 401
    assert hello(caller, node, "north.example", "north.example", **forwarded).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/.well-known/freehold.json", "/catalogue", "/log/checkpoint", "/v1/models", "/healthz", "/readyz",
             "/metrics", "/openapi.json", "/api/status", "/nothing"],
)  # fmt: skip
def test_no_route_answers_under_a_strangers_name(rebound, path):
    with httpx.Client(trust_env=False) as client:
        for host in ("evil.example", f"evil.example:{rebound.port}", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example"):  # fmt: skip
            answer = client.get(f"http://127.0.0.1:{rebound.port}{path}", headers={"host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "http.host"), host
            assert answer.json()["hint"]
        for host in ("north.example", "127.0.0.1", f"localhost:{rebound.port}", "[::1]:7400"):
            answer = client.get(f"http://127.0.0.1:{rebound.port}{path}", headers={"host": host})
            assert answer.status_code != 421, host


@pytest.mark.parametrize("path", ["/v1/predict", "/peer/hello", "/peer/grants"])
def test_nor_does_what_takes_a_body(rebound, path):
    with httpx.Client(trust_env=False) as client:
        answer = client.post(
            f"http://127.0.0.1:{rebound.port}{path}", content=b"{}", headers={"host": "evil.example"}
        )
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "lines",
    [b"GET /catalogue HTTP/1.0\r\n", b"GET /catalogue HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n",
     b"GET /catalogue HTTP/1.1\r\nhost: localhost/evil\r\n", b"GET /catalogue HTTP/1.1\r\nhost: a@localhost\r\n",
     b"GET /catalogue HTTP/1.1\r\nhost:\r\n", b"GET /catalogue HTTP/1.1\r\nhost: 0x7f.1\r\n"],
    ids=range(6),
)  # fmt: skip
def test_a_host_that_is_none_or_two_is_refused(rebound, lines):
    with Wire(f"http://127.0.0.1:{rebound.port}") as wire:
        wire.send(lines + b"\r\n")
        assert wire.status() == 400


def test_requests_dated_ahead_are_remembered_on_disk_and_are_bounded_there(world, caller, monkeypatch):
    """A process that begins knows nothing of strangers; it refuses what was signed before, but not what is to come."""
    node = world.party("north")
    body = {"party": caller.node.party.to_json()}
    ahead = [peer_calls.signed(caller, node, "/peer/hello", body, skew_seconds=40) for _ in range(4)]
    monkeypatch.setattr(pending, "MOST_AHEAD", 3)
    found = [peer_calls.send(node, "/peer/hello", *one) for one in ahead]
    assert [answer.status_code for answer in found] == [200, 200, 200, 503]
    assert found[-1].json()["code"] == "store.nonces_full"
    assert found[-1].headers["retry-after"]
    monkeypatch.setattr(pending, "MOST_AHEAD", 9)
    # as after a restart
    node.services.nonces = pending.Nonces(node.node.now())
    assert peer_calls.send(node, "/peer/hello", *ahead[0]).json()["code"] == "peer.replayed"
    assert peer_calls.send(node, "/peer/hello", *ahead[3]).status_code == 200
    assert node.node.store.rows("SELECT count(*) FROM nonces")[0][0] == 4
    # once they are too old to count again, they make room
    assert not node.node.store.seen_nonce("later", node.node.now() + 999, node.node.now() + 500)
    assert node.node.store.rows("SELECT count(*) FROM nonces")[0][0] == 1


def test_a_request_counts_once_also_if_its_sender_becomes_a_partner_meanwhile(world, caller):
    node = world.party("north")
    sent = peer_calls.signed(caller, node, "/peer/hello", {"party": caller.node.party.to_json()})
    assert peer_calls.send(node, "/peer/hello", *sent).status_code == 200
    node.node.befriend(caller.account)
    assert peer_calls.send(node, "/peer/hello", *sent).json()["code"] == "peer.replayed"


def test_a_request_counts_once_also_after_a_kill_and_a_restart(world, caller, tmp_path):
    node = Process(tmp_path / "killed", world.rpc_url, port=free_port()).start()
    try:
        target = SimpleNamespace(url=node.url, node=caller.node)
        body = {"party": caller.node.party.to_json()}
        sent = [peer_calls.signed(caller, target, "/peer/hello", body, skew_seconds=skew) for skew in (0, 45)]
        assert [peer_calls.send(target, "/peer/hello", *one).status_code for one in sent] == [200, 200]
        assert node.kill()
        node.start()
        for one in sent:
            again = peer_calls.send(target, "/peer/hello", *one)
            assert (again.status_code, again.json()["code"]) == (401, "peer.replayed")
    finally:
        node.kill()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_node_on_ipv6_is_a_node_like_any_other(world, tmp_path):
    node, other = (
        Process(tmp_path / name, world.rpc_url, host="::1", port=free_port()).start()
        for name in ("six", "other")
    )
    try:
        port = urlsplit(node.url).port
        assert node.url == f"http://[::1]:{port}"
        with httpx.Client(trust_env=False) as client:
            about = client.get(f"{node.url}/.well-known/freehold.json").json()
            assert client.get(f"{node.url}/healthz", headers={"host": f"localhost:{port}"}).status_code == 200
        assert about["party"]["document"]["endpoints"] == [node.url]
        curl = subprocess.run(["curl", "-gsS", f"{node.url}/healthz"], capture_output=True, text=True, check=False)  # fmt: skip
        assert curl.returncode == 0, curl.stderr
        assert json.loads(curl.stdout)["ok"] is True
        told = subprocess.run(
            [sys.executable, "-m", "freehold", "status", "--home", node.home, "--json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["url"] == node.url
        assert freehold.connect(node.home).status().account == node.account
        # a signed request from one to the other, which answers that its terms have no queries
        table = node_tables.write(tmp_path / "t.csv", node_tables.make(24, seed=1))
        offer = {"path": str(table), "label": node_tables.LABEL, "name": "six", "price_units": 0, **BUDGET}
        made = other.api("/publish", {**offer})["asset"]["id"]
        node.api("/peers", {"url": f"http://[0:0:0:0:0:0:0:1]:{urlsplit(other.url).port}/"})
        token = (node.home / "api-token").read_text().strip()
        with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {token}"}) as client:
            asked = client.post(f"{node.url}/api/grants", json={"asset": made, "action": "query"})
        assert asked.json()["fields"] == {"field": "actions", "peer": other.url, "peer_code": "not_allowed"}
    finally:
        for one in (node, other):
            one.kill()
