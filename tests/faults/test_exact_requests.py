"""The control API reads a request one way only: each thing once, spelled as it is read, nothing besides."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from node_world import TOKEN, Party, World


@pytest.fixture(scope="module")
def node(world: World) -> Party:
    return world.party("exact")


def send(node: Party, method: str, path: str, content: bytes = b"") -> dict[str, Any]:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    answer = httpx.request(
        method, f"{node.url}/api{path}", content=content, headers=headers, trust_env=False, timeout=30
    )
    return {"status": answer.status_code, **answer.json()}


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        pytest.param("POST", "/spending", b'{"spend_per_day_micro":1,"spend_per_day_micro":7}', id="twice"),
        pytest.param("POST", "/spending", b'{"spend_per_day_micro":NaN}', id="nan"),
        pytest.param("POST", "/spending", b'{"spend_per_day_micro":' + b"1" * 5_000 + b"}", id="digits"),
        pytest.param("POST", "/spending?spend_per_day_micro=14", b"{}", id="query-of-a-post"),
        pytest.param("POST", "/spending", b'{"spend_per_day_micro":', id="half"),
        pytest.param("POST", "/anchor", b'{"x":1}', id="body-of-nothing"),
        pytest.param("POST", "/settle", b"{{{", id="noise"),
        pytest.param("GET", "/receipts?limit=1_0", b"", id="underscore"),
        pytest.param("GET", "/receipts?limit=5.0", b"", id="decimal"),
        pytest.param("GET", "/receipts?limit=%205", b"", id="space"),
        pytest.param("GET", "/receipts?limit=5&limit=6", b"", id="parameter-twice"),
        pytest.param("GET", "/receipts?limits=5", b"", id="unknown-parameter"),
        pytest.param("POST", "/quote", b'{"model":"\\ud800"}', id="surrogate"),
    ],
)
def test_what_can_be_read_two_ways_is_refused(node: Party, method: str, path: str, content: bytes) -> None:
    before = node.node.settings.spend_per_day_micro
    refused = send(node, method, path, content)
    assert (refused["status"], refused["code"]) == (422, "input.invalid"), refused
    assert node.node.settings.spend_per_day_micro == before


def test_what_is_said_once_is_done(node: Party) -> None:
    assert send(node, "GET", "/receipts?limit=5")["status"] == 200
    assert send(node, "POST", "/settle", b"{}")["status"] == 200
    assert send(node, "POST", "/settle")["status"] == 200
    assert send(node, "POST", "/spending", b'{"spend_per_day_micro": 5}')["spend_per_day_micro"] == 5
