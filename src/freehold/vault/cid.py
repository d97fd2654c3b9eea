"""Content ids: CIDv1 with the raw codec and SHA-256, in base32 (multiformats CID specification).

The one form used here, always 59 characters, so that a content id is also a safe file name.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256

from freehold.core.errors import InvalidInput

_CID_PREFIX = bytes((0x01, 0x55, 0x12, 0x20))
"""CID version 1, raw codec, SHA-256, 32 bytes (multiformats tables)."""
_CID = re.compile("bafkrei[a-h][a-z2-7]{51}")


class InvalidCid(InvalidInput):
    """The text is not the content id of a raw SHA-256 blob."""

    code = "blob.cid"


def cid_from_digest(digest: bytes) -> str:
    """Content id of bytes with this SHA-256 digest."""
    return "b" + b32encode(_CID_PREFIX + digest).decode().lower().rstrip("=")


def cid_of(content: bytes) -> str:
    """Content id of these bytes."""
    return cid_from_digest(sha256(content).digest())


def check_cid(cid: str) -> str:
    """The same text if it is a content id of the only kind used here."""
    if not is_cid(cid):
        raise InvalidCid("this is not a content id", hint="Content ids start with bafkrei.")
    return cid


def is_cid(text: str) -> bool:
    """Whether this is a content id of the only kind used here, in its one spelling."""
    # 36 bytes leave two bits of the last letter unused; another letter there would be an alias.
    return _CID.fullmatch(text) is not None and text[-1] in "aeimquy4"
