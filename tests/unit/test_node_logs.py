"""Log lines: one an event whatever is logged, nothing that drives a terminal, no secret of a library."""

import io
import json
import logging

import pytest

from freehold.kernel.settings import Settings
from freehold.shell import logs

HOSTILE = 'a\nINFO freehold: forged\r\x1b[2J\u2028"}{\x00\ud800' + "x" * 5_000


@pytest.fixture
def root():
    before = logging.root.handlers[:], logging.root.level
    yield logging.root
    logging.root.handlers[:], logging.root.level = before
    for name in ("freehold", "uvicorn", *logs._CHATTY):
        logging.getLogger(name).setLevel(logging.NOTSET)


def said(root, form, level, event):
    logs.configure(Settings(log_format=form, log_level=level))
    (handler,) = root.handlers
    handler.stream = io.StringIO()
    event(logging.getLogger("freehold.test"))
    return handler.stream.getvalue()


def event(log):
    try:
        int(HOSTILE)
    except ValueError:
        log.exception("at %s", HOSTILE, extra={"fields": {"path": HOSTILE, "peer": None, "status": 3}})


def test_a_json_line_is_one_object_whatever_is_logged(root):
    text = said(root, "json", "info", event)
    assert text.count("\n") == 1
    assert text.isascii()
    line = json.loads(text)
    assert (line["level"], line["logger"], line["status"]) == ("error", "freehold.test", 3)
    assert line["path"] == HOSTILE[: logs.MOST_CHARS]
    assert "ValueError" in line["exception"]
    assert "peer" not in line


def test_text_of_others_neither_begins_a_line_nor_drives_the_terminal(root):
    text = said(root, "text", "info", event)
    first, *rest = text.removesuffix("\n").split("\n")
    assert "forged" in first
    assert all(line.startswith("    ") for line in rest), "a traceback is indented"
    assert all(one.isprintable() for line in (first, *rest) for one in line)


def test_levels_hide_and_libraries_do_not_tell_urls(root):
    assert said(root, "text", "warning", lambda log: log.info("x")) == ""
    assert said(root, "text", "debug", lambda log: log.debug("x")).endswith(" DEBUG   freehold.test: x\n")
    for form in ("text", "json"):
        for level in ("debug", "info"):
            quiet = said(
                root, form, level, lambda _: logging.getLogger("httpx").info("GET https://rpc/key?x")
            )
            assert quiet == ""
    assert said(root, "text", "info", lambda _: logging.getLogger("uvicorn.error").warning("Invalid")) == ""
