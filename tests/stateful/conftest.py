"""The chain of the contract tests, for machines that act on all contracts at once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contracts"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from contract_world import World

    from freehold.chain.embedded import EmbeddedNode

    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node:
        made = World(node.url)
        yield made
        made.close()
