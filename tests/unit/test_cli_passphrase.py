"""Passphrases come from a descriptor, a file or a keyboard, whole and bounded."""

import os

import pytest

from freehold.core.errors import InvalidInput
from freehold.shell.cli.passphrase import MOST_BYTES, obtain


def pipe(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_the_first_line_of_a_descriptor():
    assert obtain(pipe("größer als kurz\nmore".encode()), None, new=True) == "größer als kurz"


def test_the_first_line_of_a_file(tmp_path):
    (tmp_path / "p").write_bytes(b"  spaces count  \r\n")
    (tmp_path / "p").chmod(0o600)
    assert obtain(None, tmp_path / "p", new=False) == "  spaces count  "


def test_the_descriptor_is_closed_afterwards():
    descriptor = pipe(b"secret\n")
    obtain(descriptor, None, new=False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_byte_order_mark_is_no_part_of_a_passphrase(tmp_path):
    (tmp_path / "p").write_bytes("\ufeffgrößer als kurz\r\n".encode())
    (tmp_path / "p").chmod(0o600)
    assert obtain(None, tmp_path / "p", new=True) == "größer als kurz"


@pytest.mark.parametrize(
    ("content", "named"), [(b"a\0b\n", "U+0000"), (b"a\tb\n", "U+0009"), (b"a\rb\n", "U+000D")]
)
def test_control_characters_are_refused_by_name(content, named):
    with pytest.raises(InvalidInput, match=f"control character {named.replace('+', '.')}"):
        obtain(pipe(content), None, new=False)


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * (MOST_BYTES + 1), b"\xff\xfe\n"])
def test_what_is_no_passphrase_is_refused_without_repeating_it(content):
    with pytest.raises(InvalidInput) as caught:
        obtain(pipe(content), None, new=False)
    assert "xxx" not in str(caught.value)


def test_two_sources_and_absent_ones_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="not both"):
        obtain(0, tmp_path / "p", new=False)
    with pytest.raises(InvalidInput, match="cannot read"):
        obtain(None, tmp_path / "absent", new=False)
    with pytest.raises(InvalidInput, match="cannot be read"):
        obtain(9_999, None, new=False)
