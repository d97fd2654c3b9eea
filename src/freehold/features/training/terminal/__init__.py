"""Commands about training."""

from __future__ import annotations

import typer

from freehold.features.training.terminal import jobs, measuring, train


def register(app: typer.Typer) -> None:
    """Add the commands of this folder."""
    train.register(app)
    jobs.register(app)
    measuring.register(app)
