"""What the library returns: frozen values that print as a table in a notebook.

Money is whole units of the dollar token (6 decimals); `freehold.core.money.dollars` writes it for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.kernel.notebook import Rows, Shown


@dataclass(frozen=True)
class Grant(Shown):
    """A permission, issued or held here."""

    id: str
    asset: str
    asset_name: str
    issuer: str
    holder: str
    actions: tuple[str, ...]
    uses: int
    max_uses: int
    price_units: int
    price_per: str
    expires_at: int
    issued: bool
    """By this node; else it holds it."""
    revoked: bool


@dataclass(frozen=True)
class Offer(Shown):
    """Other terms an owner offers for a request."""

    id: str
    purposes: tuple[str, ...]
    max_uses: int
    expires_at: int
    price_units: int
    price_per: str
    total_units: int
    """Most it costs in all."""
    note: str


@dataclass(frozen=True)
class Request(Shown):
    """What another party asks of this node's owner."""

    id: str
    state: str
    """waiting, countered, accepted or refused."""
    holder: str
    holder_name: str
    """As it calls itself; the account is what identifies it."""
    asset: str
    asset_name: str
    actions: tuple[str, ...]
    purposes: tuple[str, ...]
    max_uses: int
    expires_at: int
    price_units: int
    price_per: str
    total_units: int
    """Most it pays in all."""
    asked_at: int
    lapses_at: int
    offer: Offer | None
    reason: str
    grant: str
    """Id of the grant it became; else empty."""
    rounds: int | None
    """Of the training run it is for; None where it is for something else."""
    level: str
    """noised, or update for exact updates; empty where it is not for training."""
    epsilon_micro: int | None
    """What that run would cost these rows."""
    left_micro: int | None
    """Largest epsilon of a run that would still fit afterwards."""
    owners: tuple[str, ...]
    """Who would take part, by account, you among them."""
    test_rows: int | None
    test_positives: int | None
    earlier_runs: tuple[str, ...]
    """On the same rows."""


@dataclass(frozen=True)
class Asked(Shown):
    """What this node asks of an owner who decides by hand."""

    id: str
    state: str
    """waiting, countered or refused."""
    asset: str
    asset_name: str
    owner: str
    owner_name: str
    action: str
    purpose: str | None
    max_uses: int | None
    price_units: int
    """As published."""
    asked_at: int
    job: str
    """Training job it was made for; else empty."""
    offer: Offer | None
    reason: str
    ask_again_at: int
    """After a refusal; else 0."""


@dataclass(frozen=True)
class Revocation(Shown):
    """A grant taken back."""

    grant: str
    gas: int


@dataclass(frozen=True)
class Evidence(Shown):
    """Files that prove one answer."""

    directory: str
    files: int
    size_bytes: int


@dataclass(frozen=True)
class Check(Shown):
    """One check on evidence."""

    name: str
    ok: bool
    file: str
    """The file that broke it; empty when it holds."""
    detail: str


@dataclass(frozen=True)
class Verification(Shown):
    """Whether evidence holds."""

    ok: bool
    """The verdict is "holds"."""
    verdict: str
    """"holds", "no_lineage" (what is shown holds, and nothing shows where the model came from), "newer" (than this
    program can judge) or "fails"."""
    chain_id: int
    """On which the block must be."""
    block_hash: str
    """Everything hangs on it."""
    trusted_by: str
    """Who vouches for it: "given hash", "chain client" or "nobody"."""
    checks: Rows[Check]

    def __bool__(self) -> bool:
        return self.ok

    def _repr_html_(self) -> str:
        from freehold.kernel.evidence.verify import SAID  # noqa: PLC0415

        said = SAID.get(self.verdict, SAID["fails"])
        return f"<p>{said}</p>{self.checks._repr_html_()}"
