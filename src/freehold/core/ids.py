"""Names of things: 32-byte ids, accounts, and their short forms for people."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any

from eth_hash.auto import keccak
from pydantic import StringConstraints

from freehold.core.canonical import canonical_bytes
from freehold.core.errors import InvalidInput, NotFound

Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
"""32 bytes as lower-case hex."""
Account = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{40}$")]
"""A wallet or contract address, lower case."""

NO_HASH = "0x" + "00" * 32
_PREFIX = re.compile(r"^(0x)?[0-9a-f]{4,64}$")
_ID = re.compile(r"0x[0-9a-f]+|[0-9a-f]{64}", re.IGNORECASE)


class Ambiguous(InvalidInput, code="id.ambiguous"):
    """A shortened id matches more than one thing."""


def document_id(document: dict[str, Any]) -> str:
    """SHA-256 of the canonical bytes, as 0x-hex."""
    return sha256_hex(canonical_bytes(document))


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 0x-hex."""
    return "0x" + hashlib.sha256(data).hexdigest()


def account_word(account: str) -> str:
    """An account left-padded to 32 bytes, as the `subject` of a signature."""
    return "0x" + account.removeprefix("0x").rjust(64, "0")


def keyed_id(account: str, value: bytes) -> bytes:
    """keccak256(abi.encode(address, bytes32)): ids on chain that nobody else can take (tokens, pools)."""
    return bytes(keccak(bytes.fromhex(account_word(account)[2:]) + value))


def hash_bytes(value: str) -> bytes:
    """The 32 bytes of a 0x-hex hash. Raises `InvalidInput`: not 32 bytes of hex."""
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise InvalidInput(f"{value[:80]!r} is not a 32-byte id", hint="Ids are 0x and 64 hex digits.")
    return raw


def is_id_shaped(text: str) -> bool:
    """Whether a text is read as an id or the beginning of one, and so is never a name.

    >>> is_id_shaped("0x3f2a"), is_id_shaped("Ab" * 32), is_id_shaped("cafe"), is_id_shaped("0x3f2a's")
    (True, True, False, False)
    """
    return _ID.fullmatch(text) is not None


MOST_NAME = 200
_NO_LINE = ("Cc", "Cs", "Zl", "Zp")
_SEEN = "LNPS"
"""Letters, numbers, punctuation and symbols, by Unicode's general category: a mark needs one of them to stand on."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Among them, and drawn as nothing: Hangul fillers (`Default_Ignorable_Code_Point`) and the Braille pattern without dots.

The others of that property are marks, formats or unassigned."""


def require_name(name: str) -> None:
    """A name can be seen, fits a line, and cannot be taken for the id of something else. Raises `InvalidInput`."""
    if len(name) > MOST_NAME:
        raise InvalidInput(
            f"the name has {len(name):,} characters; the limit is {MOST_NAME}", hint="Shorten it."
        )
    if odd := next((one for one in name if unicodedata.category(one) in _NO_LINE), ""):
        raise InvalidInput(
            f"the name holds U+{ord(odd):04X}, which is no text of one line", hint="Leave it out."
        )
    if not any(one not in _BLANK and unicodedata.category(one)[0] in _SEEN for one in name):
        raise InvalidInput("the name holds nothing that can be seen", hint="Choose one that people can read.")
    if is_id_shaped(name):
        raise InvalidInput(
            f"{name[:80]!r} reads like an id", hint="Choose a name that is more than 0x and hex digits."
        )


def resolve(prefix: str, candidates: Iterable[str], what: str) -> str:
    """The one candidate that starts with `prefix` (with or without 0x, at least 4 digits).

    Raises `InvalidInput`: not an id. `NotFound`: no match. `Ambiguous`: several.
    """
    text = prefix.lower()
    if not _PREFIX.match(text):
        raise InvalidInput(f"{prefix[:80]!r} is not a {what} id", hint="Give at least 4 hex digits of it.")
    text = text if text.startswith("0x") else "0x" + text
    found = sorted({candidate for candidate in candidates if candidate.startswith(text)})
    if not found:
        raise NotFound(f"no {what} starts with {text}", hint="List them to see the ids that exist.")
    if len(found) > 1:
        raise Ambiguous(f"{text} could be {len(found)} different {what}s", hint="Type more digits of the id.")
    return found[0]


def prefix_range(prefix: str) -> tuple[str, str]:
    """From where to where ids with a prefix lie, so that an index answers; no digit comes after f."""
    text = f"0x{prefix.lower().removeprefix('0x')[:64]}"
    return text, f"{text}g"


def short(identifier: str) -> str:
    """The first 8 digits, for tables."""
    return identifier[:10]
