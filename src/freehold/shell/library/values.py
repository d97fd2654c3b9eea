"""What the library returns: frozen values that print as a table in a notebook.

Money is whole units of the dollar token (6 decimals); `freehold.core.money.dollars` writes it for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.kernel.notebook import Rows, Shown


@dataclass(frozen=True)
class Inspection(Shown):
    """What publishing would find in a table."""

    file: str
    rows: int
    columns: tuple[str, ...]
    label: str
    positives: int
    """Rows whose label is 1."""
    size_bytes: int
    warnings: tuple[str, ...]
    duplicate_rows: int
    """Left out, for they repeat others."""
    left_out_rows: int
    """Of subjects that have as many as may count."""
    privacy: tuple[str, ...]
    """What the epsilon means for rows and model."""
    expected_loss_bps: int | None
    """Accuracy that noise costs a model of these rows alone, a hint; None where nothing could be learned."""


@dataclass(frozen=True)
class Asset(Shown):
    """A dataset or model on offer."""

    id: str
    kind: str
    """dataset or model."""
    name: str
    description: str
    owner: str
    owner_name: str
    rows: int | None
    columns: tuple[str, ...]
    label: str | None
    reveals: str
    """What a use shows of the rows: answers, noised updates, or (update) exact ones."""
    epsilon_run_micro: int
    """Most that a training run may cost a row, in millionths of epsilon."""
    epsilon_life_micro: int
    """Most that all runs together may."""
    price_units: int
    price_per: str
    """grant or use."""
    per: str
    """Of a price per use: call, or row for each row of a call."""
    rows_per_call: int
    """Most rows of one call."""
    round_to: int
    """Decimals of a probability in an answer; 0 is the label alone."""
    expires_at: int
    """Unix seconds."""
    approval: str
    """automatic, or ask where its owner decides every request by hand."""
    mine: bool


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
class Plan(Shown):
    """What a training order would come to, before anything is asked or paid."""

    rounds: int
    uses: int
    """Of each dataset."""
    level: str
    """noised, or update for exact updates."""
    epsilon_micro: int
    """What the run costs each owner's rows, in millionths of epsilon; 0 at level update, which has no bound."""
    delta_exponent: int
    """Delta is ten to the minus this."""
    guess_ppm: int
    """Most often that somebody who knows all else tells whether a row is there, in millionths."""
    compared: bool
    """Whether copies of rows are counted once."""
    accuracy_without_bps: int
    """Of a simulation on made-up rows, without noise."""
    accuracy_with_bps: int
    """The same with the noise of this run."""
    share_error_bps: int
    """How uncertain a share is there."""
    test_rows: int
    positives: int
    total_units: int
    """Price of all grants."""
    sentence: str
    """What the epsilon means."""


@dataclass(frozen=True)
class Away(Shown):
    """An owner that was left out of a run, or of some of its rounds."""

    account: str
    rounds: tuple[int, ...]
    """Which; none where it takes no part at all."""
    why: str


@dataclass(frozen=True)
class Progress(Shown):
    """Where a training job stands."""

    job: str
    step: str
    """plan, grants, rounds, open, value, agree, release, done or withheld."""
    round: int
    rounds: int
    absent: Rows[Away]
    """Owners that were left out, kept over restarts."""
    silent: tuple[str, ...]
    """Owners (accounts) that have not agreed to the shares."""
    waiting: tuple[str, ...]
    """Owners (by name) who decide by hand and have not agreed yet."""
    running: bool
    epsilon_micro: int
    """What the run costs each owner's rows."""
    test_rows: int | None
    """Of the opened test table; None before it is opened."""
    correct: int | None
    """Of them, those the model gets right."""
    majority_correct: int | None
    """Those that always giving the commoner label gets right."""
    single_correct: int | None
    """Those that the best single owner's direction gets right."""
    model: str | None
    """Id of the released model, once there is one."""
    error: str
    """Why it stands still; empty while it runs and when it is done."""


@dataclass(frozen=True)
class Contribution(Shown):
    """One owner's part in a model."""

    name: str
    account: str
    rows: int | None
    share_bps: int
    """Of 10,000."""
    value_ppm: int
    """Measured, of the sum of all above nothing."""
    error_ppm: int
    """Standard error of it, from the noise."""
    agreed: bool
    """Whether its owner recomputed and agrees."""
    away: int
    """Rounds it was left out of."""
    without_correct: int | None
    """Test rows the model would get right without it, about; where this node trained it."""


@dataclass(frozen=True)
class Model(Shown):
    """A model with what is known of its making."""

    id: str
    name: str
    description: str
    owner: str
    columns: tuple[str, ...]
    """In the order in which `predict` takes numbers."""
    label: str | None
    price_units: int
    price_per: str
    per: str
    """call, or row: what the price is for."""
    rows_per_call: int
    """Most rows of one call."""
    round_to: int
    """Decimals of a probability in an answer; 0 is the label alone."""
    serving: bool
    """By this node."""
    correct: int | None
    """Test rows it gets right."""
    test_rows: int | None
    accuracy_bps: tuple[int, ...]
    """Both ends of the 95 % interval of the part it gets right; empty where not known."""
    majority_correct: int | None
    """Test rows that always giving the commoner label gets right."""
    single_correct: int | None
    """Test rows that the best single owner's direction gets right."""
    auc_ppm: int | None
    """Area under the ROC curve, in millionths."""
    level: str
    """noised or update; empty where its plan is not known here."""
    epsilon_micro: int | None
    """What its run cost each owner's rows, in millionths of epsilon."""
    privacy: str
    """The same in a sentence."""
    contributions: Rows[Contribution]
    earlier_runs: tuple[str, ...]
    """On the same rows."""
    revenue_units: int


@dataclass(frozen=True)
class Output(Shown):
    """The answer for one row."""

    label: int
    probability_ppm: int
    """Of label 1, in millionths."""

    @property
    def probability(self) -> float:
        """Of label 1, for plots; the exact value is `probability_ppm`."""
        return self.probability_ppm / 1_000_000


@dataclass(frozen=True)
class Quote(Shown):
    """What a call would cost now; nothing was signed."""

    model: str
    per: str
    """call, or row: what the price is for."""
    rows: int
    price_units: int
    """Of the call."""
    deposit_units: int
    """What would be set aside first, for it and later calls; 0 where the channel has room."""
    gas: int
    """About what setting it aside takes."""
    spent_units: int
    """What the last 24 hours took."""
    spend_per_act_micro: int
    """Ceiling of one act; 0 is not set."""
    spend_per_day_micro: int
    """Ceiling of any 24 hours; 0 is not set."""


@dataclass(frozen=True)
class Prediction(Shown):
    """Answers that were paid for, and the receipt that proves them."""

    model: str
    outputs: Rows[Output]
    receipt: str
    """Id of the receipt; `Node.evidence` takes it."""
    paid_units: int

    def _repr_html_(self) -> str:
        return self.outputs._repr_html_()


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
    """"holds", "no_lineage" (what is shown holds, and nothing shows where the model came from) or "fails"."""
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
