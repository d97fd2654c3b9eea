"""How long owner and public wait while 700 connections are slow, with nothing, Caddy and nginx before the node.

Run: python bench/slowness.py [SECONDS]
"""

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / "support")]

import pytest  # noqa: E402 - after the path
from node_world import World  # noqa: E402
from proxies import KINDS, before  # noqa: E402
from slow_attack import KINDS as ATTACKS  # noqa: E402
from slow_world import attacked, open_node, people, quantile  # noqa: E402

CONNECTIONS = 700


def line(waited):
    cells = []
    for name, took in waited.items():
        lost = sum(one >= 1_000 for one in took)
        shown = f"{quantile(took, 0.5) * 1e3:.0f} / {quantile(took, 0.95) * 1e3:.0f} ms"
        cells.append(f"{name}: {shown}" + (f", {lost} of {len(took)} unanswered" if lost else ""))
    return "; ".join(cells)


def measure(node, folder, proxy, seconds):
    with before(proxy, folder / proxy, node.origin) as at:
        print(f"{proxy}, nobody slow  {line(people(node, at, seconds))}", flush=True)
        for kinds in (("body-peer", "form"), ATTACKS):
            named = "bodies and forms" if len(kinds) == 2 else "all kinds"
            for sources in (0 if proxy == "direct" else 4, 600):
                with attacked(at, *kinds, sources=sources, count=CONNECTIONS, seconds=seconds + 8) as said:
                    people(node, at, 3)
                    waited = people(node, at, seconds)
                cut = sum(one.get("cut", 0) for one in said.values())
                where = f"{sources} addresses" if sources else "this machine"
                print(f"{proxy}, {named} from {where}  {line(waited)}; {cut} hung up", flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = World(folder / "world")
        node = open_node(folder / "node", world.rpc_url)
        print("p50 / p95 of each who asks; a connection for each request")
        try:
            for proxy in KINDS:
                try:
                    measure(node, folder, proxy, seconds)
                except pytest.skip.Exception as skipped:
                    print(skipped)
        finally:
            node.stop()
            world.close()


if __name__ == "__main__":
    main()
