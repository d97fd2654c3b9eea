"""What tools ask is said in words that all clients take, and what the schema takes is taken."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.core.errors import InvalidInput, Unavailable
from freehold.kernel.client import NodeClient
from freehold.kernel.operation import Effect
from freehold.shell.mcp.allowance import LIMIT, Allowance
from freehold.shell.mcp.folder import AssistantNotAllowed
from freehold.shell.mcp.serving import PAGE, Tools, offered, operations, whole

WORDS = {
    "type", "properties", "required", "title", "description", "default", "enum", "anyOf", "items", "minItems",
    "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum",
}  # fmt: skip
"""Each of Gemini's types; other clients take more."""
TOOLS = {one.name: one.input_schema for one in offered(operations().values(), Allowance(most_units=1))}


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all that stand in it."""
    yield schema
    for one in [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]:
        yield from parts(one)
    if "items" in schema:
        yield from parts(schema["items"])


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_asks_in_words_that_all_clients_read(name: str) -> None:
    for part in parts(TOOLS[name]):
        assert part.keys() <= WORDS
        assert "type" in part or "anyOf" in part, part
        assert part.get("type") != "array" or part["items"], part
    assert TOOLS[name]["type"] == "object"


def test_what_spends_must_say_how_much_and_null_is_no_number() -> None:
    spending = [one.method for one in operations().values() if one.effect is Effect.SPENDS]
    assert "predict" in spending
    for name in spending:
        assert LIMIT in TOOLS[name]["required"]
        assert TOOLS[name]["properties"][LIMIT]["type"] == "integer"
        assert "default" not in TOOLS[name]["properties"][LIMIT]


def test_a_whole_number_with_a_point_is_one_as_the_schema_counts() -> None:
    search, ask = operations()["search"], operations()["predict"]
    assert whole(search, {"limit": 5.0}) == {"limit": 5}
    assert type(whole(search, {"limit": 5.0})["limit"]) is int
    assert search.checked(whole(search, {"limit": 5.0, "q": "5.0"})) == {"limit": 5, "q": "5.0"}
    rows = whole(ask, {LIMIT: 7.0, "rows": [[5.0]]})
    assert (type(rows[LIMIT]), type(rows["rows"][0][0])) == (int, float)
    for wrong in (5.5, True, float("inf"), "5"):
        with pytest.raises(InvalidInput):
            search.checked(whole(search, {"limit": wrong}))


def test_an_owner_offers_fewer_tools_by_name(tmp_path: Path) -> None:
    few = Allowance(most_units=1, only=frozenset({"status", "predict"}))
    assert [one.name for one in offered(operations().values(), few)] == ["status", "predict"]
    with pytest.raises(AssistantNotAllowed):
        few.require(operations()["gas"], {})
    with pytest.raises(InvalidInput, match="predct") as caught:
        Tools(NodeClient("http://127.0.0.1:1", "token", home=tmp_path), Allowance(only=frozenset({"predct"})))
    assert "predict" in caught.value.hint


@pytest.mark.parametrize("name", [name for name, schema in TOOLS.items() if "limit" in schema["properties"]])
def test_a_list_is_short_where_nothing_is_said(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TOOLS[name]["properties"]["limit"]["default"] == PAGE
    asked: list[Any] = []

    def answer(*given: Any) -> Any:
        asked.append(given[-1])
        raise Unavailable("no more of it")

    monkeypatch.setattr(NodeClient, "perform", answer)
    tools = Tools(NodeClient("http://127.0.0.1:1", "token", home=tmp_path), Allowance())
    for said in ({}, {"limit": 7}):
        with pytest.raises(Unavailable):
            tools.perform(name, said)
    assert [one["limit"] for one in asked] == [PAGE, 7]
