"""A node in one file: save it, check it, bring it back."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from freehold import plain_file
from freehold.core.errors import InvalidInput
from freehold.core.times import minute
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, emit, note, plain
from freehold.shell.cli import passphrase as passphrases
from freehold.shell.cli.passphrase import PassphraseFd, PassphraseFile
from freehold.vault.home_folder import option

if TYPE_CHECKING:
    from io import BufferedReader

    from freehold.shell.backup.manifest import Manifest

_PIPE = Path("-")


def backup(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="A new file, or - for stdout.", metavar="FILE", parser=plain_file.chosen
        ),
    ],
    passphrase_fd: PassphraseFd = None,
    passphrase_file: PassphraseFile = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Save a node in one encrypted file, while it runs or not.

    Keys, settings, database and encrypted data, sealed under the node's passphrase. Data in an s3:// store
    stays there. What goes to stdout is whole only where the command ends well.
    """
    from freehold.shell.backup import saving  # noqa: PLC0415

    home, piped = plain_file.named(home), output == _PIPE
    if piped and (as_json or sys.stdout.isatty()):
        raise InvalidInput(
            "the backup itself goes to stdout, which is a terminal or is to hold JSON",
            hint="Lead it into a file or program, without --json, or name a file with -o FILE.",
        )
    secret = passphrases.obtain(passphrase_fd, passphrase_file, new=False, home=home)
    saved = saving.save(home, sys.stdout.buffer if piped else plain_file.named(output), secret)
    saving.note_made(home)
    value = {"file": str(output), "size_bytes": saved.size_bytes, **_facts(saved.manifest)}
    lines = [
        *_lines(value),
        f"written: {plain(output)} ({saved.size_bytes:,} bytes)",
        f"check it: freehold restore {plain_file.typed(output)} --check",
    ]
    if piped:
        for line in lines[:-1]:
            note(line)
        return
    emit(value, lambda: lines, as_json=as_json)


def restore(
    file: Annotated[
        Path, typer.Argument(help="What freehold backup wrote; - for stdin.", parser=plain_file.chosen)
    ],
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only check the file; needs room to unpack it beside itself, from stdin in the folder for temporary files.",
        ),
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

    piped, home = file == _PIPE, plain_file.named(home)
    if piped and (passphrase_fd == 0 or sys.stdin.isatty()):
        raise InvalidInput(
            "the backup itself comes by stdin, which is a terminal or is to give the passphrase",
            hint="Lead a file into it, and give --passphrase-file.",
        )
    if not piped and plain_file.named(file).is_fifo():
        raise InvalidInput(
            "a backup comes out of a file or by stdin, and this is a pipe",
            hint="Lead what it gives into stdin: freehold restore -",
        )
    secret = passphrases.obtain(passphrase_fd, passphrase_file, new=False)
    # stdin is one: nothing else was put in its place
    source = cast("BufferedReader", sys.stdin.buffer) if piped else plain_file.named(file)
    if check:
        with tempfile.TemporaryDirectory() if piped else nullcontext(file.parent) as near:
            found = restoring.examine(source, plain_file.named(near), secret)
        value = {"file": str(file if piped else source), "ok": True, **_facts(found)}
        emit(value, lambda: [*_lines(value), "the backup is whole"], as_json=as_json)
        return
    done = restoring.restore(source, home, secret, database=database, allow_older=allow_older)
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
        f"start it: freehold up{option(home)}",
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

    restoring.adopt(plain_file.named(home), nothing_since=nothing_since)
    said = "stay as they were in the backup" if nothing_since else "count as spent"
    value = {"home": str(plain_file.named(home)), "budgets_closed": not nothing_since}
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
