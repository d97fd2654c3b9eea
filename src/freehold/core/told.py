"""Errors that one thread meets and another, or an event loop, is told of."""

from __future__ import annotations


def held(error: BaseException) -> Exception:
    """An error as a future can hold it, which ends neither the thread that met it nor the loop where it is awaited.

    A future takes no StopIteration, and a loop that awaits an exit of the program, or a cancellation, ends by it.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    made = RuntimeError(f"{type(error).__name__} where nothing is to end")
    made.__cause__ = error
    return made
