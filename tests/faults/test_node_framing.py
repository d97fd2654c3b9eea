"""Where one request ends and the next begins: what a proxy takes for one must never be two here, nor otherwise."""

import asyncio
import json
import logging
import socket
import threading
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from node_world import until
from raw_http import Wire

from freehold.bounded_head import MOST_JOINED_BYTES, MOST_PIPELINED, _Joined
from freehold.kernel.http.connections import Connections, Impatient
from freehold.kernel.http.gate import Gate
from freehold.kernel.settings import Settings
from freehold.kernel.tally import Tally

HOST = b"host: localhost\r\n"
POST = b"POST /v1/predict HTTP/1.1\r\n" + HOST
SECOND = b"GET /second HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n"
UNREAD = "Invalid HTTP request received."
Answer = tuple[int, Any]


class Echo:
    """Says what it was asked; `/slow` when it is let, `/console` by whoever comes without a body read before."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.seen: list[str] = []

    def knows(self, scope: Any) -> bool:
        return (b"authorization", b"owner") in scope["headers"]

    def vouch(self, scope: Any) -> None:
        """Everybody."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        self.seen.append(scope["path"])
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            more = message["more_body"]
        if scope["path"] == "/slow":
            await asyncio.to_thread(self.may.wait)
        asked = {
            "path": scope["path"],
            "body": body.decode("latin-1"),
            "headers": [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]],
        }
        content = json.dumps(asked).encode()
        head = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": content})


class Served:
    """Such an application behind the gate, as a node serves its own."""

    def __init__(self) -> None:
        settings, tally = Settings(), Tally()
        self.connections, self.echo = Connections(settings, tally), Echo()
        config = uvicorn.Config(
            Gate(self.echo, settings, tally, self.connections),
            http=partial(Impatient, self.connections),
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            lifespan="off",
        )
        self._server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "it serves", 10)

    def phases(self) -> list[str]:
        return [one.phase for one in tuple(self.connections._open)]

    def answers(self, *pieces: bytes, half_closed: bool = False) -> list[Answer]:
        """Status, and what was asked or the code or text of a refusal, of all that is answered until it hangs up."""
        with Wire(self.url) as wire:
            wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.send(*pieces, pause=0.02 if len(pieces) > 1 else 0)
            if half_closed:
                wire.socket.shutdown(socket.SHUT_WR)
            return read_all(wire.socket)

    def stop(self) -> None:
        self.echo.may.set()
        self._server.should_exit = True
        self._thread.join(10)


