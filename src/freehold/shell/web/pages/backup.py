"""Backup: everything of this node in one sealed file, made and downloaded here."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import FileResponse, Response

from freehold.core.errors import FreeholdError, NotFound
from freehold.core.texts import said
from freehold.kernel import reading
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.shell.backup import saving
from freehold.vault.spool import UPLOADS


@dataclass(frozen=True)
class Ready:
    """A finished backup, waiting to be downloaded; `close` deletes it."""

    path: Path
    name: str
    size_bytes: int
    made_at: int

    def close(self) -> None:
        """Delete it."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def backup(visit: Visit, error: FreeholdError | None = None) -> Response:
    """When the last one was made, and how to make one."""
    return visit.show(
        "backup.html",
        error=error,
        last=reading.last_backup(visit.door.home),
        ready=visit.session.kept.get("backup"),
        home=str(visit.door.home.absolute()),
        elsewhere="://" in visit.node.settings.blobs,
        practice=bool(visit.node.settings.practice),
    )


def make(visit: Visit) -> Response:
    """Seal everything into one file."""
    passphrase = visit.form.secret("passphrase")
    folder = visit.door.home / UPLOADS
    # swept at the next start if this process is killed before it is downloaded
    target = folder / f"{secrets.token_hex(16)}.part"
    try:
        visit.check(passphrase)
        folder.mkdir(mode=0o700, exist_ok=True)
        saved = saving.save(visit.door.home, target, passphrase)
    except FreeholdError as error:
        return backup(visit, error)
    now = visit.node.now()
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    who = re.sub(r"[^a-z0-9]+", "-", visit.node.settings.name.lower()).strip("-")[:40] or "node"
    before = visit.session.kept.get("backup")
    visit.session.kept["backup"] = Ready(target, f"{who}-{day}.backup", saved.size_bytes, now)
    if isinstance(before, Ready):
        before.close()
    return visit.go("/backup", said("The backup is ready. Download it and keep it on another machine."))


def download(visit: Visit) -> Response:
    """The sealed file."""
    ready = visit.session.kept.get("backup")
    if not isinstance(ready, Ready) or not ready.path.exists():
        raise NotFound(said("that backup is no longer here"), hint=said("Make it again."))
    saving.note_made(visit.door.home)
    return FileResponse(
        ready.path,
        filename=ready.name,
        media_type="application/octet-stream",
        headers={"cache-control": "no-store"},
    )


PAGES = [
    shows("/backup", backup, promises=Power.MANAGE),
    acts("/backup", make, words=said("Made a backup")),
    acts("/backup/file", download, words=said("Downloaded a backup")),
]
