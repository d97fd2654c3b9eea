"""A form with a file, as it arrives: what it may take in all, also where it does not say how long it is."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from freehold.kernel.web.forms import MAX_FIELDS, FormTooLarge, read_file

MOST = 200_000


def posted(chunks: Iterator[bytes]) -> Request:
    async def receive():
        chunk = next(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def part(name: str, content: bytes, file: str = "") -> bytes:
    named = f'; filename="{file}"' if file else ""
    return f'--x\r\ncontent-disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


@pytest.mark.parametrize("token", ["t", None])
@pytest.mark.parametrize("file", ["", "a.csv"])
def test_a_body_of_unknown_length_is_read_up_to_a_bound(tmp_path, token, file):
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield part("csrf", b"t")
        if file:
            yield part("file", b"", file)[:-2]
        while taken < 10 * MOST:
            taken += 1_000
            yield b"a" * 1_000 if file else part("one", b"a" * 950)

    with pytest.raises(FormTooLarge):
        asyncio.run(read_file(posted(endless()), token, tmp_path, MOST))
    assert taken < 2 * MOST
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("token", ["t", None])
@pytest.mark.parametrize("content", [b"", b"a" * 60_000], ids=["many", "large"])
def test_fields_beside_a_file_take_no_more_than_a_form_without_one(tmp_path, token, content):
    taken = 0

    def fields() -> Iterator[bytes]:
        nonlocal taken
        yield part("csrf", b"t")
        for _ in range(1_000):
            taken += 1
            yield part("one", content)
        yield b"--x--\r\n"

    with pytest.raises(FormTooLarge):
        asyncio.run(read_file(posted(fields()), token, tmp_path, 1 << 30))
    assert taken <= (2 if content else MAX_FIELDS)
