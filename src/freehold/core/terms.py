"""The algebra of terms: what two licences allow together, and whether one stays within another.

`meet` is idempotent, commutative and associative, so the terms of a result do not depend on the
order in which its inputs were combined. `price_units` belongs to the order too: the dearer prevails.
"""

from __future__ import annotations

from freehold.core.documents import REVEALS, Receipt, Terms
from freehold.core.errors import NotAllowed


class TermsConflict(NotAllowed, code="terms.conflict"):
    """Two terms leave nothing that both allow."""


def meet(left: Terms, right: Terms) -> Terms:
    """The widest terms that both allow. Splits are not combined: a meet pays nobody by itself.

    Raises `TermsConflict`: no common purpose, action, time, token or holder.
    """
    purposes = tuple(sorted(set(left.purposes) & set(right.purposes)))
    actions = tuple(sorted(set(left.actions) & set(right.actions)))
    not_before = max(left.not_before, right.not_before)
    expires_at = min(left.expires_at, right.expires_at)
    for nothing, what in (
        (not purposes, "purpose"),
        (not actions, "action"),
        (not_before >= expires_at, "time"),
        (left.token != right.token, "token"),
    ):
        if nothing:
            raise TermsConflict(
                f"the two terms have no {what} in common", hint="Ask the owners for wider terms."
            )
    holders = _common(left.holders, right.holders)
    per = "use" if "use" in (left.price_per, right.price_per) else "grant"
    return Terms(
        purposes=purposes,
        actions=actions,
        not_before=not_before,
        expires_at=expires_at,
        max_uses=min(left.max_uses, right.max_uses),
        price_units=max(left.price_units, right.price_units),
        price_per=per,  # type: ignore[arg-type]
        token=left.token,
        duties=tuple(sorted(set(left.duties) | set(right.duties))),
        reveals=min(left.reveals, right.reveals, key=REVEALS.index),
        epsilon_run_micro=min(left.epsilon_run_micro, right.epsilon_run_micro),
        epsilon_life_micro=min(left.epsilon_life_micro, right.epsilon_life_micro),
        holders=holders,
        judges=tuple(sorted(set(left.judges) & set(right.judges))),
        per="row" if "row" in (left.per, right.per) else "call",
        rows_per_call=min(left.rows_per_call, right.rows_per_call),
        round_to=min(left.round_to, right.round_to),
    )


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """Whom both allow; empty is anyone."""
    if not left or not right:
        return left or right
    common = tuple(sorted(set(left) & set(right)))
    if not common:
        raise TermsConflict("the two terms have no holder in common", hint="Ask the owners for wider terms.")
    return common


def require_within(child: Terms, parent: Terms) -> None:
    """A child allows nothing that its parent does not, and costs no less.

    Raises `NotAllowed`: naming the first field in which the child exceeds.
    """
    excess = (
        ("purposes", not set(child.purposes) <= set(parent.purposes)),
        ("actions", not set(child.actions) <= set(parent.actions)),
        ("not_before", child.not_before < parent.not_before),
        ("expires_at", child.expires_at > parent.expires_at),
        ("max_uses", child.max_uses > parent.max_uses),
        ("price_units", child.price_units < parent.price_units),
        ("price_per", child.price_per != parent.price_per),
        ("per", child.per != parent.per),
        ("rows_per_call", child.rows_per_call > parent.rows_per_call),
        ("round_to", child.round_to > parent.round_to),
        ("token", child.token != parent.token),
        ("duties", not set(parent.duties) <= set(child.duties)),
        ("reveals", REVEALS.index(child.reveals) > REVEALS.index(parent.reveals)),
        ("epsilon_run_micro", child.epsilon_run_micro > parent.epsilon_run_micro),
        ("epsilon_life_micro", child.epsilon_life_micro > parent.epsilon_life_micro),
        ("judges", not set(child.judges) <= set(parent.judges)),
        (
            "holders",
            bool(parent.holders) and (not child.holders or not set(child.holders) <= set(parent.holders)),
        ),
    )
    for field, exceeded in excess:
        if exceeded:
            counts = ("max_uses", "rows_per_call", "round_to")
            told = f": {getattr(child, field):,}, not {getattr(parent, field):,}" if field in counts else ""
            raise NotAllowed(
                f"{field}: asks for more than the terms allow{told}",
                hint="Look at the asset's terms and ask within them.",
                field=field,
            )


def price_of(terms: Terms, rows: int) -> int:
    """What a use of so many rows costs, where uses have a price."""
    return terms.price_units * (rows if terms.per == "row" else 1)


def rows_charged(receipt: Receipt, terms: Terms) -> int:
    """Rows that a receipt charges: both sides sign their number where each has its price. 0 where none is said."""
    if terms.per == "call" or receipt.action != "infer":
        return 1
    rows = receipt.evidence.get("rows")
    return rows if type(rows) is int else 0
