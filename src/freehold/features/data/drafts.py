"""A table on its way to being published: kept in the session, its files deleted with it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from freehold.core import epsilons
from freehold.core.errors import Conflict, FreeholdError, InvalidInput, NotFound
from freehold.features.data import publishing
from freehold.features.data.approval import USUAL
from freehold.features.data.licence import EPSILON_LIFE_MICRO, EPSILON_RUN_MICRO, Licence, Rows
from freehold.features.data.rules.profile import Profile, profile, reduce
from freehold.features.data.wire import Approval
from freehold.kernel.node import Node
from freehold.kernel.web.forms import Upload, file_name

MAX_DRAFTS = 3
"""Per session; one more throws the oldest away."""


@dataclass
class Terms:
    """What the owner chooses."""

    name: str
    description: str = ""
    price: str = "0"
    """Dollars as typed."""
    price_units: int = 0
    purposes: tuple[str, ...] = ("model-training",)
    max_uses: int = 100
    days: int = 365
    approval: Approval = USUAL
    epsilon: str = epsilons.text(EPSILON_RUN_MICRO)
    """Of one run, as typed."""
    epsilon_life: str = epsilons.text(EPSILON_LIFE_MICRO)
    """Of all runs together, as typed."""
    reveals: Literal["noised", "update"] = "noised"
    holder: str = ""
    """Account that alone gets exact updates; empty where updates are noised."""

    def licence(self) -> Licence:
        """As publishing takes them.

        Raises:
            InvalidInput: an epsilon is none.
        """
        return Licence(
            self.price_units,
            self.purposes,
            self.max_uses,
            self.days,
            epsilon_run_micro=epsilons.parse(self.epsilon),
            epsilon_life_micro=epsilons.parse(self.epsilon_life),
            reveals=self.reveals,
            holders=(self.holder,) if self.reveals == "update" else (),
        )


def usual(node: Node) -> dict[str, Any]:
    """Price, uses, days and approval with which a new draft begins."""
    found: dict[str, Any] = node.store.state("usual_terms", {})
    return found


@dataclass
class Draft:
    """One table, from the chosen file to the moment before it is published."""

    id: str
    path: Path
    file: str
    """What its owner calls the file."""
    profile: Profile
    terms: Terms
    upload: Upload | None = None
    reduced: Upload | None = None
    """The table without the columns left out."""
    label: str = ""
    positive: str | None = None
    """The label value that means 1; None where labels are 0 and 1."""
    left_out: tuple[str, ...] = ()
    subject: str = ""
    """Column that names whose row it is; empty where every row is another's."""
    rows_each: int = 1
    """Most rows of one subject."""
    report: dict[str, Any] | None = None
    """What inspection found; None if the table cannot be published as it stands."""
    problem: FreeholdError | None = None
    agreed: bool = False
    """Terms were chosen."""
    supersedes: str = ""
    """Id of the version it replaces; empty for a new dataset."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def table(self) -> Path:
        """The file that would be published."""
        return self.reduced.path if self.reduced else self.path

    @property
    def rows(self) -> Rows:
        """How its rows are counted."""
        return Rows(self.subject, self.rows_each) if self.subject else Rows()

    def inspect(self, node: Node) -> dict[str, Any]:
        """What publishing would find with the terms as they are; the usual epsilon where they have none yet.

        Raises:
            InvalidTable, InvalidInput.
        """
        try:
            licence = self.terms.licence()
        except InvalidInput:
            licence = Licence()
        return publishing.inspect(
            node,
            self.table,
            self.label,
            positive=self.positive,
            rows=self.rows,
            epsilon_run_micro=licence.epsilon_run_micro,
            epsilon_life_micro=licence.epsilon_life_micro,
            supersedes=node.asset(self.supersedes) if self.supersedes else None,
        )

    def choose(
        self,
        node: Node,
        folder: Path,
        label: str,
        positive: str | None,
        left_out: tuple[str, ...],
        subject: str = "",
        rows_each: int = 1,
    ) -> None:
        """Take label and columns, and look whether the table can be published so; changes nothing else."""
        with self.lock:
            self.label, self.positive = label, positive
            self.subject, self.rows_each = subject, rows_each
            self.left_out = tuple(name for name in left_out if name not in (label, subject))
            self.report = self.problem = None
            if self.reduced:
                self.reduced.close()
                self.reduced = None
            try:
                if self.left_out:
                    self.reduced = Upload(folder, self.file)
                    reduce(self.path, self.reduced.file, self.left_out, publishing.limits(node))
                    self.reduced.finish()
                self.report = self.inspect(node)
            except FreeholdError as error:
                self.report = None
                self.problem = _renamed(error, self.table.name, self.file)
                column = self.profile.column(str(error.fields.get("column", "")))
                if column is not None and column.name != label:
                    error.hint = f"{error.hint} Or leave the column out, below.".strip()

    def close(self) -> None:
        """Delete what was uploaded."""
        for kept in (self.upload, self.reduced):
            if kept:
                kept.close()


class Drafts:
    """The drafts of one session."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        """Those of a session, by what it keeps."""
        found = kept.setdefault("drafts", cls())
        assert isinstance(found, cls)
        return found

    def begin(self, node: Node, path: Path, upload: Upload | None) -> Draft:
        """Look at a file.

        Raises:
            InvalidTable: it is no table.
        """
        file = upload.name if upload else file_name(str(path))
        try:
            seen = profile(path, publishing.limits(node))
        except FreeholdError as error:
            raise _renamed(error, path.name, file) from None
        terms = Terms(name=_title(file), **usual(node))
        made = Draft(secrets.token_urlsafe(9), path, file, seen, terms, upload)
        while len(self._drafts) >= MAX_DRAFTS:
            self.drop(next(iter(self._drafts)))
        self._drafts[made.id] = made
        return made

    def get(self, identifier: str) -> Draft:
        """A draft.

        Raises:
            NotFound: it was published or thrown away.
        """
        found = self._drafts.get(identifier)
        if found is None:
            raise NotFound("this draft is no longer here", hint="Choose the file again.")
        return found

    def take(self, identifier: str) -> Draft:
        """A draft that is ready; it belongs to the caller from now on, so that nothing publishes it twice.

        Raises:
            NotFound. Conflict: label or terms are still open.
        """
        found = self.get(identifier)
        if found.report is None or not found.agreed:
            raise Conflict("this draft is not ready", hint="Go through its steps first.")
        return self._drafts.pop(identifier)

    def put_back(self, draft: Draft) -> None:
        """After all not published."""
        self._drafts[draft.id] = draft

    def drop(self, identifier: str) -> None:
        """Throw a draft away."""
        draft = self._drafts.pop(identifier, None)
        if draft:
            draft.close()

    def close(self) -> None:
        """Throw all away."""
        for identifier in list(self._drafts):
            self.drop(identifier)


def _renamed(error: FreeholdError, stored: str, shown: str) -> FreeholdError:
    """The error with the file named as its owner calls it."""
    error.message = error.message.replace(stored, shown)
    error.args = (error.message,)
    return error


def _title(file: str) -> str:
    words = file.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip()[:100]
    return words[:1].upper() + words[1:] or "Table"