def read_all(connection: socket.socket) -> list[Answer]:
    found, received = [], b""
    while piece := connection.recv(65_536):
        received += piece
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), head
        status = int(head.split()[1])
        length = next(
            (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length")), 0
        )
        body, received = received[:length], received[length:]
        try:
            said = json.loads(body)
            found.append((status, said if status == 200 else said["code"]))
        except ValueError:
            found.append((status, body.decode()))
    return found


@pytest.fixture(scope="module")
def running():
    made = Served()
    yield made
    made.stop()


@pytest.fixture
def served(running: Served, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    # a node that ran in this process before keeps it quieter
    caplog.set_level(logging.WARNING, "uvicorn.error")
    running.echo.may.clear()
    running.echo.seen.clear()
    yield running
    running.echo.may.set()
    until(lambda: running.phases() == [], "all are gone", 10)
    assert [one for one in caplog.records if one.exc_info or one.levelno > logging.WARNING] == []


def paths(answers: list[Answer]) -> list[Any]:
    return [said["path"] if status == 200 else status for status, said in answers]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0", b"foo, h2c"])
@pytest.mark.parametrize("connection", [b"upgrade", b"Upgrade, HTTP2-Settings"])
@pytest.mark.parametrize("cut", [0, 60, 75, 88, -60, -21])
def test_the_body_of_who_offers_another_protocol_is_its_body(served: Served, protocol, connection, cut):
    """Wherever it is cut: in the name of the header, in its value, before the body, in the body."""
    body = b"GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n"
    offer = b"Upgrade: %s\r\nconnection: %s\r\ncontent-length: %d\r\n\r\n" % (protocol, connection, len(body))
    whole = POST + offer + body + SECOND
    pieces = (whole[:cut], whole[cut:]) if cut else (whole,)
    first, second = served.answers(*pieces)
    assert (first[1]["path"], first[1]["body"]) == ("/v1/predict", body.decode())
    assert second[1]["path"] == "/second"
    assert served.echo.seen == ["/v1/predict", "/second"]


@pytest.mark.parametrize("size", [0, 1, MOST_JOINED_BYTES, MOST_JOINED_BYTES + 1])
def test_an_answer_leaves_with_its_head_and_a_long_one_is_not_copied(size: int):
    """By `write` alone, which in every asyncio tells of a reader that is slow."""
    written: list[bytes] = []
    transport: Any = SimpleNamespace(write=written.append, is_closing=lambda: False)
    loop: Any = SimpleNamespace(call_soon=lambda _: None)
    answer, body = _Joined(transport, loop), bytes(size)
    answer.write(b"head")
    assert written == []
    answer.write(body)
    answer.write(b"more")
    assert b"".join(written) == b"head" + body + b"more"
    assert len(written) == 2 or written[1] is body


def test_what_a_body_says_is_no_header(served: Served):
    body = b"name,about\r\nupgrade: none\r\nUpgrade: x\r\n"
    first, second = served.answers(POST + b"content-length: %d\r\n\r\n" % len(body) + body + SECOND)
    assert first[1]["body"] == body.decode()
    assert second[1]["path"] == "/second"


def test_several_that_offer_another_protocol_may_come_at_once(served: Served):
    one = POST + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 3\r\n\r\nabc"
    assert paths(served.answers(one * 20 + SECOND)) == ["/v1/predict"] * 20 + ["/second"]


def test_who_offers_another_protocol_and_hangs_up_is_answered(served: Served):
    offered = b"GET /first HTTP/1.1\r\n" + HOST + b"upgrade: h2c\r\nconnection: close, upgrade\r\n\r\n"
    assert paths(served.answers(offered)) == ["/first"]


def test_blanks_around_a_header_are_no_part_of_it(served: Served):
    first, _ = served.answers(
        POST + b"content-length:\t 3 \t\r\nx-note:  a b  \r\nx-none:  \r\n\r\nabc" + SECOND
    )
    said = dict(first[1]["headers"])
    assert (first[1]["body"], said["content-length"], said["x-note"], said["x-none"]) == (
        "abc",
        "3",
        "a b",
        "",
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"GET http://localhost/healthz HTTP/1.1", "A request is for a path."),
        (b"GET http://other.example/healthz HTTP/1.1", "A request is for a path."),
        (b"OPTIONS * HTTP/1.1", "A request is for a path."),
        (b"GET /healthz#part HTTP/1.1", "A request is for a path."),
        (b"CONNECT localhost:80 HTTP/1.1", "A request is for a path."),
        (b"CONNECT /healthz HTTP/1.1", "HTTP/1.1 is spoken here, and nothing is passed on."),
        (b"GET /healthz HTTP/2.0", "HTTP/1.1 is spoken here, and nothing is passed on."),
        (b"GET /healthz HTTP/0.9", "HTTP/1.1 is spoken here, and nothing is passed on."),
        (b"GET /healthz", "HTTP/1.1 is spoken here, and nothing is passed on."),
        (b"GET /healthz HTTP/1.2", UNREAD),
        (b"PRI * HTTP/2.0", UNREAD),
        (b"GET /a b HTTP/1.1", UNREAD),
        (b"GET /a\x00b HTTP/1.1", UNREAD),
        ("GET /é HTTP/1.1".encode(), UNREAD),
        (b"GET /healthz HTTP/1.1\nx: y", UNREAD),
        (b"GET /healthz HTTP/1.1\rx: y", UNREAD),
    ],
)
def test_a_line_that_asks_for_no_path_here_is_refused(served: Served, line, why):
    assert served.answers(line + b"\r\n" + HOST + b"\r\n" + SECOND) == [(400, why)]
    assert served.echo.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        *(b"content-length:" + value for value in (b"+3", b"0x3", b"3,3", b"3, 4", b"", b"1 1", b"1_0", b"3;", b"\x0b3")),
        b"content-length: 3\r\ncontent-length: 3",
        b"content-length : 3",
        b"x: y\r\n content-length: 3",
        b"content-length:\r\n 3",
        b"content-length\x00: 3",
        b"content-length",
        b": 3",
        b"x: y\ncontent-length: 3",
        b"x: y\rcontent-length: 3",
        b"x: a\x00b",
    ],
)  # fmt: skip
def test_a_length_that_others_could_read_otherwise_is_refused(served: Served, headers):
    assert served.answers(POST + headers + b"\r\n\r\nabc" + SECOND) == [(400, UNREAD)]
    assert served.echo.seen == []


