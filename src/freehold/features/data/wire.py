"""Data: what its operations ask and answer. Defaults and bounds of what an owner chooses stand here alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from freehold.core import epsilons
from freehold.core.documents import Word
from freehold.features.data.bounds import Ranges
from freehold.kernel import surface
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Bps, Count, Epsilon, Id, Shape, Time, Units
from freehold.kernel.surface import ARGUMENT, DOLLARS, FILE, Flag, Plain, Reference
from freehold.kernel.wire import Before, TypedAccount

GROUPS = {
    "assets": "Your datasets and models, and whether others may ask for them.",
    "terms": "The terms with which new tables begin.",
}
EPSILON_RUN_MICRO = 1_000_000
EPSILON_LIFE_MICRO = 4_000_000
"""Where nobody chooses; docs/decisions/0013-default-epsilon.md says why."""
MAX_ROWS_EACH = 1_000
PAGE = 100
"""Assets of a list, where nothing else is said."""

ReadAs = Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=8)]
READ_AS = Flag(
    names=("--read-as",),
    metavar="WAY",
    help="decimal=comma or point, dates=day or month first, encoding=latin-1, separator=semicolon, sheet=NAME; repeatable.",
)
"""What `rules.ways` reads."""
MOST_DAYS = 36_500
Approval = Literal["automatic", "ask"]
"""How grants on an asset come about: asking within its terms is consent, or its owner decides each request."""
Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class AssetRow(Shape):
    """A dataset or model as lists show it."""

    id: Id
    """The asset."""
    kind: Word
    """What it is: `dataset`, `model`, or a word that this program does not know."""
    name: str
    """As its owner calls it."""
    description: str
    """In its owner's words; may be empty."""
    owner: Account
    """Whose it is."""
    owner_name: str
    """As the owner calls itself."""
    rows: Count | None
    """Rows of a dataset; null for a model, and, as what follows, where its document says nothing that can be read."""
    columns: tuple[str, ...] | None
    """Names of the feature columns, in order."""
    label: str | None
    """Name of the 0/1 column."""
    subject: str | None
    """Column by which rows of one person or thing were told apart; null if none was named."""
    rows_each: Count | None
    """Most rows of one subject."""
    reveals: Literal["answers", "noised", "update"]
    """What a use shows of the rows: results only, noised updates, or exact updates."""
    epsilon_run_micro: Epsilon
    """Most that one training run may cost the rows."""
    epsilon_life_micro: Epsilon
    """Most that all runs together may cost them; what older versions promised may be less."""
    price_units: Units
    """Price of a grant, or of each use."""
    price_per: Literal["grant", "use"]
    """What the price is for."""
    per: Literal["call", "row"]
    """Of a price per use: for a call, or for each of its rows."""
    rows_per_call: Count
    """Most rows of one call."""
    round_to: Count
    """Decimals of a probability in an answer; 0 is the label alone."""
    expires_at: Time
    """When its terms end."""
    approval: Approval
    """Whether grants are issued at once or the owner decides each request."""
    mine: bool
    """Whether this node owns it."""


ASSET = AssetRow
"""What lists show of an asset, also those of whoever does not know this feature."""


class OwnAsset(AssetRow):
    """A dataset or model of this node."""

    version: Count
    """1 for the first."""
    offered: bool
    """Whether new grants are issued on it."""


class Assets(Shape):
    """Datasets and models of this node."""

    assets: list[OwnAsset]
    """Oldest first."""
    earlier: str
    """What `before` takes for the page of older ones; empty where there are none."""


class Unreachable(Shape):
    """A peer whose catalogue could not be read."""

    url: str
    """Its address."""
    reason: str
    """A sentence."""


class Found(Shape):
    """What a search found."""

    assets: list[AssetRow]
    """Oldest first."""
    unreachable: list[Unreachable]
    """Peers that were not asked."""
    earlier: str
    """What `before` takes for the page of older ones; empty where there are none."""


class OfferState(Shape):
    """Whether and how others get grants on a dataset."""

    asset: Id
    """The dataset."""
    name: str
    """As its owner calls it."""
    offered: bool
    """Whether new grants are issued on it."""
    approval: Approval
    """Whether they are issued at once or its owner decides each request."""


class UsualTerms(Shape):
    """The terms with which new tables begin."""

    price_units: Units
    """Price of one grant."""
    max_uses: Count
    """Uses for each grant."""
    days: Count
    """How long grants last."""
    approval: Approval
    """Whether grants are issued at once or the owner decides each request."""


