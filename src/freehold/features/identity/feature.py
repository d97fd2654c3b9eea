"""Identity: parties, and the peers where they are met."""

from __future__ import annotations

from freehold.kernel.feature import Feature

FEATURE = Feature(name="identity", about="Parties, and the peers where they are met.")
