"""Requests that a web server gives up at its end are no faults, so their tracebacks do not stand in its log."""

from __future__ import annotations

import asyncio
import logging


def unsaid() -> None:
    """Leave them out of what the web server logs."""
    logging.getLogger("uvicorn.error").addFilter(_is_said)


def _is_said(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