class TableShown(Shape):
    """What publishing a file would find in it."""

    file: str
    """Its name, without the folder."""
    rows: Count
    """Distinct rows it holds."""
    columns: tuple[str, ...]
    """Names of the feature columns, in order."""
    label: str
    """Name of the 0/1 column."""
    positives: Count
    """Rows whose label is 1."""
    duplicate_rows: Count
    """Rows that are the same as an earlier one; they are left out."""
    left_out_rows: Count
    """Rows of subjects that have as many as may count."""
    warnings: tuple[str, ...]
    """What its owner may want to know before publishing it."""
    privacy: tuple[str, ...]
    """Sentences about what the epsilon means for rows and model."""
    delta_exponent: Count
    """Epsilon holds with a delta of 10^-delta_exponent."""
    expected_loss_bps: Bps | None
    """Accuracy that noise costs a model of these rows alone, a hint; null where nothing could be learned."""
    lines: tuple[Id, ...]
    """Privacy lines that the table would join, for rows it shares with tables published before."""
    size_bytes: Count
    """Size of the file."""


class Published(Shape):
    """A new dataset on offer."""

    asset: AssetRow
    """The dataset."""
    warnings: list[str]
    """What was left out, and which older promises stay."""


class Inspect(Request):
    """What publishing a table would find, and what its epsilon means; nothing is changed."""

    path: Annotated[str, FILE, Flag(positional=True, metavar="FILE")]
    """A CSV, Excel (xlsx, ods) or Parquet table: numeric columns and a 0/1 label."""
    label: Annotated[str, Flag(first=True)]
    """Name of the label column."""
    positive: str | None = None
    """The label value that means 1."""
    subject: str | None = None
    """Column that names whose row it is; its cells stay here."""
    rows_each: Annotated[int, Field(ge=1, le=MAX_ROWS_EACH)] = 1
    """Most rows of one subject; 1 by default."""
    left_out: Annotated[
        Annotated[list[str], Field(max_length=2_048)] | None, Flag(names=("--leave-out",), metavar="COLUMN")
    ] = None
    """Column that is not published; repeatable. By default the index of a data frame."""
    read_as: Annotated[ReadAs, READ_AS] = Field(default=[])
    """How the file is meant where it could mean two things; repeatable. Else it is asked."""
    bounds: Annotated[
        dict[str, Range],
        Ranges(),
        Flag(
            metavar="RANGE",
            help="Range of a column, known without the rows: NAME=LOW:HIGH, repeatable; or a CSV file of them.",
        ),
    ] = Field(default={})
    """Ranges of columns, known without the rows: the least and the most, by the column's name."""
    epsilon_run_micro: Annotated[
        Annotated[int, Field(ge=0, le=epsilons.MOST_MICRO)] | None, surface.Epsilon(face="epsilon")
    ] = None
    """Most that one training run may cost the rows; 1 by default."""
    epsilon_life_micro: Annotated[int, Field(ge=0, le=epsilons.MOST_MICRO), surface.EPSILON] = (
        EPSILON_LIFE_MICRO
    )
    """Most that all runs together may cost them, for ever; 4 by default."""
    supersedes: Annotated[str, Reference(kind="dataset"), Flag(metavar="ASSET")] = ""
    """A dataset of yours of which this is the new version, on its terms where none are given; it goes off offer."""

    @property
    def epsilon_run(self) -> int:
        """As chosen, or as usual where all runs together may cost that much."""
        if self.epsilon_run_micro is None:
            return min(EPSILON_RUN_MICRO, self.epsilon_life_micro)
        return self.epsilon_run_micro


def _as_usual(schema: dict[str, Any]) -> None:
    """What is left out is as the owner said for all tables: a client that fills in defaults must find none here."""
    schema.pop("default", None)


class Usual(Request):
    """What owners often choose alike for all their tables."""

    price_units: Annotated[
        int,
        Field(ge=0, le=2**53 - 1, json_schema_extra=_as_usual),
        DOLLARS,
        Flag(help="Dollars, such as 2.50."),
    ] = 0
    """Price of one grant."""
    max_uses: Annotated[int, Field(ge=1, le=1_000_000_000, json_schema_extra=_as_usual)] = 100
    """Uses for each grant."""
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, json_schema_extra=_as_usual)] = 365
    """How long grants may last."""
    approval: Annotated[Approval, Field(json_schema_extra=_as_usual)] = "automatic"
    """automatic, or ask: you decide each request for a grant."""


