"""What a browser posts, bounded while it arrives; files go straight to a private temporary file.

A form with a file carries its other fields first, so that a request without the session's token is
refused before a byte of the file is kept.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from freehold.core.errors import InvalidInput, NotAllowed, Unavailable
from freehold.core.texts import Size, said
from freehold.kernel.operation import Field
from freehold.kernel.surface import Dollars, Epsilon
from freehold.kernel.web import typed
from freehold.kernel.web.words import plain
from freehold.vault.spool import Spool

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_NAME = 120
MAX_TEXT = 4_000
FORM_SECONDS = 10.0
FORM_BYTES_PER_SECOND = 64 * 1024
"""A form may take `FORM_SECONDS` in all, and longer as far as it arrives at this rate."""
TOKEN_FIELD = "csrf"  # noqa: S105 - the name of a field
_MULTIPART_OVERHEAD = 64 * 1024


class FormExpired(NotAllowed, code="console.form"):
    """A form was sent without the token of the session it belongs to."""

    form: Form | None = None
    """What it says."""


class FormTooLarge(InvalidInput, code="console.too_large", http_status=413):
    """A form or its file is over the limit."""


class FormTooSlow(InvalidInput, code="console.too_slow", http_status=408):
    """A form or its file stopped arriving."""


class Upload(Spool):
    """A file somebody sent, in a private temporary file; `close` deletes it."""

    def __init__(self, folder: Path, given_name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(folder)
        self._stack = ExitStack()
        self._stack.enter_context(self)
        self.name = file_name(given_name)
        """What its owner called it, for showing only."""
        self.chosen = bool(given_name)
        """Whether it is a file at all: a form without one sends a part without a name."""
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Append."""
        self.file.write(data)
        self.size_bytes += len(data)

    def finish(self) -> None:
        """Everything written can be read by name."""
        self.file.flush()

    def close(self) -> None:
        """Delete it."""
        self._stack.close()


