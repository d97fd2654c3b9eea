"""The whole main job on this machine, with real processes, in under a minute."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold import plain_file
from freehold.features.models.wire import Privacy
from freehold.features.proof.wire import ReceiptRow
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit
from freehold.kernel.shape import Account, Bps, Count, Gas, Id, Shape, Units

if TYPE_CHECKING:
    from freehold.quickstart.nursery import Nursery


class PlayedModel(Shape):
    """The model of a quickstart; accuracies are numbers from 0 to 1."""

    id: Id
    """The model."""
    name: str
    """Its name."""
    accuracy: float
    """Of the model trained together, under noise."""
    accuracy_bps: list[Bps]
    """Both ends of its 95 % interval."""
    majority_accuracy: float
    """Of always giving the commoner label."""
    pooled_accuracy: float
    """Of one trained on all rows in one place, without noise."""
    best_single_accuracy: float
    """Of the best one trained on one owner's rows, without noise."""
    auc_ppm: Count
    """Area under the ROC curve, in millionths."""
    rounds: Count
    """Rounds of training."""
    test_rows: Count
    """Rows of the test table."""


class PlayedPrivacy(Privacy):
    """What the run cost the owners' rows."""

    said: str
    """In a sentence."""


class PlayedOwner(Shape):
    """An owner in a quickstart."""

    name: str
    """Its name."""
    account: Account
    """Its account."""
    rows: Count
    """Rows of its dataset."""
    share_bps: Bps
    """Its share of the model."""
    error_ppm: Count
    """Standard error of it, from the noise, in millionths of the whole."""
    agreed: bool
    """Whether it computed the shares again and agrees."""
    grant_units: Units
    """Earned by its grant."""
    revenue_units: Units
    """Its part of the model's revenue."""
    earned_units: Units
    """Both together."""
    claimed: bool
    """Whether it moved its part to its wallet."""


class PlayedBuyer(Shape):
    """The buyer in a quickstart."""

    name: str
    """Its name."""
    calls: Count
    """Answers it bought."""
    paid_units: Units
    """For all of them."""


class PlayedRevenue(Shape):
    """The model's revenue pool."""

    in_units: Units
    """All that came in."""
    paid_out_units: Units
    """Claimed by owners."""
    held_units: Units
    """Left for the other owners."""


class PlayedReceipts(Shape):
    """The builder's receipts."""

    count: Count
    """In all."""
    anchored: Count
    """Vouched for by the chain."""


class PlayedOutcome(Shape):
    """One check of evidence that held or not."""

    name: str
    """Group and step."""
    ok: bool
    """Whether it holds."""
    detail: str
    """A sentence."""


class PlayedVerification(Shape):
    """The evidence of one answer, checked."""

    ok: bool
    """Whether it holds."""
    checks: Count
    """Checks made."""
    files: Count
    """Public files it consists of."""
    bytes: Count
    """Their size."""
    block_hash: Id
    """What everything hangs on."""
    outcomes: list[PlayedOutcome]
    """Each check."""


class PlayedTampering(Shape):
    """The same evidence with one field changed."""

    detected: bool
    """Whether a check failed."""
    named: str
    """Which, and what it said."""


class Played(Shape):
    """The report of a quickstart."""

    seconds: float
    """How long it took."""
    processes: Count
    """Chain and nodes."""
    model: PlayedModel
    """What was trained."""
    privacy: PlayedPrivacy
    """What that cost the rows."""
    owners: list[PlayedOwner]
    """Who contributed."""
    notes: list[str]
    """What to bear in mind."""
    buyer: PlayedBuyer
    """Who bought answers."""
    revenue: PlayedRevenue
    """What they brought."""
    receipts: PlayedReceipts
    """How many uses are on record."""
    latest_receipts: list[ReceiptRow]
    """The newest of them."""
    gas: dict[str, Gas]
    """By operation; the newest of each."""
    verify: PlayedVerification
    """Proof of one answer."""
    tamper: PlayedTampering
    """That a forgery is found."""


STOP_SECONDS = 60
"""How long Ctrl-C may take: each process of it ends in its own time."""
PRINTS = {"quickstart": (Played,)}


def quickstart(
    *,
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the report instead of serving it.")
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Play the whole main job on this machine.

    Six owners, a builder and a buyer, each a process of its own: publish, train, sell, pay out, prove.
    """
    from freehold.quickstart.nursery import Nursery  # noqa: PLC0415

    with Nursery() as nursery:
        # it loads the program while this process loads its own part
        _play(plain_file.named(home), nursery, leave=leave, as_json=as_json)


def _play(home: Path, nursery: Nursery, *, leave: bool, as_json: bool) -> None:
    from freehold.quickstart import progress, report, result_page, run  # noqa: PLC0415
    from freehold.shell import stopping  # noqa: PLC0415

    if threading.current_thread() is threading.main_thread():
        # a stop by a service or by `kill` ends all of its processes in order, too
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    def then(values: dict[str, Any], lineage: str, directory: Path) -> None:
        steps.finish()
        emit(values, lambda: report.tables(values), as_json=as_json)
        if not leave:
            result_page.serve(values, lineage, directory)

    with stopping.within(STOP_SECONDS), progress.shown() as steps:
        run.run(home, nursery, progress=steps, then=then)


COMMANDS = {"quickstart": (quickstart, "freehold quickstart --exit --json")}
