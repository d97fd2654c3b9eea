"""Who gets as far as a page at all."""

import asyncio

import pytest
from starlette.datastructures import Headers

from freehold.shell.web.gate import Gate

LOCAL, REMOTE = ("127.0.0.1", 5), ("203.0.113.9", 5)


def status(hosts, client, method="GET", **headers: str) -> int:
    return answered(hosts, client, method, **headers)[0]


def answered(hosts, client, method="GET", **headers: str) -> tuple[int, bytes]:
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
    return said[0]["status"], said[1]["body"]


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


GOOD = {"host": "127.0.0.1:7400", "sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:7400"}


def test_without_https_a_form_is_refused_with_the_reason():
    said = answered(("north.example",), ("10.0.0.7", 5), "POST", host="north.example", origin="null")
    assert said[0] == 403
    assert b"put HTTPS before the console" in said[1]
    other = answered(
        ("north.example",), ("10.0.0.7", 5), "POST", host="north.example", origin="http://evil.example"
    )
    assert other == (403, b"this request comes from another site\n")


def test_one_guard_at_a_time():
    """Every row is the good request with one thing wrong, so that no other guard answers for it."""
    assert status((), LOCAL, "POST", **GOOD) == 200
    wrong = (
        {"host": "evil.example"}, {"host": ""}, {"host": "127.0.0.1.evil.example"}, {"host": "[::1"},
        {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"sec_fetch_site": "none"},
        {"sec_fetch_site": ""}, {"sec_fetch_site": "SAME-ORIGIN"},
        {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:7401"}, {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:7400.evil.example"}, {"origin": "file://"}, {"origin": ""},
        {"x_forwarded_for": "203.0.113.9"}, {"x_forwarded_host": "x"}, {"x_real_ip": "203.0.113.9"}, {"forwarded": "for=x"},
    )  # fmt: skip
    for one in wrong:
        assert status((), LOCAL, "POST", **{**GOOD, **one}) == 403, one
    without = {name: value for name, value in GOOD.items() if name != "host"}
    assert status((), LOCAL, "POST", **without) == 403
    assert status((), LOCAL, "POST", host=GOOD["host"]) == 403, "neither where from nor whose"
    # one of the two is enough, and a browser that hides the origin says null
    for kept in ({"origin": GOOD["origin"]}, {"sec_fetch_site": "same-origin"}, {"sec_fetch_site": "same-origin", "origin": "null"}):  # fmt: skip
        assert status((), LOCAL, "POST", host=GOOD["host"], **kept) == 200, kept
    assert status((), LOCAL, "POST", host=GOOD["host"], origin="null") == 403


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "ANY"]
)
def test_only_looking_needs_no_origin(method):
    assert status((), LOCAL, "GET", host=GOOD["host"], sec_fetch_site="cross-site") == 200, (
        "a link may lead here"
    )
    assert status((), LOCAL, "HEAD", host=GOOD["host"]) == 200
    assert status((), LOCAL, method, host=GOOD["host"], sec_fetch_site="cross-site") == 403


def test_two_hosts_are_no_host():
    scope = {"type": "http", "method": "GET", "path": "/console/", "client": LOCAL,
             "headers": [(b"host", b"127.0.0.1"), (b"host", b"127.0.0.1")]}  # fmt: skip
    assert "exactly one Host" in Gate(lambda *_: None)._refusal(scope, Headers(scope=scope))


def test_nothing_is_framed_whatever_a_page_says():
    async def inside(scope, receive, send):
        headers = [(b"content-security-policy", b"frame-ancestors *"), (b"x-frame-options", b"ALLOWALL")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    said = []

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": "/console/", "client": LOCAL, "headers": [(b"host", b"localhost")]}  # fmt: skip
    asyncio.run(Gate(inside)(scope, None, send))
    sent = said[0]["headers"]
    assert [value for name, value in sent if name == b"x-frame-options"] == [b"DENY"]
    (policy,) = [value.decode() for name, value in sent if name == b"content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "frame-ancestors *" not in policy


def test_who_has_a_session_counts_as_owner_only_where_the_gate_lets_it_in():
    gate = Gate(lambda *_: None, ("data.example.org",), lambda scope: b"cookie" in dict(scope["headers"]))

    def knows(client, **headers):
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return gate.knows(
            {"type": "http", "method": "POST", "path": "/console/", "headers": named, "client": client}
        )

    assert knows(LOCAL, **GOOD, cookie="x")
    assert not knows(LOCAL, **GOOD)
    assert not knows(LOCAL, **{**GOOD, "host": "evil.example"}, cookie="x")
    assert not knows(LOCAL, **{**GOOD, "sec_fetch_site": "cross-site"}, cookie="x")
    assert not knows(REMOTE, **GOOD, cookie="x")
