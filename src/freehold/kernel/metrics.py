"""What `GET /metrics` says, in the Prometheus text format. Nothing here is imported before the first scrape.

`catalogue` names every metric of this program; docs/reference/metrics.md is written out of it. Labels are
route templates, states and codes of this program: what strangers send never becomes a label.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from freehold.kernel.host import Host
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.tally import BUCKETS_SECONDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FACTS_SECONDS = 10.0
"""How old counts out of the database may be: counting them takes time that grows with the log."""


class Metric(NamedTuple):
    """One metric."""

    kind: str
    """counter, gauge or histogram"""
    labels: tuple[str, ...]
    meaning: str


_OWN = {
    "freehold_http_requests_total": Metric(
        "counter", ("method", "route", "status"), "Requests answered; route is a template, or `other`."
    ),
    "freehold_http_request_seconds": Metric("histogram", ("route",), "Time from head to answer."),
    "freehold_http_refused_total": Metric(
        "counter", ("reason",), "Limits met: address, peer (429), busy (503), connections (hung up)."
    ),
    "freehold_log_entries": Metric("gauge", (), "Entries in this party's log."),
    "freehold_log_anchored_entries": Metric("gauge", (), "Of these, entries the chain vouches for."),
    "freehold_receipts_total": Metric("counter", ("action",), "Receipts kept, by what was done."),
    "freehold_receipts_unsigned": Metric("gauge", (), "Receipts that lack the holder's signature."),
    "freehold_uses_total": Metric("counter", (), "Uses of grants counted by this node as provider."),
    "freehold_money_in_units_total": Metric(
        "counter", (), "What those uses cost, in the token's smallest units."
    ),
    "freehold_work_failures": Metric("gauge", ("work",), "Failures in a row of recurring work."),
    "freehold_work_last_success_timestamp_seconds": Metric(
        "gauge", ("work",), "When recurring work last succeeded; 0 if it has not yet."
    ),
    "freehold_gas_day": Metric(
        "gauge", ("by",), "Gas of the last 24 hours: sent by itself, or by hand, as the owner ordered."
    ),
    "freehold_gas_day_ceiling": Metric("gauge", (), "Most of that by itself; 0 where there is no limit."),
    "freehold_acts_quarantined": Metric("gauge", (), "Acts that failed on chain and wait for the owner."),
    "freehold_ready": Metric("gauge", ("check",), "1 if the check of /readyz holds."),
    "freehold_chain_head_block": Metric("gauge", (), "Number of the chain's newest block."),
    "freehold_chain_head_age_seconds": Metric("gauge", (), "Age of that block by this machine's clock."),
    "freehold_store_bytes": Metric("gauge", (), "Size of the local database files in the home."),
    "freehold_disk_free_bytes": Metric("gauge", (), "Room on the disk of the home."),
}


def catalogue() -> dict[str, Metric]:
    """Every metric of this program, those of features last."""
    added = {one.name: Metric(one.kind, one.labels, one.meaning) for one in everything().every("metrics")}
    return {**_OWN, **added}


class Metrics(Collector):
    """The metrics of one node; a registry of its own, so that nothing else in the process shows up."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._facts: tuple[float, dict[str, Any]] = (0.0, {})
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def text(self) -> bytes:
        """One scrape."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Any]:
        """What this process has counted, and what stands in the database and on the chain."""
        yield from self._counted()
        yield from self._found()
        for added in everything().every("metrics"):
            yield _family(added.name, added.read(self._host))

    def _counted(self) -> Iterator[Any]:
        tally = self._host.tally
        requests = {(method, route, str(code)): n for (method, route, code), n in tally.requests().items()}
        yield _family("freehold_http_requests_total", requests)
        latencies = _family("freehold_http_request_seconds", {})
        for route, latency in tally.latencies().items():
            sums = zip([*map(str, BUCKETS_SECONDS), "+Inf"], accumulate(latency.counts), strict=True)
            latencies.add_metric((route,), list(sums), latency.seconds)
        yield latencies
        refused = {
            (name,): tally.refusals().get(name, 0) for name in ("address", "peer", "busy", "connections")
        }
        yield _family("freehold_http_refused_total", refused)
        work = {(piece["name"],): piece for piece in self._host.work.overview()}
        yield _family("freehold_work_failures", {one: piece["attempts"] for one, piece in work.items()})
        succeeded = {one: piece["last_success_at"] or 0 for one, piece in work.items()}
        yield _family("freehold_work_last_success_timestamp_seconds", succeeded)

    def _found(self) -> Iterator[Any]:
        facts, look, spent = self._current(), self._host.readiness.look(), purse.day(self._host.node)
        home = self._host.node.home
        disk = os.statvfs(home)
        yield _family("freehold_receipts_total", facts["receipts"])
        yield _family("freehold_ready", {(check,): not reason for check, reason in look.reasons.items()})
        yield _family("freehold_gas_day", {("itself",): spent.used, ("hand",): spent.by_hand})
        for name, value in {
            "log_entries": facts["log_entries"],
            "receipts_unsigned": facts["receipts_unsigned"],
            "uses_total": facts["uses_total"],
            "money_in_units_total": facts["money_in_units_total"],
            "log_anchored_entries": look.anchored,
            "chain_head_block": look.head,
            "chain_head_age_seconds": max(0.0, time.time() - look.head_at) if look.head_at else 0,
            "gas_day_ceiling": spent.ceiling or 0,
            "acts_quarantined": len(subjects.quarantined(self._host.node)),
            "store_bytes": sum(path.stat().st_size for path in home.glob("node.sqlite*")),
            "disk_free_bytes": disk.f_bavail * disk.f_frsize,
        }.items():
            yield _family(f"freehold_{name}", {(): value})

    def _current(self) -> dict[str, Any]:
        counted_at, facts = self._facts
        if not facts or time.monotonic() - counted_at > FACTS_SECONDS:
            facts = _facts(self._host.node)
            self._facts = (time.monotonic(), facts)
        return facts


def _family(name: str, values: Mapping[Any, float]) -> Any:
    """A metric with its values by their labels."""
    metric = catalogue()[name]
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    family: Any = kinds[metric.kind](name, metric.meaning, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _facts(node: Node) -> dict[str, Any]:
    with node.store.log() as log:
        size = log.size()
    rows = node.store.rows
    ((uses, spent),) = rows("SELECT COALESCE(SUM(uses), 0), COALESCE(SUM(spent_units), 0) FROM uses")
    receipts = rows("SELECT kind, COUNT(*) FROM documents WHERE type = 'receipt' GROUP BY kind")
    ((unsigned,),) = rows("SELECT COUNT(*) FROM documents WHERE NOT complete AND type = 'receipt'")
    return {
        "log_entries": size,
        "uses_total": int(uses),
        "money_in_units_total": int(spent),
        "receipts": {(str(kind),): int(count) for kind, count in receipts},
        "receipts_unsigned": int(unsigned),
    }
