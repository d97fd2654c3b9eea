"""Figures of passes, and how they are printed."""

from __future__ import annotations

import statistics
from typing import Any

from processes import Pass

MS = 1e3


def quantile(values: list[float], share: float) -> float:
    """The value below which that share of all lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(passes: dict[int, list[Pass]]) -> dict[str, Any]:
    """Of one server: by the number of clients, medians over the rounds."""
    return {str(clients): figures_of(made) for clients, made in passes.items()}


def figures_of(made: list[Pass]) -> dict[str, Any]:
    """Of one server with one number of clients."""
    latencies = [[one for client in each.sent.latencies for one in client] for each in made]
    counts = [len(each) for each in latencies]
    middle = statistics.median

    def each_ms(seconds: list[float]) -> float:
        return middle(MS * one / count for one, count in zip(seconds, counts, strict=True))

    return {
        "p50_ms": middle(quantile(each, 0.5) for each in latencies) * MS,
        "p95_ms": middle(quantile(each, 0.95) for each in latencies) * MS,
        "calls_per_second": middle(n / one.sent.seconds for n, one in zip(counts, made, strict=True)),
        "rates": [n / one.sent.seconds for n, one in zip(counts, made, strict=True)],
        "p50s_ms": [quantile(each, 0.5) * MS for each in latencies],
        "cpu_ms": {name: each_ms([one.worked[name] for one in made]) for name in made[0].worked},
        "load_cpu_ms": each_ms([one.sent.cpu_seconds for one in made]),
    }


def text(found: dict[str, Any]) -> str:
    """A table and what goes with it."""
    return "\n".join(lines(found))


def lines(found: dict[str, Any]) -> list[str]:
    """As `text`, line by line."""
    servers, clients = found["servers"], [str(one) for one in found["clients"]]
    alone, most = clients[0], clients[-1]
    free = servers["bare"]
    made = [
        f"medians of {found['rounds']} rounds of {found['calls']} calls ({found['settled_calls']} where each is settled on chain); the servers in turn",
        f"{'':30} {'p50':>8} {'p95':>8} {'over bare':>10} "
        + " ".join(f"{f'{one} cl.':>8}" for one in clients)
        + f" {f'{alone} cl.':>8} {f'{most} cl.':>8}  beside it",
        f"{'':30} {'ms':>8} {'ms':>8} {'ms, p50':>10} "
        + " ".join(f"{'calls/s':>8}" for _ in clients)
        + f" {'CPU ms':>8} {'CPU ms':>8}  CPU ms with {most} clients",
    ]
    for name, one in servers.items():
        own = next(iter(one[alone]["cpu_ms"]))
        over = statistics.median(
            a - b for a, b in zip(one[alone]["p50s_ms"], free[alone]["p50s_ms"], strict=True)
        )
        beside = ", ".join(f"{key} {ms:.2f}" for key, ms in one[most]["cpu_ms"].items() if key != own)
        made.append(
            f"{name:30} {one[alone]['p50_ms']:8.2f} {one[alone]['p95_ms']:8.2f} "
            + (f"{over:10.2f} " if one is not free else f"{'':10} ")
            + " ".join(f"{one[count]['calls_per_second']:8.0f}" for count in clients)
            + f" {one[alone]['cpu_ms'][own]:8.2f} {one[most]['cpu_ms'][own]:8.2f}  {beside}"
        )
    made.append("")
    for name, ms in found["own_client_ms"].items():
        made.append(
            f"{name}, by its own httpx client (asks, is told the price, signs, asks again):"
            f" p50 {statistics.median(ms):.1f} ms with 1 client"
        )
    ours = servers["ours"]
    for name, one in servers.items():
        few, many = (ours[n]["calls_per_second"] / one[n]["calls_per_second"] for n in (alone, most))
        if one is free:
            made.append(f"bare answers {1 / few:.1f} times as many calls a second as ours with {alone} client, {1 / many:.1f} with {most}")  # fmt: skip
        elif one is not ours:
            made.append(f"ours answers {few:.2f} times as many calls a second as {name} with {alone} client, {many:.2f} with {most}")  # fmt: skip
    flush, signing = found["flush_ms"], found["signatures_ms"]
    fastest = max(free[count]["calls_per_second"] for count in clients)
    loads = [1e3 * one[most]["load_cpu_ms"] for one in (free, ours)]
    made.append(f"floor of the disk, 4 KiB appended and synced: {flush:.2f} ms; ours takes"
                f" {ours[alone]['p50_ms'] / flush:.1f} times that (p50, {alone} client)")  # fmt: skip
    made.append(f"floor of the signatures, one recovered and one made: {signing:.3f} ms; ours works"
                f" {ours[alone]['cpu_ms']['node'] / signing:.1f} times that")  # fmt: skip
    made += [f"bytes on disk a call, {name}: {size:,.0f}" for name, size in found["bytes_per_call"].items()]
    made.append(f"the load generator works {loads[0]:.0f} us a call of bare, {loads[1]:.0f} us of ours,"
                f" and drives bare at {fastest:,.0f}/s")  # fmt: skip
    differ = found["answers_differ_ppm"]
    made.append(f"answers for nothing and for money differ by at most {differ} millionths")
    made += [f"left out: {one}" for one in found["left_out"]]
    made += [*found["accounts"], *found["revoked"]]
    return made
