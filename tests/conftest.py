"""Makes tests/support importable and gives every test tree the small world of nodes over one chain."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A chain with the contracts, and nodes on demand; all stopped at the end of the module."""
    from node_world import World

    made = World(tmp_path_factory.mktemp("world"))
    try:
        yield made
    finally:
        made.close()
