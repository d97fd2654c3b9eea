"""What a node says of its HTTP API, for those who generate clients from it."""

import json
from typing import Any

import httpx
import pytest
from node_world import World
from openapi_spec_validator import validate

from freehold.kernel.registry import everything


@pytest.fixture(scope="module")
def said(world: World) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{world.party('told').url}/openapi.json", trust_env=False).json()
    return found


def test_it_is_openapi(said: dict[str, Any]) -> None:
    validate(said)


def test_what_needs_the_token_says_so(said: dict[str, Any]) -> None:
    schemes = said["components"]["securitySchemes"]
    bearer = [name for name, one in schemes.items() if (one["type"], one["scheme"]) == ("http", "bearer")]
    acts = {
        (path, verb): one.get("security")
        for path, every in said["paths"].items()
        for verb, one in every.items()
    }
    owners = [security for (path, _), security in acts.items() if path.startswith("/api/")]
    assert len(owners) == len(everything().operations)
    assert owners == [[{name: []} for name in bearer]] * len(owners)
    assert not any(security for (path, _), security in acts.items() if not path.startswith("/api/"))


def test_a_refusal_is_one_schema_however_many_may_refuse(said: dict[str, Any]) -> None:
    refusals = [
        answer["content"]
        for every in said["paths"].values()
        for one in every.values()
        for status, answer in one["responses"].items()
        if status in ("4XX", "5XX")
    ]
    assert len(refusals) > 100
    one = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(each == one for each in refusals)
    assert {"code", "hint", "status"} <= said["components"]["schemas"]["Problem"]["properties"].keys()
    assert json.dumps(said).count("`urn:freehold:error:` and the code.") == 1