@dataclass
class Form:
    """Posted fields, each with its values in order, and at most one file."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None
    file_field: str = ""
    """The name of the field that a file came in."""

    def text(self, name: str, most: int = 2_000) -> str:
        """The first value, without surrounding space. Raises `InvalidInput`: too long."""
        value = self.fields.get(name, [""])[0].strip()
        if len(value) > most:
            raise InvalidInput(
                said("{name} has more than {most} characters", name=name.replace("_", " "), most=most),
                hint=said("Shorten it."),
            )
        return value

    def secret(self, name: str) -> str:
        """The first value as typed."""
        return self.fields.get(name, [""])[0]

    def number(self, name: str, what: str, least: int, most: int) -> int:
        """A whole number. Raises `InvalidInput`: it is none, or out of range."""
        text = self.text(name, 40)
        found = typed.whole(text)
        if found is None or not least <= found <= most:
            raise InvalidInput(
                said("{what} is a whole number from {least} to {most}", what=what, least=least, most=most),
                hint=said("Write digits only."),
            )
        return found

    def money(self, name: str, usual: str = "") -> int:
        """Units of an amount of dollars; `usual` where nothing is typed. Raises `InvalidInput`."""
        return typed.units(self.text(name, 40) or usual)

    def whole(self, asked: Field, what: str, name: str = "") -> int:
        """A whole number within the bounds that a request has for it, in the unit in which it is typed.

        Raises `InvalidInput`.
        """
        least, most = asked.bounds
        assert least is not None
        assert most is not None
        scale = asked.flag.scale
        return self.number(name or asked.face, what, -(-least // scale), most // scale) * scale

    def taken(self, fields: Mapping[str, Field], numbers: Mapping[str, str]) -> dict[str, Any]:
        """What the form says of a request, as it travels; what is empty has its default.

        `numbers` are fields of whole numbers, and how a sentence about each begins. Raises `InvalidInput`.
        """
        found: dict[str, Any] = {}
        for name, one in fields.items():
            if name in numbers:
                found[name] = self.whole(one, numbers[name])
            elif one.face in self.fields:
                text = self.text(one.face, MAX_TEXT)
                if text and isinstance(one.surface, Dollars | Epsilon):
                    text = typed.canonical(text)
                found[name] = one.take(text) if text else one.info.default
        return found

    def chosen(self, name: str) -> list[str]:
        """All values of a field, as of ticked boxes."""
        return self.fields.get(name, [])

    def require_token(self, token: str) -> None:
        """The form was made for this session. Raises `FormExpired`."""
        given = self.fields.get(TOKEN_FIELD, [""])[0]
        if not hmac.compare_digest(given.encode(), token.encode()):
            expired = FormExpired(
                said("this form has expired"), hint=said("Go back, reload the page and try again.")
            )
            expired.form = self
            raise expired

    def close(self) -> None:
        """Delete what was uploaded."""
        if self.upload:
            self.upload.close()


async def read(request: Request, token: str | None) -> Form:
    """A form without a file; `token` is the session's, None before there is a session."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidInput(said("a form was expected"), hint=said("Use the console's own pages."))
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise _too_many()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput(
            said("the form cannot be read"), hint=said("Reload the page and try again.")
        ) from None
    form = Form()
    for name, value in pairs:
        form.fields.setdefault(name, []).append(value)
    if token is not None:
        form.require_token(token)
    return form


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives, for as long as it arrives fast enough."""
    stream, loop = request.stream(), asyncio.get_running_loop()
    ends = loop.time() + FORM_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(ends):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise FormTooSlow(said("the form arrives too slowly"), hint=said("Send it again.")) from None
        if chunk is None:
            return
        began = loop.time()
        yield chunk
        # what this node did with it is not the sender's slowness
        ends += loop.time() - began + len(chunk) / FORM_BYTES_PER_SECOND


async def read_file(request: Request, token: str | None, folder: Path, most_bytes: int) -> Form:
    """A form with one file of at most `most_bytes`, written to `folder` as it arrives.

    `token` is the session's; None before there is a session, where the file is passed over.
    """
    from python_multipart.multipart import parse_options_header  # noqa: PLC0415

    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidInput(said("a file was expected"), hint=said("Choose a file, then send the form."))
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes + _MULTIPART_OVERHEAD:
        raise _too_large(most_bytes)
    parts = _Parts(token, folder, most_bytes)
    try:
        await parts.take(request, boundary)
    except BaseException:
        parts.form.close()
        raise
    return parts.form


def _too_many() -> FormTooLarge:
    return FormTooLarge(
        said("a form has at most {size}", size=Size(MAX_FORM_BYTES)), hint=said("Write less in it.")
    )


def _too_large(most_bytes: int) -> FormTooLarge:
    return FormTooLarge(
        said("the file is larger than {size}", size=Size(most_bytes)),
        hint=said("Give its path on this machine instead, split it, or raise max_table_bytes."),
    )


class _Parts:
    """The parts of one multipart body, in the order in which they come."""

    def __init__(self, token: str | None, folder: Path, most_bytes: int) -> None:
        self.form = Form()
        self._token, self._folder, self._most = token, folder, most_bytes
        self._header = bytearray(), bytearray()
        self._disposition = b""
        self._name, self._value = "", bytearray()
        self._into: Upload | None = None
        self._passed_over = False
        self._left = most_bytes + _MULTIPART_OVERHEAD
        """Of the whole body, which need not say how long it is."""
        self._fields_left, self._parts_left = MAX_FORM_BYTES, MAX_FIELDS
        """Of all fields together, which are kept in memory, and of parts, each of which takes its time."""

    async def take(self, request: Request, boundary: bytes) -> None:
        from python_multipart.exceptions import MultipartParseError  # noqa: PLC0415
        from python_multipart.multipart import MultipartParser  # noqa: PLC0415
        from starlette.concurrency import run_in_threadpool  # noqa: PLC0415

        callbacks: dict[str, Callable[..., Any]] = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_part_end": self._end,
        }
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        try:
            async for chunk in _chunks(request):
                self._left -= len(chunk)
                if self._left < 0:
                    raise _too_large(self._most)
                await run_in_threadpool(parser.write, chunk)
            parser.finalize()
        except MultipartParseError:
            raise InvalidInput(said("the form cannot be read"), hint=said("Choose the file again.")) from None
        except OSError as error:
            raise Unavailable(
                said("the file cannot be kept: {why}", why=error.strerror),
                hint=said("Free some disk space, then try again."),
            ) from None
        if self._token is not None:
            self.form.require_token(self._token)

    def _begin(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise _too_many()
        self._passed_over = False
        self._header = bytearray(), bytearray()
        self._disposition, self._name, self._value, self._into = b"", "", bytearray(), None

    def _add(self, which: int, data: bytes) -> None:
        self._header[which].extend(data)
        if len(self._header[which]) > 8_192:
            raise FormTooLarge(said("a header of the form is too long"))

    def _header_end(self) -> None:
        if bytes(self._header[0]).lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header  # noqa: PLC0415

        _, options = parse_options_header(self._disposition)
        self._name = _unescaped(options.get(b"name", b""))
        if b"filename" in options:
            self.form.file_field = self._name
            self._passed_over = self._token is None
            if self._token is None:
                return
            self.form.require_token(self._token)
            if self.form.upload is not None:
                raise InvalidInput(said("one file at a time"), hint=said("Choose one file."))
            self._into = Upload(self._folder, _unescaped(options[b"filename"]))
            self.form.upload = self._into

    def _data(self, data: bytes) -> None:
        if self._passed_over:
            return
        if self._into is not None:
            if self._into.size_bytes + len(data) > self._most:
                raise _too_large(self._most)
            self._into.write(data)
            return
        self._fields_left -= len(data)
        if self._fields_left < 0:
            raise _too_many()
        self._value += data

    def _end(self) -> None:
        if self._into is not None:
            self._into.finish()
        elif not self._passed_over:
            value = self._value.decode("utf-8", "replace")
            self.form.fields.setdefault(self._name, []).append(value)


def _unescaped(name: bytes) -> str:
    """A name as it was before a browser wrote it into a part's header (HTML, multipart form data)."""
    for escape, byte in ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n")):
        name = name.replace(escape, byte)
    return name.decode("utf-8", "replace")


def file_name(given: str) -> str:
    """The last part of a file's name as somebody else's machine told it; never used as a path."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    return plain(last, MAX_NAME).replace("\n", " ").strip() or "file"