class Publish(Inspect, Usual):
    """Offer a table on your terms.

    It is sealed in this node's vault; what others see is a signed description. Training shows them noised sums over
    its distinct rows; epsilon bounds what those tell about any one row. Rows go to nobody but a judge that you name;
    from exact updates, if you offer them, they can be rebuilt. Terms that are left out
    are those of the version superseded, or your usual ones.
    """

    name: Annotated[str, Field(max_length=200)] = ""
    """Name in the catalogue; by default the file's."""
    description: Annotated[str, Field(max_length=4_000)] = ""
    """A sentence for those who search."""
    purposes: Annotated[list[Word], Flag(names=("--purpose",), metavar="PURPOSE")] = Field(
        default=["model-training"], min_length=1, max_length=32
    )
    """What it may be used for; repeatable."""
    reveals: Literal["noised", "update"] = "noised"
    """noised, or update: exact updates, from which rows can be rebuilt by whoever reads the evidence; needs --holder."""
    holders: Annotated[list[TypedAccount], Flag(names=("--holder",), metavar="ACCOUNT")] = Field(
        default=[], max_length=32
    )
    """An account that alone may use it; repeatable."""
    judges: Annotated[list[TypedAccount], Flag(names=("--judge",), metavar="JUDGE")] = Field(
        default=[], max_length=32
    )
    """Account that may have you open the table to it after a run; repeatable."""


class SetUsual(Usual):
    """Set the terms with which new tables begin.

    What is left out stays. They count where `publish` says nothing else. Tables that are published already stay as they are.
    """


class ShowUsual(Nothing):
    """Show the terms with which new tables begin."""


class Search(Request):
    """Find what peers offer."""

    q: Annotated[str, Field(max_length=100), Plain(face="text"), ARGUMENT] = ""
    """Part of a name, description or column."""
    kind: Annotated[str, Field(max_length=64)] = ""
    """dataset or model; by default both."""
    limit: Annotated[int, Field(ge=1, le=1_000)] = PAGE
    """Most to list; the newest. 100 by default."""
    before: Annotated[Before, Flag(metavar="ASSET")] = ""


class ListAssets(Request):
    """List your datasets and models, on offer or not."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    """Most to list; the newest. 1,000 by default."""
    before: Annotated[Before, Flag(metavar="ASSET")] = ""


class OfAsset(Request):
    """One dataset of yours."""

    asset: Annotated[str, Reference(kind="dataset"), ARGUMENT]
    """A dataset of yours, by id, its beginning, or name."""


class Withdraw(OfAsset):
    """Take a dataset off offer.

    No new grants are issued on it. Those that exist stay until you revoke them.
    """


class Offer(OfAsset):
    """Offer a dataset again that was taken off offer."""


class Decide(OfAsset):
    """Choose how grants on a dataset come about.

    automatic: whoever asks within its terms, and pays, gets one at once. ask: you decide each request.
    """

    approval: Annotated[Approval, ARGUMENT]
    """automatic, or ask."""


INSPECT = Operation("inspect", Inspect, TableShown, "/inspect", Effect.READS, verb="POST")
PUBLISH = Operation(
    "publish",
    Publish,
    Published,
    "/publish",
    Effect.LASTS,
    gives="asset",
    example="patients.csv --label outcome --positive yes --price 25 --epsilon 1",
)
SEARCH = Operation(
    "search", Search, Found, "/search", Effect.READS, gives="assets", example="biopsies --kind dataset"
)
ASSETS = Operation("assets.list", ListAssets, Assets, "/assets", Effect.READS, gives="assets", example="")
WITHDRAW = Operation(
    "assets.withdraw", Withdraw, OfferState, "/assets/{asset}/withdraw", Effect.CHANGES, example="patients"
)
OFFER = Operation(
    "assets.offer", Offer, OfferState, "/assets/{asset}/offer", Effect.LASTS, example="patients"
)
DECIDE = Operation(
    "assets.approval",
    Decide,
    OfferState,
    "/assets/{asset}/approval",
    Effect.LASTS,
    method="set_approval",
    example="patients ask",
)
USUAL = Operation(
    "terms.show", ShowUsual, UsualTerms, "/terms", Effect.READS, method="usual_terms", example=""
)
SET_USUAL = Operation(
    "terms.set",
    SetUsual,
    UsualTerms,
    "/terms",
    Effect.CHANGES,
    method="set_usual_terms",
    example="--price 25 --approval ask",
)
OPERATIONS = (INSPECT, PUBLISH, SEARCH, ASSETS, WITHDRAW, OFFER, DECIDE, USUAL, SET_USUAL)
