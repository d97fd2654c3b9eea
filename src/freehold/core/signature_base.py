"""What is signed of an HTTP request: the signature base of RFC 9421 section 2, for any components of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

import http_sf

from freehold.core.errors import InvalidSignature

Component = tuple[str, dict[str, Any]]
"""Name and parameters of a covered component."""
_FIELD_FLAGS = ({"sf"}, {"bs"}, {"key"}, {"key", "sf"})
_DICTIONARIES = ("content-digest", "repr-digest", "signature", "signature-input")
"""Fields that are structured and not in the library's list."""


@dataclass(frozen=True)
class Request:
    """What can be signed of an HTTP request."""

    method: str
    authority: str
    """Host and port in the one spelling; see `origins.Origin.authority`."""
    path: str
    """As sent, percent-encoding and all."""
    query: str
    """As sent, without the question mark."""
    body: bytes
    scheme: str = "http"
    fields: tuple[tuple[str, str], ...] = ()
    """Header lines in their order, names in lower case."""

    def field(self, name: str) -> str | None:
        """All lines of a field as one value (RFC 9421 section 2.1); None where there is none."""
        lines = self.lines(name)
        return ", ".join(lines) if lines else None

    def lines(self, name: str) -> list[str]:
        """The values of a field, line by line."""
        return [value.strip(" \t") for known, value in self.fields if known == name]


def signature_base(request: Request, components: Sequence[Component], params: dict[str, Any]) -> bytes:
    """The lines that are signed.

    Raises `InvalidSignature`: a component is unknown, absent, ambiguous or covered twice.
    """
    seen: set[tuple[str, frozenset[tuple[str, Any]]]] = set()
    lines = []
    for name, flags in components:
        identity = (name, frozenset(flags.items()))
        if identity in seen:
            raise InvalidSignature(f"the signature covers {name[:60]!r} twice")
        seen.add(identity)
        lines.append(f"{http_sf.ser((name, flags))}: {component_value(request, name, flags)}")
    covered: Any = (list(components), params)
    lines.append(f'"@signature-params": {http_sf.ser([covered])}')
    try:
        base = "\n".join(lines).encode("ascii")
    except UnicodeEncodeError:
        raise InvalidSignature(
            "a covered field is not ASCII", hint="Cover it as bytes, with ;bs, or not at all."
        ) from None
    if base.count(b"\n") != len(lines) - 1 or b"\r" in base:
        raise InvalidSignature("a covered component holds a line break")
    return base


def component_value(request: Request, name: str, flags: dict[str, Any]) -> str:
    """The value of one component (RFC 9421 sections 2.1 and 2.2). Raises `InvalidSignature`."""
    if name == "@query-param" and set(flags) == {"name"}:
        return _query_param(request.query, str(flags["name"]))
    if name.startswith("@"):
        derived = _derived(request)
        if name not in derived or flags:
            raise InvalidSignature(
                f"the signature covers {http_sf.ser((name, flags))[:60]}, which is unknown here"
            )
        return derived[name]
    # `req` is for responses, `tr` for trailers, which servers drop
    if flags and set(flags) not in _FIELD_FLAGS:
        raise InvalidSignature(f"the signature covers {name[:60]!r} in a way that is unknown here")
    value = request.field(name)
    if value is None:
        raise InvalidSignature(f"the signature covers {name[:60]!r}, which the request lacks")
    if not flags:
        return value
    if "bs" in flags:
        return http_sf.ser([line.encode("latin-1", "replace") for line in request.lines(name)])
    return _structured(name, value, flags)


def _derived(request: Request) -> dict[str, str]:
    path, query = request.path or "/", f"?{request.query}" if request.query else ""
    return {
        "@method": request.method,
        "@authority": request.authority,
        "@scheme": request.scheme,
        "@path": path,
        "@query": f"?{request.query}",
        "@request-target": path + query,
        "@target-uri": f"{request.scheme}://{request.authority}{path}{query}",
    }


def _query_param(query: str, encoded: str) -> str:
    name = unquote_plus(encoded)
    try:
        found = [
            value
            for known, value in parse_qsl(query, keep_blank_values=True, max_num_fields=64)
            if known == name
        ]
    except ValueError:
        found = []
    if len(found) != 1:
        raise InvalidSignature(f"the signature covers {name[:60]!r}, which the query says not exactly once")
    return quote(found[0], safe="*-._").replace("~", "%7E")


def _structured(name: str, value: str, flags: dict[str, Any]) -> str:
    """A field in its strict serialisation, or one member of a dictionary in its."""
    try:
        if "key" not in flags:
            kind = "dictionary" if name in _DICTIONARIES else None
            return http_sf.ser(http_sf.parse(value.encode(), name=name, tltype=kind))
        members: Any = http_sf.parse(value.encode(), tltype="dictionary")
        return http_sf.ser([members[str(flags["key"])]])
    except (ValueError, KeyError, TypeError):
        raise InvalidSignature(
            f"{name[:60]!r} is not the structured field that the signature covers"
        ) from None
