"""`freehold mcp` as assistants use it: the official client over stdio and HTTP, against a running node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx2
import node_tables
import pytest
from inference_world import PRICE as MODEL_PRICE
from inference_world import Shop
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from node_world import TOKEN, Party, World

from freehold.kernel.operation import Effect
from freehold.shell import daemon
from freehold.shell.mcp.serving import operations

PRICE = 40_000


@pytest.fixture(scope="module")
def held() -> Iterator[ExitStack]:
    with ExitStack() as locks:
        yield locks


def found(party: Party, held: ExitStack) -> None:
    """Where clients look for a node that runs."""
    held.enter_context(daemon.lock(party.home))
    (party.home / "node.json").write_text(json.dumps({"url": party.url}))
    (party.home / "api-token").write_text(TOKEN)


@pytest.fixture(scope="module")
def pair(world: World, held: ExitStack) -> tuple[Party, Party]:
    owner, builder = world.party("mcp-owner"), world.party("mcp-builder")
    owner.publish(node_tables.make(24, seed=1), price_units=PRICE)
    builder.knows(owner)
    for party in (owner, builder):
        found(party, held)
    return owner, builder


def server(party: Party, *words: str) -> StdioServerParameters:
    command = ["-m", "freehold", "mcp", "--home", str(party.home), *words]
    return StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))


def talk(where: Any, act: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(where) as client:
            return await act(client)

    return anyio.run(run)


def problem(result: Any) -> dict[str, Any]:
    assert result.is_error, result
    found: dict[str, Any] = json.loads(result.content[0].text)
    return found


def test_every_operation_is_a_tool_with_its_schema_and_says_what_it_does(pair: tuple[Party, Party]) -> None:
    _, builder = pair
    tools = {one.name: one for one in talk(server(builder, "--max", "1"), lambda c: c.list_tools()).tools}
    assert set(tools) == {name for name, one in operations().items() if not one.personal}
    for name, tool in tools.items():
        operation = operations()[name]
        assert tool.description
        assert set(tool.input_schema["properties"]) == set(operation.fields)
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint is (operation.effect is Effect.READS)
        assert tool.annotations.destructive_hint is (operation.effect in (Effect.LASTS, Effect.SPENDS))
        if operation.effect is Effect.SPENDS:
            assert "at_most_units" in tool.input_schema["required"]


def test_what_is_not_permitted_at_the_start_is_not_there(pair: tuple[Party, Party]) -> None:
    _, builder = pair

    def names(*words: str) -> set[str]:
        return {one.name for one in talk(server(builder, *words), lambda c: c.list_tools()).tools}

    effects = {name: one.effect for name, one in operations().items() if not one.personal}
    assert "limit" not in effects, "what an assistant may spend is not the assistant's to say"
    assert names() == {name for name, effect in effects.items() if effect is not Effect.SPENDS}
    assert names("--read-only") == {name for name, effect in effects.items() if effect is Effect.READS}


def test_a_tool_answers_what_the_node_answers(pair: tuple[Party, Party]) -> None:
    _, builder = pair
    result = talk(server(builder), lambda client: client.call_tool("spending", {}))
    assert not result.is_error
    assert result.structured_content["spend_per_day_micro"] == builder.node.settings.spend_per_day_micro
    assert json.loads(result.content[0].text) == result.structured_content


def test_errors_are_the_problems_of_the_node(pair: tuple[Party, Party]) -> None:
    _, builder = pair

    async def act(client: Client) -> list[Any]:
        return [
            await client.call_tool("close_channel", {"channel": "0x12345678"}),
            await client.call_tool("close_channel", {"channel": "0x12345678", "and": "more"}),
            await client.call_tool("receipts", {"limit": -1}),
            await client.call_tool("limit", {"spend_per_day_micro": 1}),
            await client.call_tool("no_such_tool", {}),
        ]

    missing, unknown, bad, personal, nothing = map(problem, talk(server(builder), act))
    assert missing["code"] == "not_found"
    assert "and" in unknown["title"]
    assert bad["status"] == 422
    assert personal["code"] == "mcp.not_allowed"
    assert nothing["code"] == "not_found"


def test_a_request_that_its_owner_decides_by_hand_is_answered_as_waiting(pair: tuple[Party, Party]) -> None:
    owner, builder = pair
    asset = owner.sell("asked", price_units=PRICE, approval="ask")
    builder.knows(owner)
    asked = {"asset": asset.id, "action": "infer", "at_most_units": PRICE}
    result = talk(server(builder, "--max", "1"), lambda client: client.call_tool("grant", asked))
    assert not result.is_error, result
    assert result.structured_content["status"] == "waiting"
    assert result.structured_content["asked"]["asset"] == asset.id


@pytest.fixture
def over_http(pair: tuple[Party, Party]) -> Iterator[tuple[str, str]]:
    _, builder = pair
    command = [sys.executable, "-m", "freehold", "mcp", "--http", "--home", str(builder.home)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        said = running.stderr.readline()
        found = re.search(r"serving (http://127\.0\.0\.1:\d+/mcp); its token lies in (.+)$", said)
        assert found, said
        yield found[1], Path(found[2]).read_text().strip()
        running.terminate()


def test_over_http_the_token_decides_and_a_page_of_another_site_gets_nowhere(
    pair: tuple[Party, Party], over_http: tuple[str, str]
) -> None:
    url, token = over_http
    assert token != TOKEN
    assert next(pair[1].home.glob("mcp-token-*")).stat().st_mode & 0o077 == 0
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {TOKEN}"}):
        assert httpx2.post(url, json=hello, headers={**accept, **headers}).status_code == 401
    good = {"authorization": f"Bearer {token}"}
    for bad in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        assert httpx2.post(url, json=hello, headers={**accept, **good, **bad}).status_code in (403, 421)
    # Java's client offers HTTP/2 with each request; it is answered by the protocol that it came by
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"}
    about = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    first = {**hello, "method": "initialize", "params": about}
    assert httpx2.post(url, json=first, headers={**accept, **good, **offer}).status_code == 200
    # nor is a WebSocket's handshake kept waiting, with the token or without
    offer = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    offer["sec-websocket-key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    assert httpx2.post(url, json=first, headers={**accept, **good, **offer}).status_code == 200
    assert httpx2.post(url, json=first, headers={**accept, **offer}).status_code == 401

    async def act() -> Any:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=good))
            client = await stack.enter_async_context(Client(streamable_http_client(url, http_client=http)))
            return await client.call_tool("spending", {})

    assert anyio.run(act).structured_content["payments"] == []


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world, owners=1)


def test_an_assistant_buys_within_its_limit_and_no_more(shop: Shop, held: ExitStack) -> None:
    buyer = shop.buyer("mcp-buyer")
    found(buyer, held)
    call = {"model": shop.model.id, "rows": shop.rows(1, 0), "deposit_calls": 1}

    async def act(client: Client) -> list[Any]:
        return [
            await client.call_tool("predict", call),
            await client.call_tool("predict", {**call, "at_most_units": 3 * MODEL_PRICE}),
            await client.call_tool("predict", {**call, "at_most_units": 0}),
            await client.call_tool("predict", {**call, "at_most_units": MODEL_PRICE}),
            await client.call_tool(
                "predict", {**call, "rows": shop.rows(1, 1), "at_most_units": MODEL_PRICE}
            ),
            await client.call_tool("predict", {**call, "rows": shop.rows(1, 2), "at_most_units": 1}),
        ]

    most = f"{2 * MODEL_PRICE / 10**6:.6f}"
    unsaid, above, nothing, first, second, spent = talk(server(buyer, "--max", most), act)
    assert "at_most_units" in problem(unsaid)["title"]
    assert problem(above)["code"] == "mcp.not_allowed"
    # whatever the node refuses, no more counts than the call could have taken
    assert problem(nothing)["status"] in (402, 403, 409)
    assert not first.is_error
    assert not second.is_error
    assert problem(spent)["fields"]["left_units"] == 0
    (channel,) = buyer.channels()
    assert channel["promised_units"] == 2 * MODEL_PRICE


def test_failed_calls_count_though_they_leave_no_payment_behind(world: World, held: ExitStack) -> None:
    def wrap(_: Party, served: Any) -> Any:
        """A seller whose answers to what was paid are not the model's."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] != "/v1/predict":
                await served(scope, receive, send)
                return
            said: list[Any] = []

            async def hold(message: Any) -> None:
                said.append(message)

            await served(scope, receive, hold)
            body = b"".join(one.get("body", b"") for one in said)
            if said[0]["status"] == 200:
                answer = json.loads(body)
                answer["outputs"][0]["label"] ^= 1
                body = json.dumps(answer).encode()
                said[0]["headers"] = [(b"content-type", b"application/json")]
            await send(said[0])
            await send({"type": "http.response.body", "body": body})

        return app

    shop = Shop(world, owners=1, wrap=wrap)
    buyer = shop.buyer("mcp-cheated")
    found(buyer, held)
    order = {"model": shop.model.id, "at_most_units": MODEL_PRICE}

    async def act(client: Client) -> list[Any]:
        return [await client.call_tool("predict", {**order, "rows": shop.rows(1, k)}) for k in range(5)]

    # a deposit of its owner's lies there, out of which each voucher pays without a payment
    paid = {"model": shop.model.id, "rows": shop.rows(), "deposit_calls": 50}
    owner = {"authorization": f"Bearer {TOKEN}"}
    assert httpx2.post(f"{buyer.url}/api/predict", headers=owner, json=paid, timeout=60).status_code >= 400
    promised = buyer.channels()[0]["promised_units"]
    most = f"{2 * MODEL_PRICE / 10**6:.6f}"
    answers = talk(server(buyer, "--max", most), act)
    assert [problem(one)["code"] == "mcp.not_allowed" for one in answers] == [False, False, True, True, True]
    assert buyer.channels()[0]["promised_units"] - promised <= 2 * MODEL_PRICE


