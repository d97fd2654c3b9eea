"""Every command with --json, on a small market of real processes: each prints what its schema says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import json_answers
import keyring
import pytest
from file_keyring import FileKeyring
from node_process import PASSPHRASE, Process
from node_tables import COLUMNS, LABEL, make, write

from freehold.chain.embedded import DEV_KEY
from freehold.kernel.client import NodeClient
from freehold.kernel.operation import Operation
from freehold.kernel.registry import everything
from freehold.shell.cli import answers
from freehold.shell.cli.main import main

ELSEWHERE = {"freehold quickstart", "freehold channels retry"}
"""Held against their schemas by the tests that run them anyway."""
PERFORMED: set[str] = set()
"""Operations that were answered as their shapes say."""


class Told(BaseHTTPRequestHandler):
    """Takes one notification."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


class Market:
    """An owner and a builder, and what was printed so far."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._capsys = home, capsys
        reading, self._alive = os.pipe()
        command = [sys.executable, "-m", "freehold", "chain", "run", "--json", "--port", "0"]
        self._chain = subprocess.Popen(
            [*command, "--home", str(home / "chain"), "--until-eof", str(reading)],
            stdout=subprocess.PIPE,
            pass_fds=[reading],
            text=True,
        )
        os.close(reading)
        assert self._chain.stdout
        self.chain = json_answers.documented(["chain", "run"], self._chain.stdout.readline())
        self.owner = Process(home / "owner", self.chain["url"])
        self.builder = Process(home / "builder", self.chain["url"])
        for one in (self.owner, self.builder):
            one.home.mkdir(mode=0o700)
            one.launch()
        for one in (self.owner, self.builder):
            one.wait()
        test = write(home / "test.csv", make(40, seed=7))
        self.order = ("--test", test, "--name", "risk", "--rounds", "3", "--price", "0.01")
        self.secret = home / "passphrase"
        self.secret.write_text(PASSPHRASE)
        self.secret.chmod(0o600)

    def close(self) -> None:
        for one in (self.owner, self.builder):
            one.kill()
        os.close(self._alive)
        self._chain.wait(20)
        assert self._chain.stdout
        self._chain.stdout.close()

    def prints(self, by: Process, *words: object) -> str:
        """What it prints for people."""
        assert main([*map(str, words), "--home", str(by.home)]) == 0
        return self._capsys.readouterr().out

    def says(self, by: Process | None, *words: object, code: int = 0) -> dict[str, Any]:
        """What a command prints, held against its schema."""
        given = [*map(str, words), "--json", *(["--home", str(by.home)] if by else [])]
        done = main(given)
        out, err = self._capsys.readouterr()
        assert done == code, out + err
        return json_answers.documented(given, out)


@pytest.fixture
def market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Market]:
    opened: list[NodeClient] = []
    start = NodeClient.__init__

    def remembered(client: NodeClient, *given: Any, **named: Any) -> None:
        start(client, *given, **named)
        opened.append(client)

    monkeypatch.setattr(NodeClient, "__init__", remembered)
    perform = NodeClient.perform

    def held(client: NodeClient, operation: Operation[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = perform(client, operation, asked)
        json_answers.shaped(operation, answer)
        PERFORMED.add(operation.name)
        return answer

    monkeypatch.setattr(NodeClient, "perform", held)
    made = Market(tmp_path, capsys)
    yield made
    for client in opened:
        client._client.close()  # what the end of a process closes otherwise
    made.close()


def test_every_command_prints_what_its_schema_says(
    market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer(market)
    wait_for_an_owner(market)
    ask_and_decide(market)
    plan(market)
    model = train(market)
    hold_back(market)
    be_neutral(market, model)
    sell(market, model)
    prove(market, model)
    manage(market)
    keep_company(market)
    operate(market)
    keep_keys(market, monkeypatch, tmp_path)
    assert set(answers.known()) - json_answers.SEEN <= ELSEWHERE
    ask_the_rest(market.owner.home, model)
    operations = {one.operation.name for one in everything().operations}
    assert operations - PERFORMED <= {"channels.retry"}, "held against its shape where a channel has failed"


def offer(market: Market) -> None:
    owner, builder = market.owner, market.builder
    table = write(market.home / "north.csv", make(40, seed=1))
    assert market.says(owner, "publish", table, "--label", LABEL, "--inspect")["positives"] > 0
    budget = ("--epsilon", "50", "--epsilon-life", "100", "--judge", builder.account)
    priced = ("--label", LABEL, "--price", "2.50", *budget)
    market.says(owner, "publish", table, *priced, "--name", "north")
    market.says(owner, "publish", table, *priced, "--name", "south", "--approval", "ask")
    market.says(builder, "publish", table.with_name("absent.csv"), *priced, code=2)
    assert market.says(builder, "peers", "add", owner.url)["account"] == owner.account
    assert [one["name"] for one in market.says(builder, "search")["assets"]] == ["north", "south"]
    assert market.says(owner, "privacy")["lines"][0]["run_count"] == 0


def wait_for_an_owner(market: Market) -> None:
    builder = market.builder
    market.says(builder, "train", "south", *market.order, code=8)
    (waiting,) = market.says(builder, "jobs")["jobs"]
    assert waiting["waiting"]
    assert market.says(builder, "status")["jobs"][0]["state"] == "waiting"
    market.says(builder, "grants", "drop", waiting["waiting"][0]["id"])


def ask_and_decide(market: Market) -> None:
    owner, builder = market.owner, market.builder
    market.says(builder, "grants", "ask", "north", "--action", "train", code=1)
    market.says(builder, "grants", "ask", "north", code=6)
    derive = ("--action", "derive", "--max-uses")
    granted = market.says(builder, "grants", "ask", "north", *derive, "3")
    requests = {}
    for uses in (4, 5, 6, 7):
        pending = market.says(builder, "grants", "ask", "south", *derive, uses)
        requests[uses] = pending["asked"]["id"]
    assert len(market.says(owner, "grants", "requests")["requests"]) == 4
    market.says(owner, "grants", "accept", requests[4])
    market.says(owner, "grants", "counter", requests[5], "--price", "5.00", "--note", "one study")
    market.says(owner, "grants", "refuse", requests[6], "--reason", "enough now")
    market.says(builder, "grants", "ask", "south", *derive, "5")
    market.says(builder, "grants", "ask", "south", *derive, "6", code=6)
    states = {one["state"] for one in market.says(builder, "grants", "requests")["asked"]}
    assert states == {"waiting", "countered", "refused"}
    assert market.says(builder, "grants", "take", requests[5])["price_units"] == 5_000_000
    market.says(builder, "grants", "drop", requests[7])
    decided = {one["state"] for one in market.says(owner, "grants", "requests")["requests"]}
    assert decided == {"accepted", "refused"}
    assert len(market.says(builder, "grants", "list")["grants"]) == 2
    market.says(owner, "grants", "revoke", granted["id"])
    assert any(one["revoked"] for one in market.says(owner, "grants", "list")["grants"])


def plan(market: Market) -> None:
    planned = market.says(market.builder, "train", "north", *market.order, "--epsilon", "2.5", "--plan-only")
    assert (planned["rounds"], planned["epsilon_micro"]) == (3, 2_500_000)
    market.says(market.builder, "train", "north", *market.order, "--epsilon", "51", code=6)
    market.says(market.builder, "train", "north", *market.order, "--exact", code=6)


def train(market: Market) -> str:
    builder = market.builder
    ordered = ("train", "north", *market.order, "--judge", builder.account)
    job = market.says(builder, *ordered, "--no-wait")["job"]
    assert market.says(builder, "train", "--resume", job)["step"] == "done"
    (model,) = market.says(builder, "models")["models"]
    market.says(builder, "serve", model["id"])
    return str(model["id"])


def hold_back(market: Market) -> None:
    """A model that its builder wants to see first: found again, and released by its word."""
    error = market.says(market.builder, "train", "north", *market.order, "--review", code=10)["error"]
    jobs = market.says(market.builder, "jobs")["jobs"]
    # two of one second stand in any order
    (held,) = (one for one in jobs if one["id"] == error["fields"]["job"])
    assert (held["step"], held["model"]) == ("withheld", None)
    assert error["fields"]["scores"] == held["scores"]
    market.says(market.builder, "train", "--resume", held["id"], code=10)
    assert market.says(market.builder, "train", "--release", held["id"])["model"]


def be_neutral(market: Market, model: str) -> None:
    """A judge opens an owner's table, a validator keeps a test table, an owner looks at its budget."""
    assert market.says(market.builder, "audit", model)
    table = write(market.home / "kept.csv", make(40, seed=8))
    kept = market.says(
        market.owner, "tests", "hold", table, "--label", LABEL, "--builder", market.builder.account
    )
    assert [one["test"] for one in market.says(market.owner, "tests", "list")["tests"]] == [kept["test"]]
    assert market.says(market.owner, "privacy")["lines"][0]["run_count"] == 2


