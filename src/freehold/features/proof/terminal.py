"""Receipts, lineage and evidence as people see them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold import plain_file
from freehold.core import causes
from freehold.core.errors import InvalidInput
from freehold.core.ids import short
from freehold.core.money import dollars
from freehold.features.proof import lineage_svg, wire
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import note, percent, plain, table
from freehold.kernel.client import NodeClient

_STDOUT = Path("-")


def _uses(call: Call) -> None:
    receipt = call.more["receipt"]
    if receipt is None:
        call.show_page(call.answer(wire.RECEIPTS), _receipts)
        return
    found = call.node.perform(wire.RECEIPT, {"receipt_id": receipt})
    call.show(found, lambda answer: [json.dumps(answer, indent=2, sort_keys=True)])


def _drawn(call: Call) -> None:
    answer, output = call.answer(wire.LINEAGE), call.more["output"]
    if output == _STDOUT:
        if call.as_json:
            raise InvalidInput(
                "stdout is to hold JSON or the picture, not both", hint="Name a file with -o FILE.svg."
            )
        sys.stdout.write(_picture(call.node, answer))
        return
    if output is not None:
        with causes.explained("write the picture"):
            plain_file.put(plain_file.named(output), _picture(call.node, answer).encode())
        note(f"drawn: {plain(output)}")
    call.show(answer, _lineage)


def _evidence(call: Call) -> None:
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415 - what checks evidence takes 0.3 s to load

    output = call.more["output"]
    if output == _STDOUT:
        raise InvalidInput(
            "evidence is a directory of files, which stdout cannot hold",
            hint="Name a new directory with -o DIR; tar -c DIR writes one to stdout.",
        )
    target = plain_file.named(output)
    bundle = Bundle.from_json(call.answer(wire.EVIDENCE))
    bundle.write(target)
    call.show(wire.EvidenceWritten.of(output, bundle.files).model_dump(by_alias=True), _written)


def _written(said: dict[str, Any]) -> Iterable[str]:
    yield f"written: {plain(said['directory'])} ({said['files']} files, {said['bytes']:,} bytes)"
    yield f"check it: freehold verify {plain_file.typed(said['directory'])}"


def _receipts(answer: dict[str, Any]) -> Iterable[Any]:
    found = answer["receipts"]
    if not found:
        return ["no receipts yet"]
    rows = (
        (
            short(item["id"]),
            item["action"],
            item.get("provider_name") or short(item["provider"]),
            item.get("holder_name") or short(item["holder"]),
            short(item["asset"]),
            dollars(item["units"]) if item["units"] else "",
            "" if item["position"] is None else item["position"],
            "both" if item["complete"] else "one",
        )
        for item in found
    )
    names = ("receipt", "action", "provider", "holder", "asset", "paid", "log", "signed by")
    lines: list[Any] = [table(names, rows, right=("paid", "log"))]
    if answer.get("total", len(found)) > len(found):
        lines.append(f"{len(found)} of {answer['total']}")
    return lines


def _lineage(answer: dict[str, Any]) -> Iterable[Any]:
    nodes = {item["id"]: item for item in answer["nodes"]}
    rows = (
        (
            nodes.get(edge["from"], {}).get("name", short(edge["from"])),
            nodes.get(edge["from"], {}).get("owner_name", ""),
            edge["role"],
            nodes.get(edge["to"], {}).get("name", short(edge["to"])),
            percent(edge["weight"]) if edge.get("weight") is not None else "",
        )
        for edge in answer["edges"]
    )
    if not answer["edges"]:
        return [f"{plain(item['name'])} is not made from anything else" for item in nodes.values()]
    return [table(("from", "owner", "as", "to", "weight"), rows, right=("weight",))]


def _picture(node: NodeClient, answer: dict[str, Any]) -> str:
    """SVG; where a model is in it, with its training rounds and, unless one answer was asked for, all its answers."""
    kinds = {item["kind"]: item["id"] for item in answer["nodes"]}
    if "model" not in kinds or not any(edge["to"] == kinds["model"] for edge in answer["edges"]):
        return lineage_svg.draw(answer)
    model = node.get(f"/api/models/{kinds['model']}")
    rounds = lineage_svg.rounds(model.get("recipe"))
    calls = 0 if "receipt" in kinds else int(answer.get("calls", 0))
    return lineage_svg.draw(lineage_svg.with_rounds(answer, kinds["model"], rounds, calls))


Receipt = Annotated[
    str | None,
    typer.Argument(help='One receipt in full, with its signatures; "last" is the newest answer\'s.'),
]
Drawing = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", help="Also draw it; - for stdout.", metavar="FILE.svg", parser=plain_file.chosen
    ),
]
Folder = Annotated[
    Path, typer.Option("-o", "--output", help="A new directory.", metavar="DIR", parser=plain_file.chosen)
]
COMMANDS = {
    "receipts": Command(wire.RECEIPTS, _uses, more={"receipt": (Receipt, None)}, also=(wire.RECEIPT,)),
    "lineage": Command(wire.LINEAGE, _drawn, more={"output": (Drawing, None)}),
    "evidence": Command(
        wire.EVIDENCE,
        _evidence,
        more={"output": (Folder, ...)},
        prints=(wire.EvidenceWritten,),
        words="""Write the files that prove one answer.

        Public files only, from its payment back to the commitments to the training data.
        """,
    ),
}
