"""Work that a node does again and again by itself: each piece in its own thread, with its state in view.

A piece that fails is tried again, at first soon, then ever more seldom, and never given up: what it is
about (signatures, vouchers, anchors) stays where it is until it is done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freehold.kernel import faults

LONGEST_PAUSE_SECONDS = 900.0
PAYMENTS_SECONDS = 20.0
"""How often money and signatures on their way are looked at."""
_log = logging.getLogger("freehold.work")


@dataclass(frozen=True)
class Piece:
    """One kind of work."""

    name: str
    """Short, for lists."""
    about: str
    """What it does, in a few words."""
    every_seconds: float
    """Pause after a success; after failures twice that, four times, up to `LONGEST_PAUSE_SECONDS`."""
    act: Callable[[], object]
    """Does what is due; finds out by itself what that is, so that it may be repeated."""
    at_stop: bool = False
    """Whether it is done once more when the node stops."""


class Work:
    """All recurring work of one node."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self._stop = threading.Event()
        self._running = [_Running(piece, self._stop) for piece in pieces]

    def start(self) -> None:
        """Begin; nothing happens before the first pause is over."""
        for one in self._running:
            one.thread.start()

    def overview(self) -> list[dict[str, Any]]:
        """Each piece: name, about, state (waiting, running, failing), attempts, last error, times (Unix seconds)."""
        return [one.overview() for one in self._running]

    def stop(self, seconds: float) -> None:
        """Let what is due at the end happen, for at most so long in all."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for one in self._running:
            if one.thread.is_alive():
                one.thread.join(max(0.0, deadline - time.monotonic()))


class _Running:
    """A piece, its thread, and what became of it so far."""

    def __init__(self, piece: Piece, stop: threading.Event) -> None:
        self.piece = piece
        self.thread = threading.Thread(target=self._run, name=f"work-{piece.name}", daemon=True)
        self._stop, self._lock = stop, threading.Lock()
        self._seen: dict[str, Any] = {
            "name": piece.name,
            "about": piece.about,
            "state": "waiting",
            "every_seconds": int(piece.every_seconds),
            "runs": 0,
            "attempts": 0,
            **dict.fromkeys(("last_error", "last_ended_at", "last_success_at", "next_try_at")),
        }

    def overview(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._seen)

    def _note(self, **changed: Any) -> None:
        # by its own thread alone
        with self._lock:
            self._seen |= changed

    def _run(self) -> None:
        pause = self.piece.every_seconds
        while True:
            self._note(next_try_at=int(time.time() + pause))
            if self._stop.wait(pause):
                break
            pause = self._once()
        if self.piece.at_stop:
            self._once()

    def _once(self) -> float:
        """Do it; returns the pause until the next time, in seconds."""
        self._note(state="running")
        error = self._attempt()
        ended, attempts = int(time.time()), self._seen["attempts"] + 1 if error else 0
        self._note(
            state="failing" if error else "waiting",
            runs=self._seen["runs"] + 1,
            attempts=attempts,
            last_ended_at=ended,
            **({"last_error": error} if error else {"last_success_at": ended}),
        )
        every = self.piece.every_seconds
        return max(every, min(every * (1 << min(attempts, 10)), LONGEST_PAUSE_SECONDS))

    def _attempt(self) -> dict[str, str] | None:
        name = self.piece.name
        try:
            self.piece.act()
        except Exception as error:  # noqa: BLE001 - a thread has no caller: the overview says so, and it is tried again
            known = faults.known(error)
            if known is None:
                _log.exception("%s failed", name)
                return {"code": "", "title": "unexpected error", "hint": "See this node's log."}
            _log.warning("%s failed", name, extra={"fields": {"code": known.code, "reason": known.message}})
            return {"code": known.code, "title": known.message, "hint": known.hint}
        return None
