"""Makes tests/support importable and gives every test tree the small world of nodes over one chain."""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks, after the path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Several at once: what one worker built for the files of a folder, such as a market, is not built by another."""
    from xdist.scheduler import LoadFileScheduling

    class ByFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(super()._split_scope(nodeid))
            return str(file.parent if (config.rootpath / file).with_name("__init__.py").exists() else file)

    return ByFolder(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A chain with the contracts, and nodes on demand; all stopped at the end of the module."""
    from node_world import World

    made = World(tmp_path_factory.mktemp("world"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """A Postgres server of these tests' own; they are skipped where none is installed."""
    import postgres_server

    with postgres_server.serving() as server:
        yield server


@pytest.fixture
def new_url(postgres: object) -> str:
    """The URL of a new empty Postgres database."""
    return str(postgres.database(f"t{secrets.token_hex(6)}"))  # type: ignore[attr-defined]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Where a node keeps its rows: nothing for SQLite, or a new Postgres database."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("new_url"))
