"""One caller's slowness is nobody else's: hundreds of slow connections at a node and its console.

With nothing before the node, and behind real proxies configured as the documentation says.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from console_node import Console
from node_world import World, until
from proxies import KINDS, before
from slow_attack import KINDS as ATTACKS
from slow_world import attacked, enter, open_node, people, quantile

P95_SECONDS = 1.0 * 5
"""One second on a machine that is not five times slower than it should be."""


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory) -> Iterator[Console]:
    made = open_node(tmp_path_factory.mktemp("slow") / "node", world.rpc_url)
    yield made
    assert "Traceback" not in made.log(), made.log()[-5_000:]
    assert made.stop() == 0


def require_served(waited) -> None:
    slow = {who: (len(all_), round(quantile(all_, 0.95), 2)) for who, all_ in waited.items()}
    assert all(p95 < P95_SECONDS for _, p95 in slow.values()), slow


def hung_up(node: Console) -> float:
    """How many connections this node ended to make room."""
    with httpx.Client(trust_env=False) as client:
        text = client.get(f"{node.origin}/metrics").text
    return float(text.split('freehold_http_refused_total{reason="connections"} ')[1].split()[0])


@pytest.mark.parametrize("proxy", [pytest.param("direct", marks=pytest.mark.slow), "caddy", "nginx"])
def test_hundreds_of_dripping_bodies_and_forms_keep_nobody_waiting(node, proxy, tmp_path):
    """From this very machine without a proxy, where nothing but what the owner shows tells them apart."""
    earlier = hung_up(node)
    with (
        before(proxy, tmp_path / proxy, node.origin) as at,
        attacked(at, "body-peer", "form", sources=600 if proxy != "direct" else 0, count=700, seconds=60),
    ):
        until(lambda: hung_up(node) > earlier + 100, "there is no room for more, so some are ended", 50)
        waited = people(node, at, 3)
        assert enter(f"http://{at[0]}:{at[1]}").status_code == 303, "who has no session yet may log in"
    require_served(waited)


@pytest.mark.slow
@pytest.mark.parametrize("sources", [0, 3, 600])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("proxy", KINDS)
def test_owner_and_public_are_served_while_one_kind_crowds(node, proxy, attack, sources, tmp_path):
    """600 addresses stay below every limit of one, so the pool has to make room."""
    with (
        before(proxy, tmp_path / proxy, node.origin) as at,
        attacked(at, attack, sources=sources, count=700, seconds=14),
    ):
        people(node, at, 3)
        waited = people(node, at, 8)
    require_served(waited)
