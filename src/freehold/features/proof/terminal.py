"""Proof: receipts, lineage, evidence of a receipt, and checking evidence from anyone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.core.errors import InvalidInput, NoLineage, VerificationFailed
from freehold.kernel.cli.options import DEFAULT_HOME, Home, Json
from freehold.kernel.cli.output import emit, note, percent, plain, table
from freehold.kernel.client import NodeClient


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("receipts")(receipts)
    app.command("lineage")(lineage)
    app.command("evidence")(evidence)
    app.command("verify")(verify)


def receipts(
    receipt: Annotated[str | None, typer.Argument(help="One receipt in full, with its signatures.")] = None,
    *,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1, max=10_000)] = 20,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """List uses of data and models."""
    node = NodeClient.of(home)
    if receipt is None:
        answer = node.get("/api/receipts", limit=str(limit))
        emit(answer, lambda: _receipts(answer), as_json=as_json)
    else:
        import json  # noqa: PLC0415

        found = node.get(f"/api/receipts/{receipt}")
        emit(found, lambda: [json.dumps(found, indent=2, sort_keys=True)], as_json=as_json)


def lineage(
    asset: Annotated[str, typer.Argument(help="Id of a model, dataset or receipt.")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also draw it.", metavar="FILE.svg")
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Show what something was made from."""
    node = NodeClient.of(home)
    answer = node.get(f"/api/lineage/{asset}")
    if output is not None:
        _write(output.expanduser(), _picture(node, answer))
        note(f"drawn: {output}")
    emit(answer, lambda: _lineage(answer), as_json=as_json)


def evidence(
    receipt: Annotated[str, typer.Argument(help="Id of an inference receipt.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new directory.", metavar="DIR")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Write the files that prove one answer.

    Public files only, from its payment back to the commitments to the training data.
    """
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415

    answer = NodeClient.of(home).post("/api/evidence", {"receipt": receipt})
    files = answer["files"]
    bundle = Bundle.from_json(files if "files" in files else answer)
    bundle.write(output.expanduser())
    said = {
        "directory": str(output),
        "files": len(bundle.files),
        "bytes": sum(map(len, bundle.files.values())),
    }
    lines = [
        f"written: {output} ({said['files']} files, {said['bytes']:,} bytes)",
        f"check it: freehold verify {output}",
    ]
    emit(said, lambda: lines, as_json=as_json)


def verify(
    directory: Annotated[Path, typer.Argument(help="Directory that holds manifest.json.")],
    *,
    rpc_url: Annotated[
        str | None, typer.Option(help="Compare the block with this chain.", metavar="URL")
    ] = None,
    block_hash: Annotated[
        str | None, typer.Option(help="Compare the block with this hash.", metavar="0xHASH")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check evidence, offline.

    Needs no node and trusts none. Exits with 9 when the evidence does not hold, with 11 when what it shows holds
    and nothing shows where the model came from. Everything hangs on the hash of one block: compare it with
    --rpc-url or --block-hash.
    """
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415
    from freehold.kernel.evidence.verify import verify as check  # noqa: PLC0415

    if rpc_url is not None and block_hash is not None:
        raise InvalidInput("give --rpc-url or --block-hash, not both")
    bundle = Bundle.read(directory.expanduser())
    if rpc_url is None:
        report = check(bundle, trusted_block_hash=block_hash)
    else:
        from freehold.chain.client import Chain  # noqa: PLC0415
        from freehold.chain.rpc import Rpc  # noqa: PLC0415

        with Rpc(rpc_url) as rpc:
            report = check(bundle, chain=Chain(rpc))
    checks = [{"name": c.name, "ok": c.ok, "file": c.file, "detail": c.detail} for c in report.checks]
    value = {
        "ok": report.ok,
        "verdict": report.verdict,
        "checks": checks,
        "chain_id": report.chain_id,
        "block_hash": report.block_hash,
        "trusted_by": report.trusted_by,
    }
    emit(value, lambda: _report(value), as_json=as_json)
    if report.verdict == "no_lineage":
        raise typer.Exit(NoLineage.exit_code)
    if not report.ok:
        raise typer.Exit(VerificationFailed.exit_code)


def _receipts(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415
    from freehold.core.money import dollars  # noqa: PLC0415

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
        lines.append(f"the newest {len(found)} of {answer['total']}; --limit shows more")
    return lines


def _lineage(answer: dict[str, Any]) -> Iterable[Any]:
    from freehold.core.ids import short  # noqa: PLC0415

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
    from freehold.features.proof import lineage_svg  # noqa: PLC0415

    kinds = {item["kind"]: item["id"] for item in answer["nodes"]}
    if "model" not in kinds or not any(edge["to"] == kinds["model"] for edge in answer["edges"]):
        return lineage_svg.draw(answer)
    model = node.get(f"/api/models/{kinds['model']}")
    rounds = int((model.get("recipe") or {}).get("rounds") or 0)
    calls = 0 if "receipt" in kinds else int(answer.get("calls", 0))
    return lineage_svg.draw(lineage_svg.with_rounds(answer, kinds["model"], rounds, calls))


def _report(value: dict[str, Any]) -> Iterable[Any]:
    from freehold.kernel.evidence.verify import SAID  # noqa: PLC0415

    for check in value["checks"]:
        where = f"{check['file']}: " if check["file"] else ""
        yield f"{'ok    ' if check['ok'] else 'FAILED'}  {check['name']:<22} {plain(where + check['detail'], most=400)}"
    yield SAID[value["verdict"]]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="Check the path.") from error
