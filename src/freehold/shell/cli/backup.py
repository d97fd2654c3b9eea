"""A node in one file: save it, check it, bring it back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.core.times import minute
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit
from freehold.shell.cli import passphrase as passphrases
from freehold.shell.cli.passphrase import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from freehold.shell.backup.manifest import Manifest


def backup(
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new file.", metavar="FILE")],
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Save a node in one encrypted file, while it runs or not.

    Keys, settings, database and encrypted data, sealed under the node's passphrase. Data in an s3:// store
    stays there.
    """
    from freehold.shell.backup import saving  # noqa: PLC0415

    secret = passphrases.obtain(passphrase_fd, passphrase_file, new=False, home=home.expanduser())
    saved = saving.save(home.expanduser(), output.expanduser(), secret)
    saving.note_made(home.expanduser())
    value = {"file": str(output), "size_bytes": saved.size_bytes, **_facts(saved.manifest)}
    lines = [
        *_lines(value),
        f"written: {output} ({saved.size_bytes:,} bytes)",
        f"check it: freehold restore {output} --check",
    ]
    emit(value, lambda: lines, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="What freehold backup wrote.")],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the file; needs room to unpack it beside itself.")
    ] = False,
    database: Annotated[
        str, typer.Option(help="Empty postgresql:// database to put the rows into.", metavar="URL")
    ] = "",
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Restore though the chain has anchored a longer log.")
    ] = False,
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Bring a node back from a backup, into a new home.

    Everything is checked first: hashes, the log, signatures, that the data opens, and what the chain vouches
    for. Never run the old node and the restored one both.
    """
    from freehold.shell.backup import restoring  # noqa: PLC0415

    secret = passphrases.obtain(passphrase_fd, passphrase_file, new=False)
    file, home = file.expanduser(), home.expanduser()
    if check:
        value = {"file": str(file), "ok": True, **_facts(restoring.examine(file, file.parent, secret))}
        emit(value, lambda: [*_lines(value), "the backup is whole"], as_json=as_json)
        return
    done = restoring.restore(file, home, secret, database=database, allow_older=allow_older)
    value = {"home": str(home), "anchored": done.anchored, **_facts(done.manifest)}
    known = (
        "the chain did not answer, so the log is not compared with it: run freehold doctor"
        if done.anchored is None
        else f"the chain vouches for {done.anchored} of the log's entries"
    )
    lines = [
        *_lines(value),
        known,
        "its rows are not trained on before you say what was spent since the backup: freehold adopt --help",
        f"start it: freehold up --home {home}",
    ]
    emit(value, lambda: lines, as_json=as_json)


def adopt(
    *,
    nothing_since: Annotated[
        bool,
        typer.Option(
            "--nothing-since",
            help="No run was granted and no update given after the backup: keep the budgets.",
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Let a restored home go on training.

    To be said once the other copy of it is stopped for good. A backup does not know what runs have cost its rows since. Their privacy budgets count as spent from now on,
    unless you say that there was nothing. The node must be stopped.
    """
    from freehold.shell.backup import restoring  # noqa: PLC0415

    restoring.adopt(home.expanduser(), nothing_since=nothing_since)
    said = "stay as they were in the backup" if nothing_since else "count as spent"
    value = {"home": str(home.expanduser()), "budgets_closed": not nothing_since}
    emit(value, lambda: [f"the home goes on; the privacy budgets of its rows {said}"], as_json=as_json)


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {
        "account": manifest.account,
        "created_at": manifest.created_at,
        "software": manifest.software,
        "log": {"size": manifest.log_size, "root": manifest.log_root},
        "files": len(manifest.files),
        "content_bytes": manifest.size_bytes,
        "data_elsewhere": manifest.data_elsewhere,
    }


def _lines(value: dict[str, Any]) -> Iterable[str]:
    made = minute(value["created_at"])
    yield f"account  {value['account']}"
    yield f"made     {made} by Freehold {value['software']}"
    yield f"holds    {value['files']} files, {value['content_bytes']:,} bytes, {value['log']['size']} log entries"
    if value["data_elsewhere"]:
        yield "note     the encrypted data lies in a remote store and is not in the file"


COMMANDS = {
    "backup": (backup, "freehold backup -o clinic.freehold"),
    "restore": (restore, "freehold restore clinic.freehold --home ~/restored"),
    "adopt": (adopt, "freehold adopt --home ~/restored"),
}
