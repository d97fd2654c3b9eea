"""What this process logs, one line an event: text for people, or JSON for machines.

A line never holds a body, a query string or a secret. What others sent (a path, a name) is escaped,
so that it can neither begin a line of its own nor drive a terminal.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from freehold.kernel.settings import Settings

MOST_CHARS = 2_000
_CHATTY = {"httpx": logging.WARNING, "httpcore": logging.WARNING, "asyncio": logging.ERROR}
"""Libraries whose lower levels name whole URLs, query strings included, or follow strangers' whims."""


def configure(settings: Settings) -> None:
    """Log to stderr from now on, as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("freehold").setLevel(level)
    # any stranger can make uvicorn warn, as often as it likes; the gate and the metrics count those
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if level == logging.DEBUG else logging.ERROR)
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(least)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # everything but printable ASCII is escaped, line ends first of all
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Time, level, logger, message and fields; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and those of the traceback."""
        fields = "".join(f" {name}={_printable(str(value))}" for name, value in _fields(record).items())
        message = _printable(str(_cut(record.getMessage())))
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}{fields}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n    {_printable(one)}" for one in trace)
        return line


def _time(record: logging.LogRecord) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{moment}.{int(record.msecs):03}Z"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = getattr(record, "fields", {})
    return {name: _cut(value) for name, value in found.items() if value not in (None, "")}


def _cut(value: Any) -> Any:
    return value[:MOST_CHARS] if isinstance(value, str) else value


def _printable(text: str) -> str:
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in text
    )