def sell(market: Market, model: str) -> None:
    owner, builder = market.owner, market.builder
    market.says(owner, "peers", "add", builder.url)
    rows = market.home / "rows.json"
    cells = make(2, seed=3).micro
    rows.write_text(
        json.dumps([{name: v / 10**6 for name, v in zip(COLUMNS, row, strict=True)} for row in cells])
    )
    assert len(market.says(owner, "predict", model, rows)["outputs"]) == 2
    (channel,) = market.says(owner, "channels", "list")["channels"]
    assert market.says(owner, "spending")["payments"]
    market.says(builder, "earnings")
    # nothing is left to settle where the node did so by itself first; what the pool got is looked at below
    assert market.says(builder, "settle")["units"] in (10_000, 0)
    assert market.says(owner, "claim")["units"] > 0
    assert market.says(owner, "earnings")["grants"]
    assert market.says(builder, "models", model)["pool"]["in_units"] == 10_000
    assert market.says(owner, "channels", "close", channel["channel"])["status"] == "closing"
    market.says(owner, "channels", "list")
    refused = market.says(owner, "channels", "retry", channel["channel"], code=4)["error"]
    assert "nothing waits to be settled" in refused["title"]
    market.says(builder, "channels", "retry", "0x1c9e", code=4)


def prove(market: Market, model: str) -> None:
    owner, builder = market.owner, market.builder
    listed = market.says(builder, "receipts")["receipts"]
    assert {one["action"] for one in listed} == {"train", "infer"}
    for one in listed[:1] + listed[-1:]:
        market.says(builder, "receipts", one["id"])
    market.says(builder, "lineage", model)
    assert {one["kind"] for one in market.says(owner, "lineage", "last")["nodes"]} >= {"model", "receipt"}
    market.says(builder, "lineage", model, "-o", "-", code=2)
    assert market.prints(builder, "lineage", model, "-o", "-").startswith("<svg ")
    market.says(owner, "evidence", "last", "-o", "-", code=2)
    assert not Path("-").exists()
    folder = market.home / "evidence"
    # asking anchors nothing: the seller does, daily or by hand
    market.says(builder, "log", "--anchor")
    market.says(owner, "evidence", "last", "-o", folder)
    assert (
        market.says(None, "verify", folder, "--rpc-url", market.chain["url"])["trusted_by"] == "chain client"
    )
    plan = folder / "training" / "plan.json"
    plan.write_text(plan.read_text().replace('"rounds":3', '"rounds":4'))
    assert not market.says(None, "verify", folder, code=9)["ok"]
    market.says(builder, "log", "--anchor")


