"""A node that is only a store and a clock, and datasets of few numbered rows: enough for privacy budgets."""

from __future__ import annotations

import secrets
from typing import Any

from freehold.core.documents import Asset, Content, Terms
from freehold.core.ids import NO_HASH
from freehold.core.signing import Domain, seal
from freehold.features.privacy import lines
from freehold.kernel.store import Store
from freehold.vault.keystore import Keys

KEYS = Keys(bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32)
ACCOUNT = KEYS.account
HOLDER = "0x" + "22" * 20
DOMAIN = Domain("Freehold", 31337, "0x" + "33" * 20)
MICRO = 1_000_000


class Bench:
    """What budgets ask of a node."""

    def __init__(self, store: Store) -> None:
        self.store, self.account, self.clock = store, ACCOUNT, 1_700_000_000
        self.keys = KEYS

    def now(self) -> int:
        return self.clock

    def asset(self, asset_id: str) -> Asset:
        found = self.store.get(asset_id).document
        assert isinstance(found, Asset)
        return found

    def publish(self, rows: Any, *, life: int = 4 * MICRO, **more: Any) -> Asset:
        """A dataset with these rows, each a number, in the lines it belongs to."""
        made = asset(rows, life=life, **more)
        with self.store.transaction() as tx:
            tx.put(seal(made, KEYS.account_key, DOMAIN), public=True)
            lines.join(self, tx, made, map(fingerprint, rows))
        return made


def fingerprint(row: int) -> bytes:
    return row.to_bytes(16, "big")


def asset(
    rows: Any, *, life: int = 4 * MICRO, reveals: str = "noised", supersedes: Asset | None = None,
    count: int | None = None,
) -> Asset:  # fmt: skip
    terms = Terms(
        purposes=("model-training",), actions=("train",), expires_at=2_000_000_000, max_uses=9, token=ACCOUNT,
        reveals=reveals, epsilon_run_micro=min(life, MICRO), epsilon_life_micro=life,
        holders=(HOLDER,) if reveals == "update" else (),
    )  # fmt: skip
    return Asset(
        asset_kind="dataset", name=f"table {secrets.token_hex(4)}", owner=ACCOUNT,
        supersedes=supersedes.id if supersedes else None,
        content=Content(commitment=NO_HASH, media_type="application/vnd.freehold.table", size_bytes=1),
        schema_={"columns": ["a"], "label": "y", "rows": count or len(list(rows))}, terms=terms, created_at=1,
    )  # fmt: skip


def run_id(number: int) -> str:
    return f"0x{number:064x}"
