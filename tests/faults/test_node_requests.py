"""What a node makes of requests that are wrong, old, copied, altered, huge or slow."""

import gzip
import json
import resource
import socket
import time

import httpx
import pytest
from hostile_owner import Hostile, says
from node_tables import make
from node_world import Party, World, require_sound
from peer_calls import call, introduce, send, signed

from freehold.core.errors import FreeholdError
from freehold.core.signing import Domain, Envelope, Signature, seal, sign_digest
from freehold.features.identity import peers
from freehold.kernel import registry

GRANTS = "/peer/grants"


class Pair:
    """An owner with a table on offer, and a caller it knows."""

    def __init__(self, world: World) -> None:
        self.owner, self.caller = world.party("owner"), world.party("caller")
        self.asset = self.owner.publish(make(12, seed=1))
        introduce(self.caller, self.owner)

    def wish(self, number: int = 0) -> dict[str, object]:
        return {"asset": self.asset.id, "nonce": f"0x{number:064x}", "action": "infer"}


@pytest.fixture(scope="module")
def pair(world: World) -> Pair:
    return Pair(world)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; every refusal is problem details with words for a person."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["title"]
    assert problem["status"] == answer.status_code
    assert "Traceback" not in answer.text
    return answer.status_code, problem["code"]


# who asks


@pytest.mark.parametrize("skew_seconds", [-600, 600])
def test_a_clock_ten_minutes_off_is_said_so(pair: Pair, skew_seconds: int) -> None:
    answer = call(pair.caller, pair.owner, GRANTS, pair.wish(), skew_seconds=skew_seconds)
    assert refusal(answer) == (401, "signature.invalid")
    assert "seconds from now" in answer.json()["title"]
    assert "clock" in answer.json()["hint"]
    assert abs(answer.json()["fields"]["skew_seconds"] - skew_seconds) < 5


def test_a_captured_request_is_worth_nothing_again(pair: Pair) -> None:
    data, headers = signed(pair.caller, pair.owner, GRANTS, pair.wish(1))
    assert send(pair.owner, GRANTS, data, headers).status_code == 200
    assert refusal(send(pair.owner, GRANTS, data, headers)) == (401, "peer.replayed")


def test_a_captured_request_is_worth_nothing_at_another_node(world: World, pair: Pair) -> None:
    other = world.party("other")
    introduce(pair.caller, other)
    data, headers = signed(pair.caller, pair.owner, GRANTS, pair.wish(2))
    pretended = {**headers, "host": f"127.0.0.1:{pair.owner.port}"}
    assert refusal(send(other, GRANTS, data, headers)) == (401, "signature.invalid")
    assert refusal(send(other, GRANTS, data, pretended)) == (401, "signature.invalid")


def test_a_request_signed_for_another_host_is_refused(pair: Pair) -> None:
    answer = call(pair.caller, pair.owner, GRANTS, pair.wish(3), authority="elsewhere.example")
    assert refusal(answer) == (401, "signature.invalid")


def test_an_altered_body_path_or_digest_is_refused(pair: Pair) -> None:
    data, headers = signed(pair.caller, pair.owner, GRANTS, pair.wish(4))
    assert refusal(send(pair.owner, GRANTS, data.replace(b"infer", b"query"), headers))[0] == 401
    assert refusal(send(pair.owner, "/peer/rounds/commit", data, headers))[0] == 401
    swapped = data.replace(b"infer", b"query")
    _, others = signed(pair.caller, pair.owner, GRANTS, swapped)
    digest = {**headers, "content-digest": others["content-digest"]}
    assert refusal(send(pair.owner, GRANTS, swapped, digest))[0] == 401
    assert send(pair.owner, GRANTS, data, headers).status_code == 200, "the untouched request is good"


def test_an_unknown_or_unsigned_sender_is_told_what_to_do(world: World, pair: Pair) -> None:
    stranger = world.party("stranger")
    answer = call(stranger, pair.owner, GRANTS, pair.wish(5))
    assert refusal(answer) == (401, "peer.unknown")
    assert "/peer/hello" in answer.json()["hint"]
    assert refusal(send(pair.owner, GRANTS, b"{}", {})) == (401, "signature.invalid")


def test_nobody_can_introduce_another_or_speak_for_it(world: World, pair: Pair) -> None:
    stranger = world.party("stranger")
    answer = call(stranger, pair.owner, "/peer/hello", {"party": pair.caller.node.party.to_json()})
    assert refusal(answer) == (401, "signature.invalid")


