"""Live progress on stderr: a spinner at a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status


class Steps:
    """Says which step runs, how far it is, and what came of it."""

    def __init__(self, status: Status | None) -> None:
        self._status = status
        self._started = time.monotonic()
        self._title = ""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; its result is what `say` told last."""
        self._title, began = title, time.monotonic()
        self._show("")
        yield
        self._line(f"{'✓' if self._status else 'done:'} {title}", time.monotonic() - began)

    def tell(self, detail: str) -> None:
        """How far the present step is."""
        self._show(detail)

    def notice(self, text: str) -> None:
        """Something a person should know."""
        self._line(f"! {text}", None)

    def finish(self) -> None:
        """No step is left; the terminal is free for the report."""
        if self._status is not None:
            self._status.stop()

    def _show(self, detail: str) -> None:
        if self._status is not None:
            from rich.text import Text  # noqa: PLC0415

            self._status.update(Text(f"{self._title}{f'  {detail}' if detail else ''}"))

    def _line(self, text: str, took_seconds: float | None) -> None:
        took = "" if took_seconds is None else f"  ({took_seconds:.1f} s)"
        line = f"{time.monotonic() - self._started:5.1f} s  {text}{took}"
        if self._status is not None:
            self._status.console.print(line, markup=False, highlight=False)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


@contextmanager
def shown() -> Iterator[Steps]:
    """Progress while a block runs."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Steps(None)
        return
    with console.status("starting") as status:
        yield Steps(status)
