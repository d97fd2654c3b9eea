"""Arrows point one way, by file: between rooms, between features as they declare it, and nowhere in a circle.

Imports within functions and for type checkers count like any other: who needs a name needs its file.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
BESIDE = ("bounded_head", "durable", "plain_file")
BELOW = {
    "bounded_head": (),
    "durable": (),
    "plain_file": ("core",),
    "core": (),
    "log": ("core",),
    "chain": ("core",),
    "vault": ("core", "log", "chain"),
    "kernel": ("core", "log", "chain", "vault"),
    "features": ("core", "log", "chain", "vault", "kernel"),
    "shell": ("core", "log", "chain", "vault", "kernel", "features"),
    "quickstart": ("core", "log", "chain", "vault", "kernel", "features", "shell"),
}
"""What each room may import besides itself and what lies beside all rooms. Of `features` the shell knows the registry alone."""


def imports_of(source: str, files: set[str]) -> set[str]:
    """The files a file imports, lazily and for type checkers too."""
    found = set()
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.ImportFrom):
            assert not part.level, "imports are written out"
            # a name may be a file of the package or something in its `__init__`
            names = {f"{part.module}.{alias.name}" for alias in part.names}
            found |= {name if name in files else part.module for name in names}
        elif isinstance(part, ast.Import):
            found |= {alias.name for alias in part.names}
    return {name for name in found if name and name.split(".")[0] == "freehold"}


@cache
def graph() -> dict[str, set[str]]:
    """Each file of the package and the files of it that it imports, by their dotted names."""
    files = {}
    for path in (SOURCE / "freehold").rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    known = set(files)
    return {name: imports_of(source, known) - {name} for name, source in files.items()}


@cache
def needs() -> dict[str, tuple[str, ...]]:
    """What each feature declares to need, read from its registration without running it."""
    folders = sorted(path.parent.name for path in (SOURCE / "freehold/features").glob("*/__init__.py"))
    return {name: _declared(SOURCE / f"freehold/features/{name}/feature.py", name) for name in folders}


def _declared(path: Path, name: str) -> tuple[str, ...]:
    for part in ast.walk(ast.parse(path.read_text())):
        if isinstance(part, ast.Call) and getattr(part.func, "id", "") == "Feature":
            given = {keyword.arg: keyword.value for keyword in part.keywords}
            assert ast.literal_eval(given["name"]) == name, f"{path} registers another feature"
            return tuple(ast.literal_eval(given["needs"])) if "needs" in given else ()
    raise AssertionError(f"{path} registers no feature")


def reach(name: str) -> set[str]:
    """A feature, what it needs, and what those need."""
    return {name}.union(*(reach(needed) for needed in needs()[name]))


def is_wrong(importer: str, imported: str) -> bool:
    """Whether a file may not import another."""
    (room, feature), (other, needed) = _place(importer), _place(imported)
    if importer == "freehold.shell.library.operations":
        # written out of the registrations: it names what they register
        return False
    if room not in BELOW or other in BESIDE:
        # the package itself and `python -m freehold` stand above all rooms
        return False
    if room != other:
        return other not in BELOW[room] or (room == "shell" and other == "features" and needed != "")
    return room == "features" and feature != "" and needed not in reach(feature)


def _place(name: str) -> tuple[str, str]:
    """Room, and folder or file in it."""
    parts = [*name.split(".")[1:], "", ""]
    return parts[0], parts[1]


def arrows() -> Iterator[tuple[str, str]]:
    return ((importer, imported) for importer, found in graph().items() for imported in found)


def shown(importer: str, imported: str) -> str:
    return f"{importer} -> {imported}".replace("freehold.", "")


def test_every_room_has_a_place_in_the_order():
    rooms = {path.name for path in (SOURCE / "freehold").iterdir() if path.is_dir()} - {"__pycache__"}
    assert rooms | set(BESIDE) == set(BELOW)


def test_features_need_one_another_in_one_direction():
    assert set(needs()) >= {"data", "grants", "training"}
    TopologicalSorter(needs()).prepare()


def circle(straight: dict[str, set[str]]) -> list[str]:
    """Files of which each imports the next, and the last the first."""
    try:
        TopologicalSorter(straight).prepare()
    except CycleError as error:
        # found from the imported to the importer
        return list(reversed(error.args[1]))
    return []


def wrong_arrows() -> list[str]:
    """Every arrow that points where it may not, and of each circle of the others one."""
    wrong = {arrow for arrow in arrows() if is_wrong(*arrow)}
    straight = {name: {to for to in found if (name, to) not in wrong} for name, found in graph().items()}
    while found := circle(straight):
        closing = min(pairwise(found))
        wrong.add(closing)
        straight[closing[0]].remove(closing[1])
    return sorted(shown(*arrow) for arrow in wrong)


def test_arrows_point_downwards_and_never_in_a_circle():
    assert wrong_arrows() == [], "import downwards; tell upwards by events or a registration"


def test_imports_in_functions_and_for_type_checkers_are_seen():
    source = """
from typing import TYPE_CHECKING
from freehold.core import ids, errors
if TYPE_CHECKING:
    from freehold.kernel.node import Node
def late():
    import freehold.shell.daemon
    from freehold.features.grants import pages
"""
    assert imports_of(source, {"freehold.core.ids", "freehold.features.grants.pages"}) == {
        "freehold.core", "freehold.core.ids", "freehold.kernel.node", "freehold.shell.daemon",
        "freehold.features.grants.pages",
    }  # fmt: skip


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


@pytest.mark.parametrize(
    ("importer", "imported", "wrong"),
    [
        ("core.ids", "log.tree", True),
        ("log.store", "chain.rpc", True),
        ("chain.rpc", "log.store", True),
        ("vault.vault", "log.store", False),
        ("vault.vault", "kernel.node", True),
        ("kernel.node", "durable", False),
        ("durable", "core.ids", True),
        ("kernel.account", "features.grants.once", True),
        ("kernel.account", "features", True),
        ("features.data.drafts", "features.grants.consent", True),
        ("features.training.jobs", "features.privacy.lines", False),
        ("features", "features.data.feature", False),
        ("features.data.drafts", "shell.services", True),
        ("shell.services", "features", False),
        ("shell.services", "features.data.feature", True),
        ("shell.services", "quickstart.run", True),
        ("quickstart.run", "features.data.rules.table", False),
    ],
)
def test_where_arrows_may_point(importer, imported, wrong):
    assert is_wrong(f"freehold.{importer}", f"freehold.{imported}") == wrong
