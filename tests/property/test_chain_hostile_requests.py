"""Whatever is asked of the local chain is answered by a result or a documented error, never by an internal one."""

import json
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from chain_side import SINK, Side
from documented import CODES, documented, past, sound

from freehold.chain.embedded import EmbeddedNode
from freehold.chain.embedded.dispatcher import read
from freehold.chain.embedded.turns import Caller

BOUND_SECONDS = 30
"""A request may compute for 2 s; machines may be slow."""
WORDS = [
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**63, 2**64, 2**256 - 1, 2**256, 10**400, 0.0, 1.5, -0.0, 1e308,
    "", " ", "0", "1", "0x", "0X1", "0x0", "0x00", "0x1", "0x01", "0x0" + "0" * 63 + "1", "0x" + "f" * 16,
    "0x1" + "0" * 16, "0x" + "f" * 64, "0x1" + "0" * 64, "-0x1", " 0x1", "0x1\n", "0x1_0", "0x\u0661", "1e3", "0xzz",
    "0xabc", "0x" + "ab" * 32, "0x" + "ab" * 33, "0x" + "ab" * 40_000, "latest", "Latest", "pending", "earliest",
    "finalized", "weather", "\ud800", "\x00", "\U0001f4a5", "a" * 10_000, SINK, SINK.upper(), SINK[2:], "null",
    [], [None], [[]], [[None]], [[[]]], ["0x0"] * 3, {}, {"": None}, {"0x0": "0x0"}, {"__class__": 1},
    {"blockHash": "0x" + "ab" * 32}, {"blockNumber": "0x0", "blockHash": None}, {"blockNumber": {}},
    {"to": None, "data": "0x5b600056"}, {"tracer": "callTracer", "tracerConfig": []}, {"balance": "0x1"},
]  # fmt: skip
"""What a parameter, or a part of one, is replaced by."""
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VALUES = st.sampled_from(WORDS) | JSON


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A served node with a past, and the parameters that suit it."""
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node:
        side = Side(node.url)
        yield node, side, sound(side, past(side))
        side.close()


def asked(node, body):
    """The answer to a body, of the node's own dispatcher; a connection of its own pays for each."""
    dispatcher, local = node._application._dispatcher, {name: lambda *_: None for name in ("eth_subscribe",)}
    began = time.monotonic()
    told = b"".join(dispatcher.answer(read(body), Caller(), local))
    assert time.monotonic() - began < BOUND_SECONDS, body[:500]
    return told


def examine(body, told):
    if not told:
        return
    answer = json.loads(told, parse_constant=pytest.fail)
    for one in answer if isinstance(answer, list) else [answer]:
        assert one["jsonrpc"] == "2.0"
        assert ("result" in one) != ("error" in one)
        if "error" in one:
            assert one["error"]["code"] in CODES, (body[:2_000], one)
            assert one["error"]["message"]


def paths(value, at=()):
    """Where the parts of a value stand."""
    yield at
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from paths(part, (*at, key))


def replaced(value, at, by):
    """A copy in which one part is another; `at` is not empty."""
    key, *rest = at
    made = dict(value) if isinstance(value, dict) else list(value)
    made[key] = replaced(made[key], rest, by) if rest else by
    return made


@st.composite
def mutated(draw, table):
    """A method and parameters that are nearly what it takes."""
    method = draw(st.sampled_from(sorted(table)))
    parameters = table[method]
    for _ in range(draw(st.integers(0, 3))):
        places = [at for at in paths(parameters) if at]
        if places:
            parameters = replaced(parameters, draw(st.sampled_from(places)), draw(VALUES))
    change = draw(st.sampled_from(["none", "none", "more", "fewer", "replaced"]))
    if change == "more":
        parameters = [*parameters, *draw(st.lists(VALUES, min_size=1, max_size=3))]
    elif change == "fewer":
        parameters = parameters[: draw(st.integers(0, len(parameters)))]
    elif change == "replaced":
        parameters = draw(st.lists(VALUES, max_size=4) | VALUES)
    return method, parameters


def fuzzed(chain, examples):
    node, _, table = chain

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(mutated(table), VALUES)
    def run(request, identifier):
        method, parameters = request
        body = json.dumps(
            {"jsonrpc": "2.0", "id": identifier, "method": method, "params": parameters}
        ).encode()
        examine(body, asked(node, body))

    run()


def test_every_documented_method_has_sound_parameters(chain):
    _, side, table = chain
    assert documented() == set(table)
    for method, parameters in table.items():
        if "subscribe" not in method:
            answer = side.answer(method, *parameters)
            assert "result" in answer or answer["error"]["code"] == -32000, (method, answer)


def test_each_part_of_each_parameter_may_be_anything(chain):
    node, _, table = chain
    for method, parameters in table.items():
        for at in [at for at in paths(parameters) if at]:
            for word in WORDS[::7] if len(at) > 3 else WORDS[::3]:
                request = {"id": 1, "method": method, "params": replaced(parameters, at, word)}
                body = json.dumps(request).encode()
                examine(body, asked(node, body))


def test_hostile_parameters(chain):
    fuzzed(chain, 250)


@pytest.mark.slow
def test_hostile_parameters_for_long(chain):
    fuzzed(chain, 5_000)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.data())
def test_hostile_bodies(chain, data):
    node, _, table = chain
    method = data.draw(st.sampled_from(sorted(table)))
    whole = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": table[method]}).encode()
    at = data.draw(st.integers(0, len(whole)))
    more = data.draw(
        st.binary(max_size=6)
        | st.sampled_from(
            [
                b"NaN",
                b"1e999",
                b"-Infinity",
                b'"\\ud800"',
                b"\xed\xa0\x80",
                b"[" * 70,
                b'"id":{},',
                b"9" * 5_000,
            ]
        )
    )
    body = whole[:at] + more + whole[at + data.draw(st.integers(0, 4)) :]
    body = data.draw(
        st.sampled_from([body, b"[" + body + b"," + whole + b"]", body.decode("latin-1").encode("utf-16")])
    )
    examine(body, asked(node, body))
