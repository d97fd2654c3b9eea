"""Who gets as far as a page at all."""

import asyncio

import pytest

from freehold.console.gate import Gate

LOCAL, REMOTE = ("127.0.0.1", 5), ("203.0.113.9", 5)


def status(hosts, client, method="GET", **headers: str) -> int:
    async def inside(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    said = []

    async def send(message):
        said.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/console/", "headers": named, "client": client}
    asyncio.run(Gate(inside, hosts)(scope, receive, send))
    sent = dict(said[0]["headers"])
    assert b"default-src 'none'" in sent[b"content-security-policy"], "refusals carry the headers too"
    assert sent[b"cache-control"] == b"no-store"
    return said[0]["status"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7400", "localhost:1", "[::1]:7400"])
def test_this_machine_may(host):
    assert status((), LOCAL, host=host) == 200
    assert status((), ("::1", 5), host=host) == 200
    assert status((), REMOTE, host=host) == 403
    assert status((), None, host=host) == 403
    assert status((), ("not an address", 5), host=host) == 403


def test_other_names_only_by_setting():
    assert status((), LOCAL, host="data.example.org") == 403
    assert status(("Data.example.org",), LOCAL, host="data.example.org", x_forwarded_for="203.0.113.9") == 200
    assert status(("data.example.org",), REMOTE, host="data.example.org:443") == 200
    assert status(("data.example.org",), REMOTE, host="localhost") == 403
    assert status(("data.example.org",), LOCAL, host="data.example.org.evil.example") == 403
    assert status(("data.example.org",), LOCAL) == 403, "a request without a Host"


def test_a_proxy_that_passes_this_machines_name_on_is_refused():
    for header in ("x_forwarded_for", "forwarded", "x_real_ip"):
        assert status((), LOCAL, host="localhost", **{header: "for=203.0.113.9"}) == 403


def test_changes_come_from_own_pages():
    own = {"host": "127.0.0.1:7400"}
    assert status((), LOCAL, "POST", **own, sec_fetch_site="same-origin") == 200
    assert status((), LOCAL, "POST", **own, origin="http://127.0.0.1:7400") == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert status((), LOCAL, method, **own) == 403
        assert status((), LOCAL, method, **own, origin="http://127.0.0.1:7401") == 403
