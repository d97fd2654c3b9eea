"""Canonical JSON: one byte string for each value, so that a hash names a document.

RFC 8785 over a smaller value space: objects, arrays, strings, booleans, null and integers that every
JSON reader keeps exact (|n| < 2**53). Floats are refused, because two programs may print them apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import rfc8785

from freehold.core.errors import InvalidInput

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 32
MAX_BYTES = 16 * 1024 * 1024
MOST_VALUES = 100_000
"""Values of one text: each takes up to a hundred bytes of memory, however short it is."""
_PLAIN = bytes(set(range(256)) - set(b'[]{},:"'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
# so that what stands in it does not count; an open string runs to the end
_STRING = re.compile(rb'"[^"]*"?')


class InvalidJson(InvalidInput, code="json.invalid"):
    """Bytes are not JSON of the accepted value space."""


def canonical_bytes(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`.

    Raises `InvalidJson`: a float, an integer beyond 2**53, a non-string key or too deep nesting.
    """
    _check(value, 0)
    # In ASCII text, keys sort alike by code point and by UTF-16, and without floats nothing else differs
    # from RFC 8785; the standard library's encoder is written in C.
    text = _ENCODER.encode(value)
    return text.encode() if text.isascii() else rfc8785.dumps(value)


def canonical_object(parts: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of an object whose values are given in canonical bytes: nothing is encoded twice.

    Names are ASCII and need no escape, as the fields of documents.

    >>> canonical_object({"b": b"2", "a": canonical_bytes([1])})
    b'{"a":[1],"b":2}'
    """
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), parts[name]) for name in sorted(parts)) + b"}"


def parse(data: bytes | str, *, max_bytes: int = MAX_BYTES, most_values: int = MOST_VALUES) -> Any:
    """Read untrusted JSON: bounded size, depth and number of values, no duplicate keys, no floats.

    Raises `InvalidJson`: naming what is wrong.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise _half() from None
    if len(raw) > max_bytes:
        raise InvalidJson(
            f"JSON of {len(raw)} bytes is over the limit of {max_bytes}", hint="Send less at once."
        )
    require_bounded(raw, most_values)
    try:
        value = decoded(raw, _DECODER)
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidJson(f"not valid JSON: {error}", hint="Send UTF-8 encoded JSON.") from error
    _check(value, 0)
    return value


def decoded(raw: bytes, decoder: json.JSONDecoder) -> Any:
    """As `json.loads`, by a decoder that was made once. Raises `ValueError`: it is no JSON in UTF-8."""
    text = raw.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark")
    return decoder.decode(text)


def require_bounded(raw: bytes, most_values: int | None, most_depth: int = MAX_DEPTH) -> None:
    """Refuse more values than are worth their memory (None: any number), and deep nesting, before a parser sees them.

    The interpreter's recursion limit is no protection: libraries lift it beyond what the stack holds.

    Counts commas, colons and opening brackets outside strings: no text makes a parser keep more values, but one.
    Raises `InvalidJson`.
    """
    brackets = _structure(raw, len(raw) if most_values is None else most_values).translate(_ONE_KIND, b",:")
    for _ in range(most_depth):
        if not brackets:
            return
        # the innermost level goes
        brackets = brackets.replace(b"[]", b"")
    # closed without being opened is no JSON, and nobody reads beyond it
    if b"[]" in brackets or brackets.count(b"[") > most_depth:
        raise InvalidJson("JSON is nested too deeply", hint=f"At most {most_depth} levels.")


def _structure(raw: bytes, most_values: int) -> bytes:
    """The commas, colons and brackets that stand outside strings. In C throughout: hostile text may be long."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = raw.translate(None, _PLAIN)
    # each text is a value or a key, so there are no more of them than marks of values, and one
    if marks.count(b'"') > 2 * (most_values + 1):
        raise _too_many(most_values)
    marks = _STRING.sub(b"", marks)
    if len(marks) - marks.count(b"]") - marks.count(b"}") > most_values:
        raise _too_many(most_values)
    return marks


def _too_many(most: int) -> InvalidJson:
    return InvalidJson(f"JSON of more than {most} values", hint="Send less at once.")


def _check(value: Any, depth: int) -> None:
    """`depth` is in how many arrays and objects a value stands; an empty one is a level, too, as in `require_bounded`."""
    if not isinstance(value, (dict, list, tuple)):
        _check_scalar(value)
        return
    if depth >= MAX_DEPTH:
        raise InvalidJson("JSON is nested too deeply", hint=f"At most {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise InvalidJson("an object key is not text")
            _check_text(key)
        value = value.values()
    for item in value:
        _check(item, depth + 1)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise InvalidJson(
                f"the integer {value} is not exact in every JSON reader", hint="Keep below 2**53."
            )
    elif value is not None:
        raise InvalidJson(
            f"{type(value).__name__} has no canonical JSON form", hint="Use integers, not floats."
        )


def _check_text(value: str) -> None:
    # half a character is not ASCII, and most text is
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _half() from None


def _half() -> InvalidJson:
    return InvalidJson("text holds a lone surrogate", hint="Send well-formed Unicode.")


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as JSON readers make it (`object_pairs_hook`), each of its keys named once."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names one key twice")
    return result


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is not an integer")


def _bounded_int(text: str) -> int:
    if len(text) > 20:  # longer than any 64-bit integer
        raise ValueError("an integer is too long")
    return int(text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_object, parse_float=_no_float, parse_constant=_no_float, parse_int=_bounded_int
)