def manage(market: Market) -> None:
    """Own data, peers and usual terms, changed by hand."""
    owner, builder = market.owner, market.builder
    assert market.says(owner, "assets", "list")["assets"]
    for words in (("withdraw", "north"), ("offer", "north"), ("approval", "north", "ask")):
        market.says(owner, "assets", *words)
    market.says(owner, "spending", "--per-day", "100")
    market.says(owner, "terms", "set", "--price", "1.00")
    assert market.says(owner, "terms", "show")
    assert market.says(owner, "peers", "list")["peers"]
    market.says(owner, "peers", "forget", builder.url)


def keep_company(market: Market) -> None:
    """People with a log-in of their own, and where they are told what waits."""
    owner = market.owner
    assert market.says(owner, "people", "add", "Dora", "decider")["code"]
    assert [one["name"] for one in market.says(owner, "people", "list")["people"]] == ["Dora"]
    market.says(owner, "people", "role", "Dora", "finance")
    market.says(owner, "people", "reset", "Dora")
    market.says(owner, "people", "remove", "Dora")
    with HTTPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/told"
        market.says(owner, "notifications", "set", "--webhook-url", url)
        assert "204" in market.says(owner, "notifications", "test", "webhook")["answer"]
    assert market.says(owner, "notifications", "show")


