"""A real browser on the console of a real `freehold up`, over one embedded chain.

Fixtures: `browser` (Chromium, one for the session), `console` (a node whose owner is logged in, shared by
a module), `page` (a fresh tab of it). `Console.page()` opens more; without Chromium every test is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from console_node import Console, opened
from node_world import World


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # for a module only: while it runs, so does an event loop, and other tests want one of their own
    with opened() as found:
        yield found


@pytest.fixture(scope="module")
def console(browser: Any, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A node that was set up through its first-run page."""
    made = Console(browser, tmp_path_factory.mktemp("console") / "home", world.rpc_url).start()
    page = made.enter(made.page(), name="Clinic North")
    made.state = page.context.storage_state()
    yield made
    made.stop()


def _is_problem(said: Any) -> bool:
    # a form that is refused is an answer with an error status, which the browser notes too
    refused = "responded with a status of 4" in said.text and "/static/" not in said.location["url"]
    return said.type == "error" and not refused


@pytest.fixture
def page(console: Console) -> Any:
    """A fresh tab, logged in, that fails the test on script errors and on anything the policy refused."""
    opened = console.page(storage_state=console.state)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if _is_problem(said) else None)
    opened.goto(console.url)
    yield opened
    opened.context.close()
    assert not problems, problems
