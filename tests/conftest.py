"""Makes tests/support importable and gives every test tree the small world of nodes over one chain."""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks, after the path


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