def ask_the_rest(home: Path, model: str) -> None:
    """Operations without a command."""
    node, asked = NodeClient.of(home), {"work": {}, "gas": {}, "quote": {"model": model}}
    for name, what in asked.items():
        (bound,) = (one for one in everything().operations if one.operation.name == name)
        node.perform(bound.operation, what)


def operate(market: Market) -> None:
    owner = market.owner
    work = market.says(owner, "status")["work"]
    assert work
    market.says(owner, "doctor")
    market.says(owner, "config", "show")
    for name, *value in (("log_level", "debug"), ("port", "0"), ("peers", "http://127.0.0.1:1")):
        market.says(owner, "config", "set", name, *value)
    market.says(owner, "config", "path")
    market.says(None, "chain", "contracts", "--home", market.home / "chain")
    market.says(None, "chain", "contracts", "--home", market.home / "new", "--rpc-url", market.chain["url"])
    (market.home / "deployer.key").write_text(DEV_KEY.hex())
    given = ("--rpc-url", market.chain["url"], "--key-file", market.home / "deployer.key")
    (market.home / "deployer.key").chmod(0o644)
    assert "may read" in market.says(None, "chain", "deploy", *given, code=2)["error"]["title"]
    (market.home / "deployer.key").chmod(0o600)
    again = market.says(None, "chain", "deploy", *given)
    assert {one["tx_hash"] for one in again["contracts"]} == {None}
    (market.home / "deployer.key").write_text("0x" + "00" * 32)
    assert "holds no key" in market.says(None, "chain", "deploy", *given, code=2)["error"]["title"]
    assert market.says(owner, "chain", "faucet", "--dollars", "3")["minted_units"] == 3_000_000
    market.says(None, "completion", "bash")
    secret = ("--passphrase-file", market.secret)
    file = market.home / "node.backup"
    market.says(owner, "backup", "-o", file, *secret)
    market.says(None, "restore", file, "--check", *secret)
    market.says(None, "restore", file, "--home", market.home / "restored", *secret)
    market.says(None, "chain", "forget", "--home", market.home / "restored")
    assert market.says(None, "adopt", "--home", market.home / "restored")["budgets_closed"]
    assert "once" in market.says(None, "adopt", "--home", market.home / "restored", code=5)["error"]["hint"]
    market.says(None, "status", "--home", market.home / "nobody", code=8)


def keep_keys(market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    owner, secret = market.owner, ("--passphrase-file", market.secret)
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "keyring.json"))
    monkeypatch.setattr(keyring.core, "_keyring_backend", FileKeyring())
    market.says(owner, "keys", "show")
    market.says(owner, "keys", "remember", *secret)
    market.says(owner, "keys", "forget")
    market.says(None, "keys", "suggest")
    fresh = market.home / "fresh"
    fresh.write_text("other words, more of them")
    fresh.chmod(0o600)
    market.says(owner, "keys", "passphrase", *secret, "--new-passphrase-file", fresh)
