"""A file that somebody names is read only where it is one: nothing else may hold up who opens it."""

import os
import socket
from pathlib import Path

import pytest

from freehold import plain_file
from freehold.core.errors import InvalidTable
from freehold.features.data.rules.reading import read


@pytest.fixture(params=["pipe", "socket", "folder", "device"])
def strange(request, tmp_path):
    path = tmp_path / "table.csv"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as held:
            # its name has few bytes
            here = Path.cwd()
            os.chdir(tmp_path)
            held.bind("table.csv")
            os.chdir(here)
            yield path
    elif request.param == "folder":
        path.mkdir()
        yield path
    else:
        yield Path("/dev/zero")


@pytest.mark.timeout(20)
def test_a_table_that_is_no_regular_file_is_refused_at_once(strange):
    with pytest.raises(InvalidTable, match="cannot be opened") as caught:
        read(strange, "y")
    assert caught.value.hint


def test_a_link_is_followed_unless_it_must_lie_beneath_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.csv").write_bytes(b"out")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "out.csv")
    with plain_file.opened(tmp_path / "in" / "link.csv") as file:
        assert file.read() == b"out"
    folder = os.open(tmp_path / "in", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError, match="link"):
            plain_file.regular("link.csv", beneath=folder)
    finally:
        os.close(folder)
