"""Freehold for assistants."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from freehold import plain_file
from freehold.core import extras, money
from freehold.core.errors import InvalidInput
from freehold.kernel.cli.output import DEFAULT_HOME, Home
from freehold.kernel.client import NodeClient


def serve(
    *,
    most: Annotated[
        str | None,
        typer.Option(
            "--max",
            help="Most that all calls together may take from the wallet; without it nothing may be bought.",
            metavar="DOLLARS",
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose files may be published or tested with; by default none.",
            metavar="DIR",
            parser=plain_file.chosen,
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Offer only what changes nothing.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Offer this tool and no other that is not named too; repeatable.", metavar="TOOL"),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP on this machine instead of stdio.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port for --http; 0 takes a free one.", min=0, max=65_535)] = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let an assistant drive this node, within limits given here.

    Each operation is a tool of the Model Context Protocol, marked as reading, changing or spending. What calls may
    take from the wallet is counted until the server ends, used up or not. Over HTTP a client needs the token of
    that port and these limits, in the file HOME/mcp-token-PORT-LIMITS that is named at the start.
    """
    with extras.needed("agents"):
        from freehold.shell.mcp import serving  # noqa: PLC0415 - an extra
        from freehold.shell.mcp.allowance import Allowance  # noqa: PLC0415
        from freehold.shell.mcp.folder import Folder  # noqa: PLC0415
    if read_only and most is not None:
        raise InvalidInput("--read-only buys nothing", hint="Leave out --max.")
    if port and not http:
        raise InvalidInput("--port is for --http", hint="Say --http, too.")
    with nullcontext() if files is None else closing(Folder(files)) as folder:
        units = 0 if most is None else money.units(most)
        allowance = Allowance(units, read_only, folder, frozenset(only or ()))
        tools = serving.Tools(NodeClient.of(home), allowance)
        if http:
            serving.over_http(tools, plain_file.named(home), port)
        else:
            serving.over_stdio(tools, folder.close if folder else lambda: None)


COMMANDS = {"mcp": (serve, "freehold mcp --max 5 --files ~/tables")}
