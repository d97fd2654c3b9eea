"""Gateway: what its operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from freehold.core.documents import MAX_ROWS_PER_CALL
from freehold.kernel.operation import Effect, Operation, Request
from freehold.kernel.shape import Count, Gas, Id, Rows, Shape, Units
from freehold.kernel.surface import ARGUMENT, DOLLARS, Flag, Reference
from freehold.kernel.wire import AtMost, Ceiling, SignedReceipt

DEPOSIT_CALLS = 10
"""Calls like the one asked for that a deposit has room for, where the owner's limits and the wallet allow it."""


class Output(Shape):
    """A model's answer to one row."""

    label: Literal[0, 1]
    """1 where the probability is one half or more."""
    probability_ppm: Annotated[int, Field(ge=0, le=1_000_000)]
    """Probability of label 1, in millionths."""

    @property
    def probability(self) -> float:
        """Of label 1, for plots; the exact value is `probability_ppm`."""
        return self.probability_ppm / 1_000_000


class Prediction(Shape):
    """A paid answer."""

    model: Id
    """The model that answered."""
    answers: Annotated[tuple[Output, ...], Field(alias="outputs")]
    """One for each row, in order."""
    signed: Annotated[SignedReceipt, Field(alias="receipt")]
    """Signed by both sides."""
    columns: tuple[str, ...]
    """What the numbers of a row are, in the model's order."""
    rows: tuple[tuple[str, ...], ...]
    """What was asked, row by row, as the model took it: one number for each column."""
    left_out: tuple[str, ...]
    """Columns that the rows named and that the model does not take."""

    @property
    def outputs(self) -> Rows[Output]:
        """One for each row, in order."""
        return Rows(self.answers)

    @property
    def receipt(self) -> str:
        """Id of the receipt; `Node.evidence` takes it, or this."""
        return self.signed.document.id

    @property
    def id(self) -> str:
        """By which it is proven: the receipt's."""
        return self.receipt

    @property
    def paid_units(self) -> int:
        """What it cost."""
        return sum(max(0, -line.delta_units) for line in self.signed.document.money)

    def _repr_html_(self) -> str:
        return self.outputs._repr_html_()


class CallQuote(Shape):
    """What a call would cost now, beside what this node may spend."""

    model: Id
    """The model."""
    per: Literal["call", "row"]
    """What its price is for."""
    rows: Count
    """Rows of the call."""
    price_units: Units
    """Cost of the call."""
    deposit_units: Units
    """What would be set aside before it, for this call and later ones; 0 where the channel has room."""
    free_units: Units
    """What the channel has for more calls."""
    gas: Gas
    """About what setting it aside takes."""
    balance_units: Units
    """In the wallet."""
    spend_per_act_micro: Units
    """Ceiling of one act; 0 is not set."""
    spend_per_day_micro: Units
    """Ceiling of any 24 hours; 0 is not set."""
    spent_units: Units
    """What the last 24 hours took."""


class Served(Shape):
    """Whether a model is on sale."""

    model: Id
    """The model."""
    serving: bool
    """From now on."""


Cell = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
"""Looked at where rows are read, for whichever digits it has."""
ModelAsked = Annotated[str, Reference(kind="model"), ARGUMENT]
KEY_PATTERN = r"^[!-~]{1,100}$"
"""Printable ASCII without spaces."""
Key = Annotated[str, Field(pattern=KEY_PATTERN)]
DepositCalls = Annotated[int, Field(ge=1, le=10_000)]
Ration = Annotated[int, Field(ge=0)]


class Serve(Request):
    """Sell answers of a model by the call.

    Exact answers give a simple model away: as many as it has columns, and one, solve for its weights. Train it
    with --round-to for rounded ones. A buyer with several accounts goes around the limits per buyer.
    """

    model: ModelAsked
    """Id or name of a model of yours."""
    on: Annotated[bool, Flag(names=("--off",), help="Stop serving it.")] = True
    """Whether it is on sale from now on."""
    calls_per_buyer: Ration | None = None
    """Most calls of one buyer in 24 hours; 0 is no bound."""
    rows_per_buyer: Ration | None = None
    """Most rows of one buyer in 24 hours; 0 is no bound."""


class AskPrice(Request):
    """What a call of so many rows would cost and set aside now; nothing is signed."""

    model: ModelAsked
    """Id of the model."""
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_CALL), ARGUMENT] = 1
    """Rows of the call."""
    at_most_units: AtMost = None
    """Most that the call may take, the deposit for it and later calls included."""
    deposit_calls: DepositCalls = DEPOSIT_CALLS
    """Calls like this to set money aside for, where there is none; 10 by default."""


class Predict(Request):
    """Buy predictions for rows.

    Each call is paid by a voucher and leaves a receipt that both sides sign. Money for it and later calls may be
    set aside in a payment channel first; closing it, twice and a day apart, takes back what is not used. Before the
    first call, the model's lineage is verified; a model that shows none is refused. The same rows asked again while they are being bought, or within
    ten minutes of a call that failed, are paid once; an answer that was sent and not heard is bought anew, unless both
    times come with one key.
    """

    model: ModelAsked
    """Id of the model."""
    rows: list[list[Cell] | dict[str, Cell]]
    """Rows: lists of as many numbers as the model has columns, in their order, or objects that name them, from which
    other names are left out; text or whole numbers where exact digits matter."""
    at_most_units: AtMost = None
    """Most that the call may take, the deposit for it and later calls included."""
    shown_units: Annotated[Ceiling | None, DOLLARS] = None
    """What it was shown to cost; a dearer one is refused."""
    deposit_calls: DepositCalls = DEPOSIT_CALLS
    """Calls like this to set money aside for, where there is none; 10 by default."""
    without_lineage: bool = False
    """Pay even if nothing shows what the model was made from."""
    key: Key | None = None
    """Your name for this purchase: asking again with it is paid once and gives the stored answer."""


SERVE = Operation("serve", Serve, Served, "/serve", Effect.LASTS, example="'Tumour model'")
QUOTE = Operation("quote", AskPrice, CallQuote, "/quote", Effect.READS, verb="POST")
PREDICT = Operation(
    "predict",
    Predict,
    Prediction,
    "/predict",
    Effect.SPENDS,
    example="'Tumour model' patients.csv --max 0.50",
)
OPERATIONS = (SERVE, QUOTE, PREDICT)