def test_files_are_read_from_the_named_folder_alone(pair: tuple[Party, Party], tmp_path: Path) -> None:
    owner, _ = pair
    folder = tmp_path / "tables"
    folder.mkdir()
    inside = node_tables.write(folder / "in.csv", node_tables.make(24, seed=3))
    outside = node_tables.write(tmp_path / "out.csv", node_tables.make(24, seed=4))
    (folder / "link.csv").symlink_to(outside)
    asked = {"label": node_tables.LABEL}

    async def act(client: Client) -> list[Any]:
        paths = ("in.csv", str(inside), "link.csv", "../out.csv", str(outside), "/etc/passwd")
        return [await client.call_tool("inspect", {**asked, "path": path}) for path in paths]

    good, absolute, linked, *bad = talk(server(owner, "--files", str(folder)), act)
    assert good.structured_content["file"] == absolute.structured_content["file"] == "in.csv"
    assert "links are not followed" in problem(linked)["hint"]
    assert {problem(one)["code"] for one in bad} == {"mcp.not_allowed"}
    (none,) = talk(server(owner), lambda client: _one(client, {**asked, "path": str(inside)}))
    assert problem(none)["code"] == "mcp.not_allowed"


async def _one(client: Client, arguments: dict[str, Any]) -> list[Any]:
    return [await client.call_tool("inspect", arguments)]
