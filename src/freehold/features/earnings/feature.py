"""Earnings: what came in, and what is yours of it."""

from __future__ import annotations

from freehold.features.earnings import pages
from freehold.features.earnings.ledger import Ledger
from freehold.features.earnings.once import ONCE
from freehold.kernel.feature import Feature, MenuEntry

FEATURE = Feature(
    name="earnings",
    about="What came in, and what is yours of it.",
    needs=("models",),
    once=ONCE,
    parts=(lambda host: Ledger(host.node),),
    pages=tuple(pages.PAGES),
    menu=(MenuEntry("/earnings", "Earnings", 40),),
)
