"""Answers about the node itself."""

from __future__ import annotations

from typing import Literal

from freehold.kernel.shape import Account, Count, Reason, Shape, Time, Units
from freehold.kernel.wire import GasDay
from freehold.shell.answers.training import TaskRow


class ChainSeen(Shape):
    """The chain a node works with."""

    id: Count
    """Chain id (EIP-155)."""
    block: Count
    """Newest block."""
    rpc_url: str
    """JSON-RPC endpoint."""


class LogSize(Shape):
    """How long the log is."""

    size: Count
    """Entries."""
    anchored: Count
    """Entries the chain vouches for."""


class Counts(Shape):
    """Documents kept here."""

    party: Count
    """Parties."""
    asset: Count
    """Datasets and models, of anyone."""
    grant: Count
    """Grants issued or held."""
    receipt: Count
    """Receipts."""
    claim: Count
    """Claims."""


class WorkRow(Shape):
    """Work the node does again and again by itself."""

    name: str
    """Short."""
    about: str
    """What it does."""
    state: Literal["waiting", "running", "failing"]
    """A failing one is tried again, ever more seldom."""
    every_seconds: Count
    """Pause after a success."""
    runs: Count
    """How often it was done since the node started."""
    attempts: Count
    """Failures in a row."""
    last_error: Reason | None
    """The newest failure, even if mended since."""
    last_ended_at: Time | None
    """When it was last done."""
    last_success_at: Time | None
    """When it last succeeded."""
    next_try_at: Time | None
    """When it is done next."""


class Overview(Shape):
    """Recurring work and jobs."""

    work: list[WorkRow]
    """Recurring work."""
    jobs: list[TaskRow]
    """Training jobs, oldest first."""


class Notice(Shape):
    """Something that its owner must know and do something about."""

    code: str
    """Of the error."""
    title: str
    """What is wrong."""
    hint: str
    """What to do."""


class Status(Overview):
    """A node at a glance."""

    name: str
    """As others see it."""
    account: Account
    """Its account."""
    url: str
    """Where others reach it."""
    chain: ChainSeen
    """Its chain."""
    database: str
    """Where its rows are kept; never with a password."""
    balance_units: Units
    """In its wallet."""
    log: LogSize
    """Its transparency log."""
    counts: Counts
    """What it keeps."""
    gas: GasDay
    """What it spends on gas by itself."""
    quarantined: list[str]
    """Acts and subjects that failed on chain and wait for the owner: see `freehold channels list`."""
    lost_units: Units
    """Promised for answers by buyers that withdrew before it was settled: see `freehold channels list`."""
    notices: list[Notice]
    """What is wrong with this home, the gravest first; mostly nothing."""
    version: str
    """Of Freehold."""
