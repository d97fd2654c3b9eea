"""Commands about grants."""

from __future__ import annotations

import typer

from freehold.features.grants.terminal import grants


def register(app: typer.Typer) -> None:
    """Add the commands of this folder."""
    grants.register(app)
