"""Files that are written out of the registrations and committed: `python -m freehold.shell.generate [--check]`.

shell/library/operations.py  every operation as a method, so that editors and type checkers know them
shell/cli/index.py           first words of commands, so that `freehold --help` loads no feature
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from freehold.core.errors import FreeholdError
from freehold.kernel import installed
from freehold.kernel.cli.building import bare
from freehold.kernel.installed import FeaturesClash
from freehold.kernel.operation import Field, Operation
from freehold.shell.cli import commands

_HERE = Path(__file__).parent
_METHODS = '''"""Every operation as a method. Written by `python -m freehold.shell.generate`; change a feature's `wire.py`."""

# what is answered was read as the shape that its operation says
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from freehold.core.documents import Asset, Claim, Grant, Party, Receipt, Terms
from freehold.kernel.shape import Rows
from freehold.kernel.client import Identified, Performs
{imports}

__all__ = ["Operations"]


class Operations({bases}):
    """What a node does for its owner; what is left out has the default of the request."""
'''


def files() -> Iterator[tuple[Path, str]]:
    """(path, content) of each."""
    yield _HERE / "cli" / "index.py", _index()
    yield _HERE / "library" / "operations.py", _formatted(_methods())


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


def _methods() -> str:
    """The methods of `freehold.connect(...)`."""
    by_hand = dict(installed.said("library", "Methods"))
    own = {name for methods in by_hand.values() for name in vars(methods)}
    made = [(owner, one) for owner, every in installed.said("wire", "OPERATIONS") for one in every]
    methods = "".join(_method(owner, one) for owner, one in made if one.method not in own)
    bases = ", ".join([*(f"{owner}_library.Methods" for owner in by_hand), "Performs"])
    imports = [
        f"from freehold.{'' if owner == installed.KERNEL else 'features.'}{owner} import {part} as {owner}_{part}"
        for owner in installed.owners()
        for part in ("library", "wire")
        if f"{owner}_{part}." in methods + bases
    ]
    return _METHODS.format(imports="\n".join(imports), bases=bases) + methods


def _method(owner: str, operation: Operation[Any]) -> str:
    fields = sorted(operation.fields.values(), key=lambda one: not one.info.is_required())
    first = [_parameter(one) for one in fields if _stands_first(one, operation)]
    named = [_parameter(one) for one in fields if not _stands_first(one, operation)]
    parameters = ["self", *first, *(["*", *named] if named else [])]
    wire = vars(installed.part(owner, "wire"))
    constant = next(name for name, value in wire.items() if value is operation)
    returned = _answer(operation)
    performed = f"self._perform({owner}_wire.{constant}{', **locals()' if fields else ''})"
    # what a feature makes of an answer for people
    made_of = dict(installed.said("library", "RETURNS")).get(owner, {})
    if operation in made_of:
        returned = f"{owner}_library.{made_of[operation].__name__}"
        performed = f"{returned}(self, {performed})"
    return (
        f"\n    def {operation.method}({', '.join(parameters)}) -> {returned}:\n"
        f'        """{_indented(operation.text)}"""\n'
        f"        return {performed}\n"
    )


def _stands_first(one: Field, operation: Operation[Any]) -> bool:
    return one.flag.positional or one.flag.first or one.name in operation.in_path


def _indented(said: str) -> str:
    lines = said.replace("\\", "\\\\").splitlines()
    whole = "\n".join([lines[0], *(f"        {line}" if line else "" for line in lines[1:])])
    return whole if len(lines) == 1 else f"{whole}\n        "


def _parameter(one: Field) -> str:
    kind = one.surface.python or _spelled(one.info.annotation)
    if one.surface.python and get_origin(bare(one.info.annotation)) is list:
        kind = f"{kind} | Iterable[{kind}]"
    if one.info.is_required():
        return f"{one.face}: {kind}"
    return f"{one.face}: {kind if kind.endswith('None') or kind == 'Any' else kind + ' | None'} = None"


def _spelled(kind: Any) -> str:
    """A type as a signature says it."""
    kind = bare(kind)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inside))}]".replace("'", '"')
    if origin is list:
        return f"Sequence[{_spelled(inside[0])}]"
    if origin is tuple:
        return "Sequence[Any]"
    if origin is dict:
        return f"Mapping[str, {_spelled(inside[1])}]"
    return "Any" if kind is Any or origin is not None else kind.__name__


def _answer(operation: Operation[Any]) -> str:
    kind = operation.shape
    for name in filter(None, operation.gives.split(".")):
        if name not in kind.model_fields:
            raise FeaturesClash(
                f"operation {operation.name} gives {name}, which {kind.__name__} does not have"
            )
        kind = bare(kind.model_fields[name].annotation)
    if get_origin(kind) is list:
        return f"Rows[{_shape(get_args(kind)[0])}]"
    return _shape(kind)


def _shape(kind: Any) -> str:
    kind = bare(kind)
    if not inspect.isclass(kind) or get_origin(kind) is not None:
        return "dict[str, Any]" if get_origin(kind) is dict else "Any"
    where = re.fullmatch(r"freehold\.(?:features\.)?(\w+)\.wire", kind.__module__)
    return f"{where[1]}_wire.{kind.__name__}" if where else kind.__name__


def main() -> int:
    """Write what has changed; with `--check` only say so."""
    changed = [(path, text) for path, text in files() if not path.exists() or path.read_text() != text]
    for path, text in changed:
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        sys.stdout.write(f"{path.name}\n")
    return 1 if changed and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FreeholdError as error:
        sys.exit(error.said)
