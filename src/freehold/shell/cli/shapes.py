"""Shapes of what commands print about this machine, where no node's answer is passed on."""

from __future__ import annotations

from typing import Any, Literal, get_type_hints

from pydantic import Field, create_model

from freehold.kernel.settings import Settings
from freehold.kernel.shape import Account, Bps, Count, Gas, Id, Shape, Time, Units
from freehold.shell.answers.proof import ReceiptRow
from freehold.shell.answers.training import Privacy
from freehold.shell.cli.completion import Shell


class LogEnd(Shape):
    """How long a log is, and what it comes to."""

    size: Count
    """Entries."""
    root: Id
    """Merkle root over them."""


class Backup(Shape):
    """What a backup holds."""

    account: Account
    """Whose node it is."""
    created_at: Time
    """When it was made."""
    software: str
    """Version of Freehold that made it."""
    log: LogEnd
    """The node's log in it."""
    files: Count
    """Files in it."""
    content_bytes: Count
    """Their size, unsealed."""
    data_elsewhere: bool
    """Whether the encrypted data lies in a remote store and is not in it."""


class BackupWritten(Backup):
    """A new backup."""

    file: str
    """Where it lies."""
    size_bytes: Count
    """Size of the file."""


class BackupChecked(Backup):
    """A backup that holds; one that does not is an error."""

    file: str
    """Where it lies."""
    ok: Literal[True]
    """It is whole."""


class Restored(Backup):
    """A node brought back."""

    home: str
    """Its directory."""
    anchored: Count | None
    """Log entries the chain vouches for; null where the chain did not answer."""


class HomeAdopted(Shape):
    """A restored home that goes on."""

    home: str
    """Its directory."""
    budgets_closed: bool
    """The privacy budgets of its rows count as spent."""


class SuggestedPassphrase(Shape):
    """A random passphrase, kept nowhere."""

    passphrase: str
    """It."""


class ChainReady(Shape):
    """A local chain that runs; printed once, before it is used."""

    url: str
    """JSON-RPC endpoint."""
    chain_id: Count
    """EIP-155."""
    home: str
    """Its directory."""
    deployed: list[str]
    """Contracts put on it just now."""


class Deployed(Shape):
    """One contract on the chain."""

    contract: str
    """Its name."""
    address: Account
    """Where it stands."""
    bytecode_hash: Id
    """Keccak-256 of its code."""
    tx_hash: Id | None
    """The transaction that put it there; null where the chain does not tell any more."""
    block_number: Count | None
    """Its block; null likewise."""
    deployed_at: Time | None
    """Time of that block; null likewise."""


class Contracts(Shape):
    """The contracts of one chain."""

    chain_id: Count
    """EIP-155."""
    genesis: Id
    """Hash of block 0."""
    contracts: list[Deployed]
    """Freehold's."""


class Placed(Shape):
    """One contract, after a deployment."""

    contract: str
    """Its name."""
    address: Account
    """Where it stands."""
    tx_hash: Id | None
    """The transaction that just put it there; null if it stood already."""
    gas: Gas
    """Spent on that."""


class Deployment(Shape):
    """The contracts on a network, put there where they were missing."""

    chain_id: Count
    """EIP-155."""
    contracts: list[Placed]
    """All of Freehold's."""


class Minted(Shape):
    """Test money given."""

    account: Account
    """Who got it."""
    minted_units: Units
    """How much."""
    gas: Gas
    """Spent on it."""


class ChainForgotten(Shape):
    """The chain a home knew and knows no longer; nothing where it knew none."""

    chain_id: Count | None
    """Its id."""
    block: Count | None
    """Newest block that was remembered of it."""


class Completion(Shape):
    """A script for a shell."""

    shell: Shell
    """Which."""
    script: str
    """Text to be sourced."""


class SettingChanged(Shape):
    """A setting as it is from the next start."""

    name: str
    """Which."""
    value: str | int | list[str]
    """Its value."""


class ConfigPath(Shape):
    """Where the settings lie."""

    path: str
    """An absolute path."""
    exists: bool
    """Whether the file is there."""


def _config() -> type[Shape]:
    fields: dict[str, Any] = {
        name: (
            list[str] if kind == tuple[str, ...] else kind,
            Field(description=f"`{name}`: see settings.md."),
        )
        for name, kind in get_type_hints(Settings).items()
    }
    said = "Where each value comes from: default, config.toml, a variable or the command line."
    fields["sources"] = (dict[str, str], Field(description=said))
    made: type[Shape] = create_model(
        "Config", __base__=Shape, __doc__="Every setting as it counts.", **fields
    )
    return made


Config = _config()


class CheckFound(Shape):
    """What one check of a node found."""

    check: str
    """Its name."""
    level: Literal["ok", "warning", "problem"]
    """A warning can wait."""
    detail: str
    """A sentence."""
    hint: str
    """What to do about it; may be empty."""


class Diagnosis(Shape):
    """What `freehold doctor` found; exit code 1 if not `ok`."""

    ok: bool
    """Whether there is no problem."""
    checks: list[CheckFound]
    """In order."""


class EvidenceWritten(Shape):
    """Evidence on disk."""

    directory: str
    """Where."""
    files: Count
    """Files written."""
    bytes: Count
    """Their size."""


class EvidenceCheck(Shape):
    """One check of evidence."""

    name: str
    """Group and step."""
    ok: bool
    """Whether it holds."""
    file: str
    """The file that broke it; empty when it holds."""
    detail: str
    """A sentence."""


class Verification(Shape):
    """Whether evidence holds; exit code 9 if it fails, 11 if it shows no lineage."""

    ok: bool
    """The verdict is `holds`."""
    verdict: Literal["holds", "no_lineage", "fails"]
    """Given that the block hash is right. `no_lineage`: what is shown holds, and nothing shows where the model came from."""
    checks: list[EvidenceCheck]
    """In order; a group that needs a broken one is left out."""
    chain_id: int
    """On which the block must be; 0 where it was not reached."""
    block_hash: str
    """What everything hangs on, 0x hex; empty where it was not reached."""
    trusted_by: Literal["given hash", "chain client", "nobody"]
    """Who vouches for the block hash."""


class PublicKeys(Shape):
    """What others may know of a node's keys."""

    account: Account
    """Its account."""
    account_key: str
    """Uncompressed secp256k1 point, 0x hex."""
    log_key: str
    """Verifier key of its signed notes."""
    encryption_key: Id
    """X25519 public key."""


class PassphraseChanged(Shape):
    """Keys under a new passphrase."""

    account: Account
    """Whose they are."""
    changed: Literal[True]
    """It was done."""


class Remembered(Shape):
    """A passphrase put into the keyring."""

    remembered: Literal[True]
    """It was done."""


class Forgotten(Shape):
    """A passphrase taken out of the keyring."""

    remembered: Literal[False]
    """It is not there any more."""
    was_remembered: bool
    """Whether it was there."""


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
