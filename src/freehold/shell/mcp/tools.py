"""Operations as tools: name, schema of arguments and answer, and what a call does to the world.

>>> from freehold.kernel import wire
>>> tool = offered([wire.ANCHOR], Allowance())[0]
>>> tool.name, tool.annotations.read_only_hint, tool.annotations.destructive_hint
('anchor', False, True)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_types import Tool, ToolAnnotations
from pydantic import TypeAdapter

from freehold.kernel.operation import Effect, Operation
from freehold.shell.mcp.allowance import LIMIT, Allowance

_DOES = {
    Effect.READS: "Changes nothing.",
    Effect.CHANGES: "Changes something that can be taken back.",
    Effect.LASTS: "Cannot be taken back: it is signed, logged or on chain, or others may act on it at once.",
    Effect.SPENDS: f"May take dollars from the owner's wallet: {LIMIT} (millionths of a dollar) must say how much.",
}


def offered(operations: Iterable[Operation[Any]], allowance: Allowance) -> list[Tool]:
    """The tools of a server."""
    return [_tool(one) for one in operations if allowance.offers(one)]


def _tool(operation: Operation[Any]) -> Tool:
    effect = operation.effect
    return Tool(
        name=operation.method,
        title=operation.summary.rstrip("."),
        description=f"{operation.text}\n\n{_DOES[effect]}",
        input_schema=_asked(operation),
        output_schema=_answered(operation),
        annotations=ToolAnnotations(
            title=operation.summary.rstrip("."),
            read_only_hint=effect is Effect.READS,
            destructive_hint=effect in (Effect.LASTS, Effect.SPENDS),
            # asking again under the same names is the same request everywhere
            idempotent_hint=effect in (Effect.READS, Effect.CHANGES),
            open_world_hint=True,
        ),
    )


def _asked(operation: Operation[Any]) -> dict[str, Any]:
    schema = operation.asks.model_json_schema()
    schema.pop("description", None)
    if effect_spends := operation.effect is Effect.SPENDS and LIMIT in schema.get("properties", {}):
        schema["required"] = [*schema.get("required", []), LIMIT]
    assert effect_spends or operation.effect is not Effect.SPENDS, f"{operation.name} spends without a limit"
    return {"type": "object", "properties": {}, **schema}


def _answered(operation: Operation[Any]) -> dict[str, Any]:
    """An object at the root, as clients ask for, also where it is one of several."""
    if operation.waiting is None:
        return {"type": "object", **operation.schema()}
    either: TypeAdapter[Any] = TypeAdapter(operation.shape | operation.waiting)
    return {"type": "object", **either.json_schema(mode="serialization")}
