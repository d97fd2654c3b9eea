"""Tables on their way to being published, kept sealed under this home's keys until they are, or 14 days.

A draft is two files: what was chosen, under a key that follows from the home's, bound to the draft's name; and the
table as it was sent, an age file whose secret stands in the first. Whoever has only the files reads nothing, and a file
of another home, or under another draft's name, opens for nobody. A table lies open on the disk only while a request
reads it, in the folder that a start sweeps. What was published is noted in the transaction that publishes it, so a draft
is published once whatever is cut off.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from freehold import durable, plain_file
from freehold.core.errors import Conflict, FreeholdError, NotFound
from freehold.core.texts import Epsilon, Units, packed, said, spelled, unpacked
from freehold.features.data import licence, publishing
from freehold.features.data.rules.profile import Column, Profile, profile
from freehold.features.data.rules.ways import Ways
from freehold.features.data.rules.written import Understood
from freehold.features.data.wire import Publish
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction
from freehold.kernel.web.forms import Upload, file_name
from freehold.vault import sealing
from freehold.vault.sealing import EpochSecret

MAX_DRAFTS = 20
"""Of one node."""
MAX_BYTES = 1 << 30
"""Of all their tables together."""
KEEP_DAYS = 14
"""Since it was changed last."""
_DAY_SECONDS = 86_400
_MOST_ABOUT = 32 << 20
_STRAY_SECONDS = 3_600
_SHOWN = 200
_PUBLISHED, _REMEMBERED = "published_drafts", 200
_OPEN = "uploads"


class DraftChanged(Conflict, code="draft.changed"):
    """A draft was changed since the page was opened, in another tab or by somebody else."""


class DraftsFull(Conflict, code="draft.full"):
    """There is no room for one more draft."""


class DraftPublished(Conflict, code="draft.published"):
    """A draft is a dataset by now; `asset` says which."""


@dataclass
class Draft:
    """One table, from the chosen file to the moment before it is published."""

    id: str
    file: str
    """What its owner calls the file."""
    secret: str = field(repr=False)
    """Opens the sealed table; empty where the file lies on this machine."""
    path: str
    """Of a file that lies on this machine; empty for one that was sent."""
    stamp: list[int]
    """Size and time of that file when it was looked at."""
    size_bytes: int
    profile: Profile
    asked: Publish
    """What was chosen so far."""
    typed: dict[str, Any] = field(default_factory=dict)
    """Terms as they stand in the form, where they were not taken yet."""
    report: dict[str, Any] | None = None
    """What inspection found; None if the table cannot be published as it stands."""
    problem: dict[str, Any] | None = None
    """Message, hint and column of what is wrong."""
    agreed: bool = False
    """Terms were taken as they stand."""
    revision: int = 0
    """Counts its changes."""
    changed_at: float = 0.0

    @property
    def left_out(self) -> list[str]:
        """Columns that are not published."""
        return self.asked.left_out or []

    @property
    def days_left(self) -> int:
        """For how long it is kept, if nothing is changed."""
        return max(0, KEEP_DAYS - int((time.time() - self.changed_at) // _DAY_SECONDS))

    @property
    def shown(self) -> dict[str, Any]:
        """Terms, as they were typed or chosen."""
        asked = self.asked
        return {
            **asked.model_dump(),
            "price": Units(asked.price_units),
            "epsilon": Epsilon(asked.epsilon_run),
            "epsilon_life": Epsilon(asked.epsilon_life_micro),
            "holder": "".join(asked.holders[:1]),
            **self.typed,
        }

    def change(self, **chosen: Any) -> None:
        """Choose some of it anew. Raises InvalidInput: a value is out of its bounds."""
        self.asked = Publish.of(**{**self.asked.model_dump(), **chosen})

    def look(self, node: Node, table: Path) -> None:
        """Whether the table can be published as it was chosen now."""
        self.report, self.problem = None, None
        try:
            self.report = publishing.inspect(node, self.asked.model_copy(update={"path": str(table)}))
        except FreeholdError as error:
            _renamed(error, table.name, self.file)
            column = self.profile.column(str(error.fields.get("column", "")))
            other = column is not None and column.name != self.asked.label
            hint = said("Say which, below.") if error.code == "table.ambiguous" else error.hint
            more = said("Or leave the column out, below.") if other else ""
            self.problem = {
                "message": error.message,
                "hint": said("{hint} {more}", hint=hint, more=more) if hint and more else hint or more,
            }

    def look_anew(self, node: Node, table: Path) -> None:
        """Read the whole file, as it is meant now. Raises InvalidTable."""
        try:
            self.profile = profile(table, publishing.limits(node), Ways.of(self.asked.read_as))
        except FreeholdError as error:
            raise _renamed(error, table.name, self.file) from None


class Drafts:
    """All drafts of one node, whoever of its people began them."""

    def __init__(self, node: Node) -> None:
        self._node, self._folder, self._open = node, node.home / "drafts", node.home / _OPEN
        self._lock = threading.Lock()
        # each lasts as long as somebody has it in hand
        self._locks: WeakValueDictionary[str, Any] = WeakValueDictionary()

    def take_in(
        self, path: Path, upload: Upload | None, supersedes: str = "", read_as: tuple[str, ...] = ()
    ) -> Draft:
        """Look at a file and keep it; a dataset's new version, on its terms, if so. Raises InvalidTable, DraftsFull."""
        self._sweep()
        file = upload.name if upload else file_name(str(path))
        self._require_room(path.stat().st_size if upload else 0)
        asked = licence.completed(
            self._node, Publish(path="", label="", supersedes=supersedes, read_as=list(read_as))
        )
        asked = asked.model_copy(update={"name": asked.name or _title(file)})
        try:
            seen = profile(path, publishing.limits(self._node), Ways.of(read_as))
        except FreeholdError as error:
            raise _renamed(error, path.name, file) from None
        secret = EpochSecret.generate() if upload else None
        made = Draft(
            id=secrets.token_urlsafe(9),
            file=file,
            secret=secret.identity if secret else "",
            path="" if upload else str(path),
            stamp=[] if upload else _stamp(path),
            size_bytes=path.stat().st_size,
            profile=seen,
            asked=asked,
        )
        if secret:
            durable.make_directory(self._folder)
            with (
                plain_file.opened(path) as plain,
                durable.writing(self._table(made.id), replace=False) as target,
            ):
                sealing.seal(plain, target, secret.recipient)
        return made

    def all(self) -> list[Draft]:
        """Those that are kept, the one changed last first."""
        found = []
        for path in self._folder.glob("*.draft"):
            with suppress(FreeholdError, OSError):
                found.append(self.get(path.stem))
        return sorted(found, key=lambda one: -one.changed_at)

    def get(self, identifier: str) -> Draft:
        """A draft. Raises DraftPublished; NotFound: it was thrown away, is too old, or is none of this home."""
        known = self._node.store.state(_PUBLISHED, {}).get(identifier)
        if known:
            raise DraftPublished(
                said("this draft is published"), hint=said("Look at the dataset."), asset=known
            )
        try:
            found = self._opened(identifier)
        except (OSError, ValueError):
            found = None
        if found is None or not found.days_left:
            raise NotFound(
                said("this draft is no longer here"),
                hint=said(
                    "It was thrown away, or not changed for {keep_days} days. Choose the file again.",
                    keep_days=KEEP_DAYS,
                ),
            )
        return found

    @contextmanager
    def changing(self, identifier: str, revision: int) -> Iterator[Draft]:
        """A draft that is kept again at the end; one change at a time. Raises DraftChanged, and as `get`."""
        with self._own_lock(identifier):
            draft = self.get(identifier)
            if draft.revision != revision:
                raise DraftChanged(
                    said("this draft was changed meanwhile, in another tab or by somebody else"),
                    hint=said("It stands below as it is now; what you typed here was not kept."),
                )
            yield draft
            self.keep(draft)

    @contextmanager
    def table(self, draft: Draft) -> Iterator[Path]:
        """Its table as a file, for as long as the block lasts. Raises NotFound: a file on this machine changed."""
        if draft.path:
            path = Path(draft.path)
            if _stamp(path) != draft.stamp:
                raise NotFound(
                    said("the file on this machine was changed or is gone"),
                    hint=said("Choose it again: its path is below."),
                )
            yield path
            return
        with self._own_lock(draft.id):
            opened = Upload(self._open, draft.file)
            try:
                with plain_file.regular(self._table(draft.id)) as sealed:
                    sealing.unseal(sealed, opened.file, EpochSecret(draft.secret))
                opened.finish()
                yield opened.path
            finally:
                opened.close()

    def keep(self, draft: Draft) -> None:
        """Keep what was chosen; whole or not at all."""
        draft.revision += 1
        draft.changed_at = time.time()
        about = json.dumps(packed(asdict(draft) | {"asked": draft.asked.model_dump()}), default=list).encode()
        nonce = secrets.token_bytes(12)
        sealed = nonce + self._key().encrypt(nonce, about, self._bound(draft.id))
        durable.write(self._about(draft.id), sealed, replace=True)

    def publish(self, identifier: str, revision: int) -> str:
        """Seal, sign and offer it; the dataset's id. Raises as `changing`; Conflict: it is not ready."""
        with self._own_lock(identifier):
            draft = self.get(identifier)
            if draft.revision != revision:
                raise DraftChanged(
                    said("this draft was changed meanwhile, in another tab or by somebody else"),
                    hint=said("It stands below as it is now; look at it once more."),
                )
            if draft.report is None or not draft.agreed:
                raise Conflict(said("this draft is not ready"), hint=said("Go through its steps first."))

            def note(tx: Transaction, asset: str) -> None:
                known = list({**self._node.store.state(_PUBLISHED, {}), identifier: asset}.items())
                tx.set(_PUBLISHED, dict(known[-_REMEMBERED:]))

            with self.table(draft) as table:
                asked = draft.asked.model_copy(update={"path": str(table)})
                asset = publishing.publish(self._node, asked, noting=note).document.id
            self._remove(identifier)
            return asset

    def drop(self, identifier: str) -> None:
        """Throw a draft away, for good."""
        with self._own_lock(identifier):
            self.get(identifier)
            self._remove(identifier)

    def _own_lock(self, identifier: str) -> Any:
        with self._lock:
            return self._locks.setdefault(identifier, threading.RLock())

    def _require_room(self, size_bytes: int) -> None:
        kept = self.all()
        if len(kept) >= MAX_DRAFTS or sum(one.size_bytes for one in kept) + size_bytes > MAX_BYTES:
            raise DraftsFull(
                said(
                    "{max_drafts} drafts, or {max} bytes of them, are kept already",
                    max_drafts=MAX_DRAFTS,
                    max=MAX_BYTES,
                ),
                hint=said("Publish one, or throw one away."),
            )

    def _sweep(self) -> None:
        """Remove what is too old, was published, or was cut off half-way."""
        published = self._node.store.state(_PUBLISHED, {})
        now = time.time()
        for path in self._folder.glob("*"):
            with suppress(OSError):
                age = now - path.stat().st_mtime
                whole = path.suffix == ".draft" or self._about(path.stem).exists()
                if path.stem in published or age > (KEEP_DAYS * _DAY_SECONDS if whole else _STRAY_SECONDS):
                    self._remove(path.stem)
                    path.unlink(missing_ok=True)

    def _remove(self, identifier: str) -> None:
        # without the first file nothing opens the second
        for path in (self._about(identifier), self._table(identifier)):
            path.unlink(missing_ok=True)

    def _about(self, identifier: str) -> Path:
        return self._folder / f"{_safe(identifier)}.draft"

    def _table(self, identifier: str) -> Path:
        return self._folder / f"{_safe(identifier)}.table"

    def _key(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        return AESGCM(self._node.keys.derived("drafts/v1"))

    def _bound(self, identifier: str) -> bytes:
        return f"{self._node.account}/{identifier}".encode()

    def _opened(self, identifier: str) -> Draft | None:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        content = plain_file.content(self._about(identifier), _MOST_ABOUT)
        try:
            about = unpacked(
                json.loads(self._key().decrypt(content[:12], content[12:], self._bound(identifier)))
            )
        except InvalidTag:
            return None
        seen = about["profile"]
        columns = tuple(Column(**one) for one in seen["columns"])
        understood = tuple(Understood(**one) for one in seen["understood"])
        whole = {**seen, "columns": columns, "understood": understood}
        return Draft(**{**about, "asked": Publish.of(**about["asked"]), "profile": Profile(**whole)})


def _safe(identifier: str) -> str:
    """The name of a draft's files; what is no name of a draft names none."""
    plain = identifier.isascii() and identifier.replace("-", "").replace("_", "").isalnum()
    return identifier if plain and len(identifier) <= 24 else "none"


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _renamed(error: FreeholdError, stored: str, shown: str) -> FreeholdError:
    error.message = spelled(error.message, stored, shown)
    error.args = (error.message,)
    return error


def _title(file: str) -> str:
    words = file.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip()[:100]
    return words[:1].upper() + words[1:] or "Table"