def test_a_contract_that_a_stranger_names_is_not_called(
    world: World, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, node = pair.caller.node.keys.account_key, world.party("stranger").node
    called: list[str] = []
    accepts = pair.owner.node.contract_accepts
    monkeypatch.setattr(
        pair.owner.node, "contract_accepts", lambda account, *rest: called.append(account) or accepts(account, *rest)
    )  # fmt: skip
    contract = node.contract("Market")
    for document, path, name in (
        (node.party_document().model_copy(update={"account": contract}), "/peer/hello", "party"),
        (pair.asset.model_copy(update={"owner": contract}), "/peer/releases", "asset"),
    ):
        signature = Signature(
            role=next(iter(document.roles)),
            signer=contract,
            signature="0x" + sign_digest(key, b"\1" * 32).hex(),
        )
        body = {name: Envelope(document, (signature,)).to_json(), "claims": []}
        assert 400 <= refusal(call(pair.caller, pair.owner, path, body))[0] < 500
    assert called == []


def test_a_party_of_another_chain_is_refused_by_name(world: World, pair: Pair) -> None:
    stranger = world.party("farhand")
    moved = stranger.node.party.document.model_copy(update={"chain_id": 1})
    same_domain = seal(moved, stranger.node.keys.account_key, stranger.node.domain)
    answer = call(stranger, pair.owner, "/peer/hello", {"party": same_domain.to_json()})
    assert refusal(answer) == (422, "document.invalid")
    assert "farhand is on chain 1" in answer.json()["title"]
    foreign = Domain("Freehold", 1, stranger.node.domain.contract)
    answer = call(
        stranger,
        pair.owner,
        "/peer/hello",
        {"party": seal(moved, stranger.node.keys.account_key, foreign).to_json()},
    )
    assert refusal(answer) == (401, "signature.invalid")


@pytest.mark.parametrize("log_key", ["", "freehold/x+0+", "x" * 200])
def test_a_party_with_an_unusable_log_key_is_refused(world: World, pair: Pair, log_key: str) -> None:
    stranger = world.party("odd")
    odd = stranger.node.party.document.model_copy(update={"log_key": log_key})
    envelope = seal(odd, stranger.node.keys.account_key, stranger.node.domain)
    answer = call(stranger, pair.owner, "/peer/hello", {"party": envelope.to_json()})
    assert 400 <= refusal(answer)[0] < 500


# what is asked


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"null", b'{"a": NaN}', b'{"a": 1.5}', b'{"a": 1, "a": 2}', b'{"a": 9007199254740993}',
     b'{"a": "\\ud800"}', b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=lambda body: body[:20].decode(errors="replace"),
)  # fmt: skip
@pytest.mark.parametrize("path", [GRANTS, "/peer/hello"])
def test_malformed_json_is_refused_before_anything_is_looked_at(pair: Pair, path: str, body: bytes) -> None:
    assert refusal(call(pair.caller, pair.owner, path, body))[0] == 422


@pytest.mark.parametrize(
    "path",
    [
        "hello",
        "grants",
        "withdraw",
        "rounds/commit",
        "rounds/reveal",
        "agreements",
        "countersign",
        "releases",
        "proofs",
        "tests",
        "tests/open",
        "model-evidence",
        "evidence",
    ],
)
@pytest.mark.parametrize(
    "value", [None, 5, True, "x", [], {}, {"document": {}, "signatures": []}, [[[]]]], ids=str
)
def test_fields_of_the_wrong_kind_are_the_senders_fault(pair: Pair, path: str, value: object) -> None:
    names = (
        "party",
        "asset",
        "nonce",
        "grant",
        "plan",
        "number",
        "rounds",
        "start",
        "claim",
        "countersigned",
        "opening",
        "contribution",
        "test",
        "model",
        "request",
        "receipts",
        "claims",
        "ids",
        "receipt",
    )
    before = pair.owner.node.store.uses("x"), require_sound(pair.owner.node)
    answer = call(pair.caller, pair.owner, f"/peer/{path}", dict.fromkeys(names, value))
    if path != "withdraw" and (path, value) not in (("countersign", []), ("proofs", [])):
        assert 400 <= refusal(answer)[0] < 500
    assert (pair.owner.node.store.uses("x"), require_sound(pair.owner.node)) == before


def test_a_body_over_the_limit_is_refused_by_its_header_and_while_it_arrives(pair: Pair) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", pair.owner.port), timeout=5) as sender:
        sender.sendall(
            f"POST {GRANTS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {10**12}\r\n\r\n".encode()
        )
        assert b" 413 " in sender.recv(4096).split(b"\r\n")[0]
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def endless():
        for _ in range(1_000):
            yield b" " * 1_000_000

    with httpx.Client(trust_env=False, timeout=30) as client:
        try:
            streamed = client.post(f"http://127.0.0.1:{pair.owner.port}{GRANTS}", content=endless())
            assert refusal(streamed) == (411, "http.length")
        except (httpx.WriteError, httpx.ReadError):
            pass  # the node hung up on a sender that does not listen
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 200_000


@pytest.mark.parametrize(
    "path",
    sorted(
        [path for path, call in registry.everything().peer_calls.items() if call.heavy or call.large]
        + ["/v1/predict"]
    ),
)
def test_what_may_be_long_is_read_whole(pair: Pair, path: str) -> None:
    """Rounds of many owners take megabytes, of whom the owner deals with; a route that is renamed keeps its room."""
    pair.owner.node.befriend(pair.caller.account)
    answer = call(pair.caller, pair.owner, path, {"padding": "x" * 2_000_000})
    if path == "/v1/predict":
        # there it is a voucher that lets a question be long
        assert refusal(answer) == (413, "inference.too_large")
    else:
        assert refusal(answer)[0] in (401, 403, 404, 422)
        assert answer.json()["code"] != "http", "there is such a route"
    small = call(pair.caller, pair.owner, GRANTS, {"padding": "x" * 2_000_000})
    assert refusal(small) == (413, "http.too_large")


