"""What strangers' evidence may hold up: each person's latest file has its turn, and a turn has an end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.features.proof.uploads import Uploaded, Uploads
from freehold.kernel.web.forms import Upload


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    node: Any = SimpleNamespace(now=lambda: 0)
    made = Uploads(node, turn_seconds=0.5)
    yield made
    made.stop()


def sent(folder: Path, *, endless: bool = False) -> Upload:
    """A file that is no zip; the check of an endless one never comes back by itself."""
    made = Upload(folder, "evidence.zip")
    made.write(b"no zip")
    made.finish()
    if endless:
        made.path.unlink()
        os.mkfifo(made.path)
    return made


def until_done(one: Uploaded) -> str:
    end = time.monotonic() + 60
    while not one.done:
        assert time.monotonic() < end
        time.sleep(0.02)
    return one.findings[0].detail


def test_a_check_that_does_not_end_holds_up_others_for_one_turn(uploads, tmp_path):
    hostile = uploads.take_in(sent(tmp_path, endless=True), "agnes")
    time.sleep(1)
    assert not hostile.done, "alone it goes on"
    waiting = uploads.take_in(sent(tmp_path), "dora")
    assert "no zip" in until_done(waiting)
    assert "others wait" in until_done(hostile)
    assert (hostile.verdict, waiting.verdict) == ("bad", "bad")
    assert not list(tmp_path.iterdir())


def test_who_chooses_another_file_leaves_the_one_before(uploads, tmp_path):
    first = uploads.take_in(sent(tmp_path, endless=True), "agnes")
    second = uploads.take_in(sent(tmp_path, endless=True), "agnes")
    assert "another file was chosen" in until_done(first)
    assert not second.done
    uploads.stop()
    assert "the node stops" in until_done(second)
