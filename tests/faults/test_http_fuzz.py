"""A real node against requests made out of its own OpenAPI description, and signed ones with any JSON.

Nothing may end in an error that the node did not mean, and every answer is as the description says.
"""

from __future__ import annotations

import json
import types
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from node_process import Process
from node_world import Party, World
from peer_calls import signed
from schemathesis.specs.openapi import checks

SHORT, LONG = 2, 60
CHECKS = (
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("0x" + "ab" * 32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("party", "asset", "nonce", "grant", "plan", "round", "models", "receipts", "claims", "ids", "receipt",
         "model", "rows", "signature", "action", "purpose", "update", "run", "test")  # fmt: skip


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory):
    started = Process(tmp_path_factory.mktemp("fuzz") / "node", world.rpc_url).start()
    yield started
    assert started.alive
    assert "Traceback" not in started.log(), started.log()[-5_000:]
    started.terminate()


def tried(count: int):
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count < LONG,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def require_meant(status: int, headers: Any, content: bytes) -> None:
    """Success, or a refusal by problem details with a code of its own; 5xx only where another did not answer."""
    if status < 400:
        return
    assert headers["content-type"] == "application/problem+json", content[:500]
    problem = json.loads(content)
    assert problem["status"] == status
    assert problem["code"]
    assert status < 500 or (status in (502, 503) and problem["code"] != "freehold.error"), problem


def fuzz(node: Process, count: int) -> int:
    token = (node.home / "api-token").read_text().strip()
    schema = schemathesis.openapi.from_url(f"{node.url}/openapi.json")
    answered = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        # any text is a path's parameter, so only bodies and queries can be wrong
        wrong = [schemathesis.GenerationMode.NEGATIVE] if len(operation.body) + len(operation.query) else []
        for mode in (schemathesis.GenerationMode.POSITIVE, *wrong):

            @tried(count)
            @given(case=operation.as_strategy(generation_mode=mode))
            def run(case: schemathesis.Case) -> None:
                nonlocal answered
                headers = {"authorization": f"Bearer {token}"} if case.path.startswith("/api/") else {}
                answer = case.call(base_url=node.url, headers=headers, timeout=60)
                if answer.status_code != 405 and case.path != "/readyz":
                    require_meant(answer.status_code, {"content-type": answer.headers["content-type"][0]}, answer.content)  # fmt: skip
                    case.validate_response(answer, checks=list(CHECKS))
                answered += 1

            run()
    return answered


def fuzz_signed(world: World, node: Process, count: int) -> dict[int, int]:
    """Requests that pass the signature check, so that every handler meets them."""
    caller: Party = world.party(f"fuzzer-{count}")
    target: Any = types.SimpleNamespace(url=node.url, node=caller.node)
    statuses: dict[int, int] = {}
    with httpx.Client(trust_env=False, base_url=node.url, timeout=60) as client:
        paths = [path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/peer/")]
        assert len(paths) >= 8

        def send(path: str, body: Any) -> None:
            data, headers = signed(caller, target, path, body)
            answer = client.post(path, content=data, headers=headers)
            require_meant(answer.status_code, answer.headers, answer.content)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

        send("/peer/hello", {"party": caller.node.party.to_json()})
        assert statuses == {200: 1}
        any_body = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6) | JSON | st.binary(max_size=50)

        @tried(count * len(paths))
        @given(path=st.sampled_from(paths), body=any_body)
        def run(path: str, body: Any) -> None:
            send(path, body)

        run()
    return statuses


def test_requests_made_out_of_the_description(node: Process) -> None:
    assert fuzz(node, SHORT) > 100


def test_signed_requests_with_any_json(world: World, node: Process) -> None:
    statuses = fuzz_signed(world, node, SHORT * 5)
    assert statuses.get(422, 0) > 20, statuses
    assert statuses.get(401, 0) == 0, "the signatures were right, so handlers were reached"


@pytest.mark.slow
def test_many_more_of_both_and_no_growth(world: World, node: Process) -> None:
    fuzz(node, 10)
    before = memory_bytes(node)
    assert fuzz(node, LONG) > 1_500
    fuzz_signed(world, node, LONG)
    assert memory_bytes(node) - before < 100_000_000


def memory_bytes(node: Process) -> float:
    with httpx.Client(trust_env=False) as client:
        text = client.get(f"{node.url}/metrics").text
    return float(text.split("\nprocess_resident_memory_bytes ")[1].split()[0])
