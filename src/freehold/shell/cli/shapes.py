"""Shapes of what commands print about this machine, where no node's answer is passed on."""

from __future__ import annotations

import html
from typing import Any, Literal, get_type_hints

from pydantic import Field, create_model

from freehold.kernel.finding import CheckFound
from freehold.kernel.settings import Settings
from freehold.kernel.shape import Account, Count, Gas, Id, Rows, Shape, Time, Units
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


class Diagnosis(Shape):
    """What `freehold doctor` found; exit code 1 if not `ok`."""

    ok: bool
    """Whether there is no problem."""
    checks: list[CheckFound]
    """In order."""


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
    """Whether evidence holds; exit code 9 if it fails, 11 if it shows no lineage, 12 if this program cannot tell."""

    ok: bool
    """The verdict is `holds`."""
    verdict: Literal["holds", "no_lineage", "newer", "fails"]
    """Given that the block hash is right. `no_lineage`: nothing shows where the model came from. `newer`: than this program."""
    checks: tuple[EvidenceCheck, ...]
    """In order; a group that needs a broken one is left out."""
    chain_id: int
    """On which the block must be; 0 where it was not reached."""
    block_hash: str
    """What everything hangs on, 0x hex; empty where it was not reached."""
    trusted_by: Literal["given hash", "chain client", "nobody"]
    """Who vouches for the block hash."""

    def __bool__(self) -> bool:
        return self.ok

    @property
    def said(self) -> str:
        """The verdict in words, and on what it hangs where nobody vouches for the block."""
        from freehold.kernel.evidence.verify import in_words  # noqa: PLC0415 - loads the whole node

        return in_words(self.verdict, self.trusted_by, self.chain_id, self.block_hash)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.said)}</p>{Rows(self.checks)._repr_html_()}"


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
