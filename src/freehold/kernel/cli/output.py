"""What a command prints: one JSON object, or text and tables for people.

Names and descriptions come from other parties: control characters in them could drive a terminal
and square brackets style it, so every cell is plain text with the unprintable replaced.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold import plain_file
from freehold.core.errors import FreeholdError
from freehold.core.times import minute

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_HOME = Path("~/.freehold")

HOME_VARIABLE = "FREEHOLD_HOME"
home_in_use: ContextVar[Path | None] = ContextVar("home_in_use", default=None)
"""The node's home that the command which runs was given."""
completing: ContextVar[Callable[[str], str]] = ContextVar("completing", default=str)
"""What is done to each line for people before it is printed; the shell, which knows all commands, says it."""


def _used(home: Path) -> Path:
    home_in_use.set(home)
    return home


Home = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar=HOME_VARIABLE,
        help="Directory of the node.",
        metavar="DIR",
        parser=plain_file.chosen,
        callback=_used,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
_MOST_CELL = 200
_PIPE_WIDTH = 240
_WHOLE = ("asset id", "grant", "model", "receipt", "job", "until", "side")
"""Columns of ids and dates, which are never broken either."""


def emit(value: dict[str, Any], text: Callable[[], Iterable[Any]], *, as_json: bool) -> None:
    """Print `value` as one JSON object, or what `text` makes of it."""
    if as_json:
        _write(value)
        return
    from rich.console import Console  # noqa: PLC0415 - takes 0.1 s to import

    # a pipe has no width: what reads it wants whole lines
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    for part in text():
        if isinstance(part, str):
            console.print(completing.get()(part), soft_wrap=True)
        else:
            console.print(part)


def emit_error(error: FreeholdError, *, as_json: bool) -> None:
    """Message and hint on stderr; with `as_json` also the problem as the one object on stdout."""
    if as_json:
        emit_problem(error)
    hint = f"\n  {plain(error.hint, most=1_000)}" if error.hint else ""
    note(f"error: {plain(error.message, most=1_000)}{hint}")


def emit_problem(error: FreeholdError) -> None:
    """The problem as the one object on stdout."""
    _write({"error": error.problem()})


def _write(value: dict[str, Any]) -> None:
    value = _completed(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # characters that stdout has not, or half ones
        text = json.dumps(value, default=str)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _completed(value: Any) -> Any:
    """The same with hints as people read them."""
    if isinstance(value, dict):
        return {
            name: completing.get()(one) if name == "hint" and isinstance(one, str) else _completed(one)
            for name, one in value.items()
        }
    return [_completed(one) for one in value] if isinstance(value, list) else value


def note(line: str) -> None:
    """A line on stderr."""
    sys.stderr.write(completing.get()(line) + "\n")
    sys.stderr.flush()


def plain(value: Any, *, most: int = _MOST_CELL) -> str:
    """Text that a terminal cannot mistake for anything else."""
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value)
    )
    return text if len(text) <= most else text[: most - 1] + "…"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """A plain table; the columns named in `right` are aligned to the right and never broken."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=name in right or name in _WHOLE,
        )
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    return made


def older(answer: Mapping[str, Any]) -> Iterable[str]:
    """That a list goes on, and how."""
    place = answer["earlier"]
    if place:
        yield f"there are older ones: --before {place[:10] if place.startswith('0x') else place}"


def day(seconds: int | None) -> str:
    """A date in UTC; empty for none."""
    return "" if not seconds else time.strftime("%Y-%m-%d", time.gmtime(seconds))


def percent(share_bps: int) -> str:
    """A share for people."""
    return f"{share_bps / 100:.2f} %"


def gas_line(gas: dict[str, Any]) -> str:
    """What a node spends on gas by itself, in one line."""
    limit = "no limit" if gas["ceiling"] is None else f"limit {gas['ceiling']:,}"
    said = f"{gas['used']:,} in 24 hours by itself ({limit}), {gas['by_hand']:,} by hand"
    return f"{said}; spent, next from {minute(gas['frees_at'])}" if gas["spent"] else said
