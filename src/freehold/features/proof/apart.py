"""Checks a zip of evidence that a stranger made, in a process of its own: `python -m freehold.features.proof.apart`.

It is told the path of the zip on its standard input, asks no network, writes no file, and says on its standard output
what it found, as JSON. Its time, memory and files are bounded; whoever began it ends it when it takes too long.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.core.texts import Size, packed, said
from freehold.kernel.evidence.bundle import (
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    Bundle,
    InvalidBundle,
)
from freehold.kernel.evidence.verify import verify

MOST_ZIP_BYTES = 64 * 1024 * 1024
MOST_MEMORY_BYTES = 6 * 1024**3
MOST_CPU_SECONDS = 600
MANIFEST = "manifest.json"


def read(path: Path) -> Bundle:
    """The evidence in a zip, whether or not a folder is around it.

    Raises `InvalidBundle`: it is no zip, or holds more or other things than evidence can.
    """
    if path.stat().st_size > MOST_ZIP_BYTES:
        raise InvalidBundle(said("the zip is over {size}", size=Size(MOST_ZIP_BYTES)))
    try:
        with zipfile.ZipFile(path) as archive:
            return Bundle(_files(archive))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        # of another kind, cut off, or under a password
        raise InvalidBundle(
            said("this is no zip that can be read"), hint=said("Choose the zip as it was downloaded.")
        ) from error


def _files(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = [one for one in archive.infolist() if not one.is_dir() and not _beside(one.filename)]
    if len(entries) > MAX_ENTRIES:
        raise InvalidBundle(said("the zip holds more than {n} files", n=MAX_FILES))
    ends = [one.filename for one in entries if one.filename.rsplit("/", 1)[-1] == MANIFEST]
    if not ends:
        raise InvalidBundle(
            said("there is no evidence in this zip: it has no {file}", file=MANIFEST),
            hint=said("Choose the zip that a receipt or model gave you."),
        )
    around = min(ends, key=len).removesuffix(MANIFEST)
    files: dict[str, bytes] = {}
    left = MAX_TOTAL_BYTES
    for one in entries:
        # what lies beside the folder is judged by its whole name, which no evidence can have
        name = one.filename.removeprefix(around)
        if name in files:
            raise InvalidBundle(said("two files of the zip have the same name"))
        most = min(MAX_FILE_BYTES, left)
        with archive.open(one) as file:
            files[name] = file.read(most + 1)
        if len(files[name]) > most:
            raise InvalidBundle(said("a file of the zip is too large"))
        left -= len(files[name])
    return files


def _beside(name: str) -> bool:
    """What some systems put into every zip."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] == ".DS_Store"


def check(path: Path) -> dict[str, Any]:
    """What the evidence comes to, or why it cannot be looked at."""
    try:
        return {"report": packed(asdict(verify(read(path))))}
    except FreeholdError as error:
        return {"error": packed(error.message), "hint": packed(error.hint)}


def main() -> None:
    """Check what standard input names."""
    # the node's own work goes first
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(check(Path(sys.stdin.readline().rstrip("\n"))), sys.stdout)


if __name__ == "__main__":
    main()
