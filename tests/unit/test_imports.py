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
BELOW = {
    "durable": (),
    "core": (),
    "log": ("core",),
    "chain": ("core",),
    "vault": ("core", "log", "chain"),
    "kernel": ("core", "log", "chain", "vault"),
    "features": ("core", "log", "chain", "vault", "kernel"),
    "shell": ("core", "log", "chain", "vault", "kernel", "features"),
    "quickstart": ("core", "log", "chain", "vault", "kernel", "features", "shell"),
}
"""What each room may import besides itself and `durable`. Of `features` the shell knows the registry alone."""
NEEDS = {
    "identity": (),
    "privacy": ("identity",),
    "data": ("identity", "privacy"),
    "grants": ("data",),
    "payments": ("grants",),
    "models": ("payments",),
    "earnings": ("models",),
    "gateway": ("models",),
    "training": ("models",),
    "proof": (),
}
"""Of features that have no `feature.py` yet."""
OPEN: tuple[str, ...] = (
    "features.data.drafts -> features.grants.consent",
    "features.data.pages.data -> features.grants.consent",
    "features.data.pages.data -> features.grants.granting",
    "features.data.pages.market -> features.grants.asking",
    "features.data.pages.market -> features.grants.granting",
    "features.data.pages.market -> shell.viewing",
    "features.data.pages.publish -> features.grants.consent",
    "features.data.publishing -> features.grants.consent",
    "features.data.publishing -> features.training.rules.expected",
    "features.data.publishing -> features.training.rules.updates",
    "features.earnings.pages -> features.proof.pages.uses",
    "features.earnings.pages -> features.proof.uses",
    "features.gateway.buying -> features.proof.proving",
    "features.gateway.served -> features.training.rules.logistic",
    "features.gateway.served -> features.training.rules.scaling",
    "features.gateway.terminal -> features.training.rules.findings",
    "features.grants.consent -> features.training.rules.record",
    "features.grants.granting -> features.training.admitting",
    "features.grants.granting -> features.training.rules.record",
    "features.grants.issuing -> features.training.admitting",
    "features.grants.issuing -> features.training.rules.record",
    "features.grants.pages -> features.training.rules.findings",
    "features.grants.requests -> features.training.rules.record",
    "features.grants.terminal.requests -> features.training.rules.findings",
    "features.grants.unused -> features.training.admitting",
    "features.models.pages -> features.gateway.rationing",
    "features.models.pages -> features.gateway.serving",
    "features.models.pages -> features.proof.uses",
    "features.models.pages -> features.training.pages.jobs",
    "features.models.pages -> features.training.rules.findings",
    "features.models.pages -> shell.viewing",
    "features.models.releasing -> features.training.rules.record",
    "features.payments.spending -> features.models.releasing",
    "features.proof.examining -> shell.services",
    "features.proof.pages.lineage -> features.data.publishing",
    "features.proof.pages.lineage -> shell.viewing",
    "features.proof.proving -> features.data.publishing",
    "features.proof.proving -> features.training.checks.replaying",
    "features.proof.proving -> features.training.rounds",
    "features.proof.proving -> shell.services",
    "features.proof.verifications -> shell.services",
    "features.training.auditing -> features.proof.proving",
    "features.training.auditing -> shell.services",
    "features.training.pages.jobs -> features.proof.sentences",
    "features.training.pages.train -> shell.viewing",
    "features.training.training -> features.proof.proving",
    "kernel.door -> shell.services",
    "kernel.evidence.verify -> features.training.checks.story",
    "kernel.evidence.verify -> features.training.checks.training",
    "kernel.evidence.verify -> features.training.checks.valuation",
    "kernel.metrics -> shell.services",
    "kernel.web.visit -> shell.services",
    "kernel.web.visit -> shell.web.rendering",
    "kernel.web.visit -> shell.web.sessions",
    "shell.answers.market -> features.grants.asking",
    "shell.answers.market -> features.grants.consent",
    "shell.answers.market -> features.grants.requests",
    "shell.answers.training -> features.grants.asking",
    "shell.backup.adopting -> features.privacy.budget",
    "shell.cli.main -> features.data.terminal",
    "shell.cli.main -> features.earnings.terminal",
    "shell.cli.main -> features.gateway.terminal",
    "shell.cli.main -> features.grants.terminal.grants",
    "shell.cli.main -> features.payments.terminal.channels",
    "shell.cli.main -> features.payments.terminal.spending",
    "shell.cli.main -> features.privacy.terminal",
    "shell.cli.main -> features.proof.terminal",
    "shell.cli.main -> features.training.terminal.jobs",
    "shell.cli.main -> features.training.terminal.measuring",
    "shell.cli.main -> features.training.terminal.train",
    "shell.cli.node -> features.payments.terminal.channels",
    "shell.cli.quickstart -> quickstart.pages",
    "shell.cli.quickstart -> quickstart.progress",
    "shell.cli.quickstart -> quickstart.report",
    "shell.cli.quickstart -> quickstart.run",
    "shell.doctor.database -> features.privacy.budget",
    "shell.http.app -> features.gateway.paid",
    "shell.http.app -> features.payments.rules.payment",
    "shell.http.consents -> features.grants.asking",
    "shell.http.consents -> features.grants.consent",
    "shell.http.consents -> features.grants.granting",
    "shell.http.consents -> features.grants.requests",
    "shell.http.control -> features.data.publishing",
    "shell.http.control -> features.earnings.earning",
    "shell.http.control -> features.gateway.rationing",
    "shell.http.control -> features.gateway.serving",
    "shell.http.control -> features.grants.asking",
    "shell.http.control -> features.grants.granting",
    "shell.http.control -> features.payments.settling",
    "shell.http.control -> features.payments.spending",
    "shell.http.control -> features.proof.proving",
    "shell.http.control -> features.training.auditing",
    "shell.http.control -> features.training.holding",
    "shell.http.control -> features.training.planning",
    "shell.http.control -> features.training.previewing",
    "shell.http.control -> features.training.rules.logistic",
    "shell.http.control -> features.training.rules.record",
    "shell.http.peer -> features.grants.consent",
    "shell.http.peer -> features.grants.granting",
    "shell.http.peer -> features.grants.unused",
    "shell.http.peer -> features.models.releasing",
    "shell.http.peer -> features.proof.proving",
    "shell.http.peer -> features.training.auditing",
    "shell.http.peer -> features.training.holding",
    "shell.http.peer -> features.training.lending",
    "shell.http.public -> features.data.publishing",
    "shell.http.public -> features.grants.consent",
    "shell.http.publications -> features.data.licence",
    "shell.http.publications -> features.data.publishing",
    "shell.http.publications -> features.grants.consent",
    "shell.http.publications -> features.privacy.budget",
    "shell.library.answers -> features.privacy.rules.promises",
    "shell.library.answers -> features.training.rules.findings",
    "shell.library.node -> features.proof.proving",
    "shell.services -> features.data.once",
    "shell.services -> features.earnings.ledger",
    "shell.services -> features.earnings.once",
    "shell.services -> features.gateway.buying",
    "shell.services -> features.gateway.serving",
    "shell.services -> features.grants.once",
    "shell.services -> features.models.once",
    "shell.services -> features.payments.once",
    "shell.services -> features.proof.gathering",
    "shell.services -> features.training.jobs",
    "shell.services -> features.training.lending",
    "shell.services -> features.training.once",
    "shell.services -> features.training.retrying",
    "shell.services -> shell.upkeep",
    "shell.upkeep -> features.gateway.pruning",
    "shell.upkeep -> features.models.releasing",
    "shell.upkeep -> features.payments.settling",
    "shell.viewing -> features.data.publishing",
    "shell.viewing -> features.grants.consent",
    "shell.viewing -> features.grants.granting",
    "shell.viewing -> features.models.releasing",
    "shell.viewing -> features.payments.settling",
    "shell.viewing -> features.privacy.budget",
    "shell.viewing -> features.privacy.rules.privacy",
    "shell.viewing -> features.training.rules.metrics",
    "shell.viewing -> features.training.rules.record",
    "shell.web.menu -> features.data.pages.data",
    "shell.web.menu -> features.data.pages.market",
    "shell.web.menu -> features.data.pages.publish",
    "shell.web.menu -> features.earnings.pages",
    "shell.web.menu -> features.grants.pages",
    "shell.web.menu -> features.grants.requests",
    "shell.web.menu -> features.models.pages",
    "shell.web.menu -> features.proof.pages.lineage",
    "shell.web.menu -> features.proof.pages.log",
    "shell.web.menu -> features.proof.pages.receipt",
    "shell.web.menu -> features.proof.pages.uses",
    "shell.web.menu -> features.training.pages.disputes",
    "shell.web.menu -> features.training.pages.jobs",
    "shell.web.menu -> features.training.pages.train",
    "shell.web.pages.home -> features.earnings.earning",
    "shell.web.pages.home -> features.earnings.ledger",
    "shell.web.pages.home -> features.grants.asking",
    "shell.web.pages.home -> features.grants.requests",
    "shell.web.pages.home -> features.proof.sentences",
    "shell.web.pages.home -> features.training.pages.disputes",
    "shell.web.pages.settings -> features.data.drafts",
)
"""Arrows that still point the wrong way. None is added; one that is mended is taken out."""


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
    if not path.exists():
        return NEEDS[name]
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
    if room not in BELOW or other == "durable":
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
    assert rooms | {"durable"} == set(BELOW)


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
    wrong = set(wrong_arrows())
    assert sorted(wrong - set(OPEN)) == [], "import downwards; tell upwards by events or a registration"
    assert sorted(set(OPEN) - wrong) == [], "these are mended: take them out of OPEN"
    assert len(OPEN) == len(set(OPEN))


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
        ("kernel.once", "features.grants.once", True),
        ("kernel.once", "features", True),
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
