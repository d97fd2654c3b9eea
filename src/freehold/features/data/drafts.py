"""A table on its way to being published: kept in the session, its files deleted with it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freehold.core import epsilons
from freehold.core.errors import Conflict, FreeholdError, NotFound
from freehold.features.data import licence, publishing
from freehold.features.data.rules.profile import Profile, profile
from freehold.features.data.wire import Publish
from freehold.kernel.node import Node
from freehold.kernel.web.forms import Upload, file_name

MAX_DRAFTS = 3
"""Per session; one more throws the oldest away."""


@dataclass
class Draft:
    """One table, from the chosen file to the moment before it is published."""

    id: str
    path: Path
    file: str
    """What its owner calls the file."""
    profile: Profile
    asked: Publish
    """What was chosen so far."""
    upload: Upload | None = None
    left_out: tuple[str, ...] = ()
    typed: dict[str, Any] = field(default_factory=dict)
    """Terms as they stand in the form, where they could not be taken."""
    report: dict[str, Any] | None = None
    """What inspection found; None if the table cannot be published as it stands."""
    problem: FreeholdError | None = None
    agreed: bool = False
    """Terms were chosen."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def table(self) -> Path:
        """The file that would be published."""
        return self.path

    @property
    def shown(self) -> dict[str, Any]:
        """Terms as people type them."""
        asked = self.asked
        return {
            **licence.shown(asked),
            "epsilon": epsilons.text(asked.epsilon_run),
            "epsilon_life": epsilons.text(asked.epsilon_life_micro),
            "holder": "".join(asked.holders[:1]),
            **self.typed,
        }

    def change(self, **chosen: Any) -> None:
        """Choose some of it anew. Raises InvalidInput: a value is out of its bounds."""
        self.asked = Publish.of(**{**self.asked.model_dump(), **chosen, "path": str(self.table)})

    def choose(self, node: Node, left_out: tuple[str, ...], **chosen: Any) -> None:
        """Take label and columns, and look whether the table can be published so; changes nothing else."""
        with self.lock:
            self.change(**chosen)
            self.left_out = tuple(
                one for one in left_out if one not in (self.asked.label, self.asked.subject)
            )
            self.report = self.problem = None
            try:
                self.change(left_out=list(self.left_out))
                self.report = publishing.inspect(node, self.asked)
            except FreeholdError as error:
                self.report = None
                self.problem = _renamed(error, self.table.name, self.file)
                column = self.profile.column(str(error.fields.get("column", "")))
                if column is not None and column.name != self.asked.label:
                    error.hint = f"{error.hint} Or leave the column out, below.".strip()

    def close(self) -> None:
        """Delete what was uploaded."""
        if self.upload:
            self.upload.close()


class Drafts:
    """The drafts of one session."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}

    def begin(self, node: Node, path: Path, upload: Upload | None, supersedes: str = "") -> Draft:
        """Look at a file, a dataset's new version if so; terms begin as before, or as usual. Raises InvalidTable."""
        file = upload.name if upload else file_name(str(path))
        try:
            seen = profile(path, publishing.limits(node))
        except FreeholdError as error:
            raise _renamed(error, path.name, file) from None
        asked = licence.completed(node, Publish(path=str(path), label="", supersedes=supersedes))
        asked = asked.model_copy(update={"name": asked.name or _title(file)})
        made = Draft(secrets.token_urlsafe(9), path, file, seen, asked, upload)
        while len(self._drafts) >= MAX_DRAFTS:
            self.drop(next(iter(self._drafts)))
        self._drafts[made.id] = made
        return made

    def get(self, identifier: str) -> Draft:
        """A draft. Raises NotFound: it was published or thrown away."""
        found = self._drafts.get(identifier)
        if found is None:
            raise NotFound("this draft is no longer here", hint="Choose the file again.")
        return found

    def take(self, identifier: str) -> Draft:
        """A ready draft, the caller's from now on, so that nothing publishes it twice. Raises NotFound, Conflict."""
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
    error.message = error.message.replace(stored, shown)
    error.args = (error.message,)
    return error


def _title(file: str) -> str:
    words = file.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip()[:100]
    return words[:1].upper() + words[1:] or "Table"
