"""The chain that the contract tests share; each test makes its own accounts, documents and pools on it."""

from collections.abc import Iterator

import pytest
from contract_world import World

from freehold.chain.embedded import EmbeddedNode


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node:
        made = World(node.url)
        yield made
        made.close()
