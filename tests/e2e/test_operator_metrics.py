"""What monitoring sees of a real node: metrics as documented, readiness with reasons, recurring work."""

import json
import re
import socket
from pathlib import Path

import httpx
import pytest
from node_process import Process
from node_world import World, until
from prometheus_client.parser import text_string_to_metric_families

from freehold.chain.embedded import EmbeddedNode
from freehold.kernel.metrics import catalogue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory):
    started = Process(
        tmp_path_factory.mktemp("ops") / "node", world.rpc_url, host="0.0.0.0", log_format="json"
    ).start()
    yield started
    assert started.terminate() == 0


@pytest.fixture(scope="module")
def url(node):
    return node.url.replace("0.0.0.0", "127.0.0.1")


def get(url, **headers):
    with httpx.Client(trust_env=False) as client:
        return client.get(url, headers=headers)


def families(url):
    found = get(f"{url}/metrics")
    assert found.status_code == 200, found.text
    return {family.name: family for family in text_string_to_metric_families(found.text)}


def value(url, name, **labels):
    family = families(url)[name.removesuffix("_total").removesuffix("_count")]
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_every_metric_is_documented_and_every_documented_one_is_there(url):
    get(f"{url}/healthz")
    found = families(url)
    usual = ("process_", "python_")
    own = {name for name in found if not name.startswith(usual)}
    assert own == {name.removesuffix("_total") for name in catalogue()}
    for name, metric in catalogue().items():
        family = found[name.removesuffix("_total")]
        assert family.type == metric.kind
        assert {label for s in family.samples for label in s.labels} - {"le"} <= set(metric.labels)
        assert f"| `{name}` | {metric.kind} |" in PAGE.read_text()
    assert any(name.startswith("process_") for name in found)


ODD = ("PROPFIND", "PURGE", "MKCOL", "REPORT", "SUBSCRIBE", "TRACE")
"""Methods of others, which the parser knows."""


def test_requests_are_counted_by_template_and_strangers_make_no_labels(url):
    before = value(url, "freehold_http_requests_total", route="/documents/{document_id}", status="404")
    samples = len(families(url)["freehold_http_requests"].samples)
    for number in range(30):
        assert get(f"{url}/documents/0x{number:064x}").status_code == 404
        assert get(f"{url}/nowhere/{number}").status_code == 404
        with httpx.Client(trust_env=False) as client:
            assert client.request(f"X{number}", f"{url}/catalogue").status_code == 400
            assert client.request(ODD[number % len(ODD)], f"{url}/catalogue").status_code == 405
    after = value(url, "freehold_http_requests_total", route="/documents/{document_id}", status="404")
    assert after - before == 30
    assert len(families(url)["freehold_http_requests"].samples) <= samples + 3
    assert value(url, "freehold_http_request_seconds_count", route="/documents/{document_id}") >= 30


def test_the_log_and_its_anchor_are_seen(node, url):
    size = node.api("/status")["log"]["size"]
    assert value(url, "freehold_log_entries") == size >= 1
    node.api("/anchor", {})
    until(lambda: value(url, "freehold_log_anchored_entries") == size, "the anchor shows", 20)
    assert value(url, "freehold_chain_head_block") > 0


def test_metrics_are_for_this_machine_only(url):
    port = url.rpartition(":")[2]
    private, elsewhere = (403, "metrics.private"), (421, "http.host")
    for name, given, answer in (
        ("x-forwarded-for", "203.0.113.9", private), ("forwarded", "for=203.0.113.9", private),
        ("via", "1.1 proxy", private), ("host", "node.example", elsewhere), ("host", "", (400, "http.host_malformed")),
    ):  # fmt: skip
        refused = get(f"{url}/metrics", **{name: given})
        assert (refused.status_code, refused.json()["code"]) == answer, (name, given)
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for address in {one for one in own if not one.startswith("127.")}:
        assert get(f"http://{address}:{port}/metrics").status_code == 403


def test_readiness_names_what_is_wrong_and_recovers(tmp_path):
    chain = EmbeddedNode(tmp_path / "chain")
    chain.start()
    from freehold.chain import deployments
    from freehold.chain.client import Chain
    from freehold.chain.embedded import DEV_KEY
    from freehold.chain.rpc import Rpc

    with Rpc(chain.url) as rpc:
        deployments.deploy_missing(Chain(rpc), DEV_KEY)
    node = Process(tmp_path / "node", chain.url).start()
    try:
        found = get(f"{node.url}/readyz")
        assert (found.status_code, found.json()["ready"]) == (200, True)
        assert set(found.json()["checks"]) == {"store", "chain", "keys", "disk"}
        chain.stop()
        until(lambda: get(f"{node.url}/readyz").status_code == 503, "the chain is missed", 30)
        said = get(f"{node.url}/readyz")
        assert said.json()["checks"]["chain"] == {"ok": False, "reason": "chain.unreachable"}
        assert said.json()["checks"]["store"]["ok"]
        assert chain.url.rpartition("/")[2] not in said.text
        assert get(f"{node.url}/healthz").status_code == 200, "alive all the same"
    finally:
        node.terminate()


def test_recurring_work_is_listed_with_its_state(node):
    work = {piece["name"]: piece for piece in node.api("/work")["work"]}
    named = {
        "receipts",
        "shares",
        "vouchers",
        "jobs",
        "answers",
        "anchor",
        "log",
        "requests",
        "e-mail",
        "webhook",
    }
    assert set(work) == named
    place = list(work).index("jobs")
    until(lambda: node.api("/work")["work"][place]["runs"] > 0, "jobs are looked after", 10)
    for piece in node.api("/status")["work"]:
        assert piece["state"] in ("waiting", "running")
        assert piece["next_try_at"] > 0
        assert (piece["attempts"], piece["last_error"]) == (0, None)


def test_the_log_is_one_json_object_a_line_without_query_or_secret(node, url):
    token = (node.home / "api-token").read_text().strip()
    hostile = "%0a%7b%22level%22%3a%22forged%22%7d%1b[31m"
    get(f"{url}/{hostile.replace('forged', 'strange')}?secret=in-the-query", authorization="Bearer stolen")
    get(f"{url}/{hostile}?secret=in-the-query", authorization=f"Bearer {token}")
    node.api("/status")
    until(lambda: "forged" in node.log(), "the request is logged")
    lines = [json.loads(line) for line in node.log().splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert not [line for line in lines if line["level"] == "forged"]
    (request,) = [line for line in lines if "forged" in line.get("path", "")]
    assert (request["method"], request["status"], request["address"]) == ("GET", 404, "127.0.0.1")
    assert re.fullmatch("[0-9a-f]{16}", request["request"])
    assert "strange" not in node.log(), "of a stranger's path nothing is told"
    for secret in ("in-the-query", "stolen", token, "\x1b"):
        assert secret not in node.log()