@pytest.mark.parametrize("length", [b"", b"content-length: 4\r\n"])
@pytest.mark.parametrize("coding", [b"chunked", b"ChUnKeD", b"identity", b"xchunked", b"gzip, chunked", b"chunked, identity", b"\x0bchunked", b""])  # fmt: skip
def test_after_a_body_in_chunks_nothing_is_read(served: Served, coding, length):
    request = POST + b"transfer-encoding: " + coding + b"\r\n" + length + b"\r\n3\r\nabc\r\n0\r\n\r\n"
    ((status, why),) = served.answers(request + SECOND)
    assert (status, why) in ((411, "http.length"), (400, UNREAD))
    assert served.echo.seen == []


def test_a_trailer_is_no_header(served: Served):
    """The owner's browser may send chunks to its console; who asks has been seen in the head."""
    chunks = b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-late: 1\r\n\r\n"
    first, second = served.answers(
        b"POST /console HTTP/1.1\r\nauthorization: owner\r\n" + HOST + chunks + SECOND
    )
    assert first[1]["body"] == "abc"
    assert "x-late" not in dict(first[1]["headers"])
    assert second[1]["path"] == "/second"


def test_a_client_of_http_1_0_is_not_told_to_go_on(served: Served):
    old = POST.replace(b"1.1", b"1.0") + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"
    assert [status for status, _ in served.answers(old)] == [200]
    assert [status for status, _ in served.answers(old.replace(b"1.0", b"1.1") + SECOND)] == [100, 200, 200]


BROKEN = {
    "line": b"GARBAGE\r\n\r\n",
    "host": b"GET /x HTTP/1.1\r\n\r\n",
    "chunk": POST + b"transfer-encoding: chunked\r\n\r\nZZZ\r\n\r\n",
    "head": b"GET /x HTTP/1.1\r\nx: " + b"y" * 400_000,
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize("half_closed", [False, True])
def test_what_came_before_something_unreadable_is_answered_and_no_other(
    served: Served, kind, before, half_closed
):
    threading.Timer(0.1, served.echo.may.set).start()
    found = served.answers(SLOW * before + BROKEN[kind], half_closed=half_closed)
    assert paths(found) == ["/slow"] * before


@pytest.mark.parametrize("unfinished", [b"GET /x HT", POST + b"content-length: 10\r\n\r\nabc", b"\r\n"])
def test_who_hangs_up_in_the_middle_of_a_request_is_answered_the_earlier_ones(served: Served, unfinished):
    threading.Timer(0.1, served.echo.may.set).start()
    assert paths(served.answers(SLOW * 2 + unfinished, half_closed=True)) == ["/slow", "/slow"]


def test_too_many_in_line_are_answered_as_far_as_they_were_taken(served: Served):
    threading.Timer(0.2, served.echo.may.set).start()
    found = paths(served.answers(SLOW * (MOST_PIPELINED + 50)))
    assert found == ["/slow"] * (MOST_PIPELINED + 1)


def test_who_is_gone_leaves_nothing_behind(served: Served):
    for _ in range(10):
        with Wire(served.url) as wire:
            wire.send(SLOW * 5 + POST + b"content-length: 9\r\n\r\nabc")
            wire.socket.shutdown(socket.SHUT_WR)
        with Wire(served.url) as wire:
            wire.send(SLOW * 5 + BROKEN["chunk"])
    until(lambda: "work" in served.phases() or not served.phases(), "they are worked on", 5)
    served.echo.may.set()
    until(lambda: served.phases() == [], "they are gone", 10)


def test_after_something_unreadable_nothing_is_parsed_while_others_are_answered(served: Served, caplog):
    with Wire(served.url) as wire:
        wire.send(SLOW + BROKEN["line"])
        wire.send(*[b"more\r\n\r\n"] * 50, pause=0.002)
        served.echo.may.set()
        assert paths(read_all(wire.socket)) == ["/slow"]
    assert sum(one.getMessage() == UNREAD for one in caplog.records) == 1


def test_a_connection_is_always_in_the_phase_of_what_happens_next(served: Served):
    with Wire(served.url) as wire:
        until(lambda: served.phases() == ["head"], "it came", 5)
        wire.send(POST + b"content-length: 3\r\n\r\n")
        until(lambda: served.phases() == ["body"], "its body is awaited", 5)
        wire.send(b"abc")
        assert wire.status() == 200
        until(lambda: served.phases() == ["idle"], "it has nothing more", 5)
        wire.send(b"\r\n")
        until(lambda: served.phases() == ["head"], "it begins anew", 5)
        wire.send(SLOW)
        until(lambda: served.phases() == ["work"], "it is worked on", 5)
        wire.send(SECOND[:-2])
        served.echo.may.set()
        assert wire.status() == 200
        until(lambda: served.phases() == ["idle"], "the answer was taken", 5)
        wire.send(b"\r\n")
        assert wire.status() == 200
    until(lambda: served.phases() == [], "it is gone", 5)
