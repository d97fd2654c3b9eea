"""Whether there is a node in a folder, asked before anything is made or opened there."""

from __future__ import annotations

from pathlib import Path

from freehold.core.errors import NotFound
from freehold.kernel.databases.sqlite import FILE
from freehold.kernel.reading import database_url
from freehold.vault.keystore import KeystoreMissing

KEYS_FILE = "keys.jwe"
TOKEN_FILE = "api-token"  # noqa: S105 - a file name


def is_new(home: Path) -> bool:
    """No keys were made here yet, and nothing stands here that was made under keys.

    Raises `KeystoreMissing`: a node was here, and its keys are gone; others would not open what it left.
    """
    if (home / KEYS_FILE).exists():
        return False
    left = [*home.glob(f"{FILE}*"), *home.glob("blobs/*"), *home.glob(TOKEN_FILE)]
    if left:
        raise KeystoreMissing(
            f"the keys of this home are missing: {home} holds {left[0].name} of a node and no {KEYS_FILE}",
            hint=f"Bring {KEYS_FILE} back, or restore a backup into another folder: freehold restore",
        )
    return True


def require_node(home: Path) -> None:
    """A node was started in this folder. Raises `NotFound`. `KeystoreMissing`."""
    if is_new(home) or not (database_url(home) or (home / FILE).exists()):
        raise NotFound(f"there is no node in {home}", hint="Name its home with --home.")
