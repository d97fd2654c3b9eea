"""Files that are written out of the registrations and committed: `python -m freehold.shell.generate [--check]`.

shell/library/operations.py  every operation as a method, so that editors and type checkers know them
shell/cli/index.py           first words of commands, so that `freehold --help` loads no feature
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from freehold.shell.cli import commands
from freehold.shell.library import generate

_HERE = Path(__file__).parent


def files() -> Iterator[tuple[Path, str]]:
    """(path, content) of each."""
    yield _HERE / "cli" / "index.py", _index()
    yield _HERE / "library" / "operations.py", _formatted(generate.text())


def _formatted(source: str) -> str:
    """As the project's formatter leaves it; as it is where that is not installed."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        return source
    for words in (["check", "--fix-only", "--quiet", "--select", "F401,I"], ["format", "--quiet"]):
        command = [ruff, *words, "--stdin-filename", "operations.py", "-"]
        source = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return source


def _index() -> str:
    lines = [
        '"""First words of commands -> (who has them, what they do). Written by `python -m freehold.shell.generate`."""',
        "",
        "INDEX: dict[str, tuple[str, str]] = {",
        *(
            f"    {_text(word)}: ({_text(owner)}, {_text(about)}),"
            for word, (owner, about) in commands.index().items()
        ),
        "}",
        "",
    ]
    return "\n".join(lines)


def _text(said: str) -> str:
    return json.dumps(said, ensure_ascii=False)


def main() -> int:
    """Write what has changed; with `--check` only say so."""
    changed = [(path, text) for path, text in files() if not path.exists() or path.read_text() != text]
    for path, text in changed:
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        sys.stdout.write(f"{path.name}\n")
    return 1 if changed and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
