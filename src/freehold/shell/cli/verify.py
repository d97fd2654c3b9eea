"""Evidence from anyone, checked without a node."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold import plain_file
from freehold.core.errors import InvalidInput, NewerFormat, NoLineage, VerificationFailed
from freehold.kernel.cli.output import Json, emit, plain
from freehold.shell.cli.shapes import Verification


def verify(
    directory: Annotated[
        Path, typer.Argument(help="Directory that holds manifest.json.", parser=plain_file.chosen)
    ],
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
    and nothing shows where the model came from, with 12 when it is later than this program can judge. Everything
    hangs on the hash of one block: compare it with --rpc-url or --block-hash.
    """
    value = checked(directory, rpc_url, block_hash)
    emit(value.model_dump(mode="json"), lambda: _report(value), as_json=as_json)
    if not value.ok:
        refused = {"no_lineage": NoLineage, "newer": NewerFormat}.get(value.verdict, VerificationFailed)
        raise typer.Exit(refused.exit_code)


def checked(directory: str | Path, rpc_url: str | None, block_hash: str | None) -> Verification:
    """What checking evidence finds; NotFound where there is none."""
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415
    from freehold.kernel.evidence.verify import verify as check  # noqa: PLC0415

    if rpc_url is not None and block_hash is not None:
        raise InvalidInput("give an RPC URL or a block hash, not both")
    bundle = Bundle.read(plain_file.named(directory))
    if rpc_url is None:
        report = check(bundle, trusted_block_hash=block_hash)
    else:
        from freehold.chain.client import Chain  # noqa: PLC0415
        from freehold.chain.rpc import Rpc  # noqa: PLC0415

        with Rpc(rpc_url) as rpc:
            report = check(bundle, chain=Chain(rpc))
    return Verification.model_validate(report, from_attributes=True)


def _report(value: Verification) -> Iterable[Any]:
    failed = "NEWER " if value.verdict == "newer" else "FAILED"
    for check in value.checks:
        where = f"{check.file}: " if check.file else ""
        # the one thing that no evidence can show of itself
        is_open = check.name == "chain.block" and value.trusted_by == "nobody"
        mark = failed if not check.ok else "OPEN  " if is_open else "ok    "
        yield f"{mark}  {check.name:<22} {plain(where + check.detail, most=400)}"
    yield value.said


COMMANDS = {"verify": (verify, "freehold verify evidence --rpc-url http://127.0.0.1:8545")}
