"""A market that all tests of this folder share; they run in the order of their files, the last of which breaks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import market_acts as act
import pytest
from console_market import Market, trade
from console_node import Console, opened
from node_world import World


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """One for all of them."""
    with opened() as found:
        yield found


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The chain that all of them are on."""
    with contextlib.closing(World(tmp_path_factory.mktemp("world"))) as made:
        yield made


@pytest.fixture(scope="package")
def market(browser: Any, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A dataset was published, granted by hand, trained on together with another; a buyer asked the model."""
    home = tmp_path_factory.mktemp("market")
    with contextlib.ExitStack() as running:
        nodes = []
        for folder, name in (
            ("owner", "Lakeview Clinic"),
            ("builder", "Northside Research"),
            ("buyer", "Cedar Practice"),
        ):
            console = Console(browser, home / folder, world.rpc_url).start()
            running.callback(console.stop)
            nodes.append((console, console.page() if folder == "owner" else act.enter(console, name)))
        (owner, owner_page), (builder, builder_page), (buyer, buyer_page) = nodes
        made = Market(owner, builder, buyer, owner_page, builder_page, buyer_page, world)
        trade(made, world, home)
        yield made