def test_a_gzip_bomb_is_not_unpacked(pair: Pair) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    data, headers = signed(pair.caller, pair.owner, GRANTS, bomb)
    began = time.monotonic()
    refused = refusal(send(pair.owner, GRANTS, data, {**headers, "content-encoding": "gzip"}))
    assert refused == (415, "http.encoding")
    assert time.monotonic() - began < 2


def test_unknown_paths_and_methods_are_problems_too(pair: Pair) -> None:
    with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{pair.owner.port}") as client:
        assert refusal(client.get("/nowhere")) == (404, "http")
        assert refusal(client.get(GRANTS)) == (405, "http")
        assert refusal(client.get("/documents/0x00")) == (404, "not_found")
        assert refusal(client.get("/documents/" + "0" * 5_000)) == (404, "not_found")
        assert refusal(client.get("/log/tile/0/x1"))[0] in (404, 422)
        assert refusal(client.get("/api/status")) == (401, "api.token")
        assert refusal(client.get("/api/status", headers={"authorization": "Bearer \xe9".encode("latin-1")})) == (401, "api.token")  # fmt: skip


def test_grants_and_receipts_are_not_public(pair: Pair) -> None:
    grant = call(pair.caller, pair.owner, GRANTS, pair.wish(9)).json()["grant"]["document"]
    assert grant["asset"] == pair.asset.id
    for envelope in (*pair.owner.node.store.find("grant"), *pair.owner.node.store.find("receipt")):
        with httpx.Client(trust_env=False) as client:
            answer = client.get(f"{pair.owner.url}/documents/{envelope.document.id}")
        assert refusal(answer) == (404, "not_found")


def test_slow_senders_do_not_keep_others_waiting(pair: Pair) -> None:
    slow = []
    for i in range(60):
        sender = socket.create_connection(("127.0.0.1", pair.owner.port))
        sender.sendall(
            b"POST /peer/grants HTTP/1.1\r\nhost: localhost\r\n"
            + (b"content-length: 1000\r\n\r\n{" if i % 2 else b"x-")
        )
        slow.append(sender)
    began = time.monotonic()
    for number in range(5):
        assert call(pair.caller, pair.owner, GRANTS, pair.wish(100 + number)).status_code == 200
    assert time.monotonic() - began < 3
    for sender in slow:
        sender.close()


# what others offer


Market = tuple[Hostile, Party, Party]


@pytest.fixture(scope="module")
def market(world: World) -> Market:
    hostile = Hostile()
    return hostile, world.party("stall", wrap=hostile.wrap), world.party("reader")


def offers(*values: object) -> bytes:
    return json.dumps({"assets": values}).encode()


def hostile_catalogues(pair: Pair) -> dict[str, bytes]:
    good = pair.owner.node.store.get(pair.asset.id).to_json()
    renamed = {**good, "document": {**good["document"], "name": "someone else's"}}
    other_kind = pair.owner.node.party.to_json()
    return {
        "no object": b"[]",
        "no list": b'{"assets": {}}',
        "too many": offers(*[None] * 1_001),
        "not documents": offers(None, 5, "x"),
        "not an asset": offers(other_kind),
        "altered": offers(renamed),
        "unsigned": offers({**good, "signatures": []}),
        "good then bad": offers(good, renamed),
        "not json": b"\x00" * 1_000,
        "too long": b'{"assets": [' + b" " * (65 << 20),
    }


@pytest.mark.parametrize("kind", [
    "no object", "no list", "too many", "not documents", "not an asset", "altered", "unsigned", "good then bad", "not json", "too long",
])  # fmt: skip
def test_a_hostile_catalogue_is_refused_whole_and_search_goes_on(
    market: Market, pair: Pair, kind: str
) -> None:
    hostile, stall, reader = market
    reader.knows(stall, pair.owner)
    before = len(reader.node.store.find("asset"))
    hostile.lies["/catalogue"] = [says(hostile_catalogues(pair)[kind])]
    failed = peers.refresh(reader.services)
    assert not hostile.lies["/catalogue"]
    assert [item["url"] for item in failed] == [stall.url]
    assert failed[0]["reason"]
    assert len(reader.node.store.find("asset")) == before


@pytest.mark.parametrize(
    "about", [b"[]", b"{}", b'{"party": 5}', b"<html>", b'{"party": {"document": {}, "signatures": []}}']
)
def test_a_url_that_is_no_node_is_refused_and_not_remembered(market: Market, about: bytes) -> None:
    hostile, stall, reader = market
    before = peers.known(reader.node)
    hostile.lies["/.well-known/freehold.json"] = [says(about)]
    with pytest.raises(FreeholdError) as refused:
        peers.add(reader.services, f"http://localhost:{stall.port}")
    assert refused.value.message
    assert peers.known(reader.node) == before
