"""The main job, step by step, through nothing but the nodes' HTTP."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.canonical import canonical_bytes
from freehold.core.errors import FreeholdError, Unavailable
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify
from freehold.quickstart.world import (
    CALL_PRICE_UNITS,
    EPSILON_LIFE_MICRO,
    EPSILON_RUN_MICRO,
    MODEL,
    OWNERS,
    PURPOSE,
    Patient,
    patiently,
)

POLL_SECONDS = 0.08
STALL_SECONDS = 120.0
MOST_RESUMED = 6
"""How often a job that stopped, because the chain was away for example, is told to go on."""


class TrainingStopped(FreeholdError, code="quickstart.training"):
    """The training job stands still."""


class CallRefused(FreeholdError, code="quickstart.call"):
    """The node refused a call for a prediction."""


def publish(owners: Mapping[str, Patient], files: Mapping[str, Path], label: str) -> dict[str, str]:
    """Each owner offers its part on its own terms; asset ids by owner."""

    def one(name: str) -> tuple[str, str]:
        owner = next(item for item in OWNERS if item.name == name)
        offer = {
            "path": str(files[name]),
            "label": label,
            "name": f"{name}-biopsies",
            "description": "30 measurements of cell nuclei in breast biopsies; label 1 is malignant",
            "price_units": owner.price_units,
            "purposes": list(owner.purposes),
            "days": owner.days,
            "epsilon_run_micro": EPSILON_RUN_MICRO,
            "epsilon_life_micro": EPSILON_LIFE_MICRO,
        }
        return name, str(owners[name].post("/api/publish", offer)["asset"]["id"])

    with ThreadPoolExecutor(max_workers=len(owners)) as pool:
        return dict(pool.map(one, owners))


def meet(node: Patient, others: Sequence[Patient]) -> None:
    """Add others as peers."""
    for other in others:
        node.post("/api/peers", {"url": other.url})


def find(node: Patient, kind: str, count: int) -> list[str]:
    """Ids of the offers of a kind that this node finds at its peers.

    Raises `Unavailable`: fewer than `count`.
    """
    offers = [item["id"] for item in node.get("/api/search", q="", kind=kind)["assets"] if not item["mine"]]
    if len(offers) < count:
        raise Unavailable(
            f"found {len(offers)} offers of kind {kind}, not {count}", hint="See the nodes' logs."
        )
    return offers


def train(builder: Patient, assets: Sequence[str], test: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Buy the grants, train with all the epsilon that the owners allow, and release; the finished job.

    Raises `TrainingStopped`: the job stands still, or nothing moved for two minutes.
    """
    order = {
        "assets": list(assets),
        "test": str(test),
        "name": MODEL,
        "price_units": CALL_PRICE_UNITS,
        "purpose": PURPOSE,
    }
    job = builder.post("/api/train", order)["job"]
    said, moved_at, resumed = "", time.monotonic(), 0
    while True:
        state = builder.get(f"/api/jobs/{job}")
        step = str(state["step"])
        if step == "done":
            return state
        if not state["running"]:
            error = state.get("error") or {}
            # an error without a code is a fault of the node, which no waiting mends
            if resumed < MOST_RESUMED and error.get("code"):
                resumed += 1
                time.sleep(resumed)
                builder.post(f"/api/jobs/{job}/resume")
                continue
            raise TrainingStopped(
                f"training stopped at '{step}': {error.get('title', 'no reason given')}",
                hint=str(error.get("hint", "")),
            )
        line = f"round {state['round']} of {state['rounds']}" if step == "rounds" else step
        if line != said:
            tell(line)
            said, moved_at = line, time.monotonic()
        if time.monotonic() - moved_at > STALL_SECONDS:
            raise TrainingStopped(
                f"nothing moved at '{step}' for {STALL_SECONDS:.0f} s", hint="See the nodes' logs."
            )
        time.sleep(POLL_SECONDS)


def question_rows(test: Path, label: str, count: int) -> list[list[str]]:
    """The first `count` rows of a table without its label, as the text they are written in."""
    with test.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        rows = [[cell for name, cell in line.items() if name != label] for line in lines]
    return [rows[number % len(rows)] for number in range(count)]


def buy(
    buyer: Patient, model: str, rows: Sequence[Sequence[str]], tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One paid call for each row, by a plain HTTP client: a POST of JSON with a bearer token.

    Raises `CallRefused`; `Unavailable`: no answer for a while.
    """
    answers = []
    token = {"authorization": f"Bearer {buyer.token}"}
    # a proxy meant for the outside world must not see calls to this machine
    with httpx.Client(base_url=buyer.url, headers=token, timeout=60, trust_env=False) as client:
        for number, row in enumerate(rows, start=1):
            answers.append(patiently(partial(_call, client, {"model": model, "rows": [row]}, number)))
            if number % 5 == 0:
                tell(f"{number} of {len(rows)}")
    return answers


def _call(client: httpx.Client, order: dict[str, Any], number: int) -> dict[str, Any]:
    try:
        response = client.post("/api/predict", json=order)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
    except httpx.HTTPStatusError as error:
        kind = Unavailable if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE else CallRefused
        said = f"call {number} failed: {error} {response.text[:2_000]}"
        raise kind(said, hint="See the nodes' logs.") from error
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"call {number} failed: {error}", hint="See the nodes' logs.") from error
    return answer


def claim(
    owners: Mapping[str, Patient], model: Mapping[str, Any], tell: Callable[[str], None], count: int = 2
) -> dict[str, Any]:
    """The `count` owners with the largest shares move their revenue into their wallets; answers by name.

    An owner whose node was away when the model was released has not heard of its share yet; the next
    one claims instead.
    """
    shares = {item["account"]: int(item["share_bps"]) for item in model["contribution"]}
    accounts = {name: str(node.get("/api/status")["account"]) for name, node in owners.items()}
    claims: dict[str, Any] = {}
    for name in sorted(owners, key=lambda name: -shares.get(accounts[name], 0)):
        if len(claims) == count:
            break
        try:
            claims[name] = owners[name].post("/api/claim", {"model": model["id"]})
        except FreeholdError as error:
            tell(f"{name} could not claim: {error.message}")
    return claims


def prove(buyer: Patient, rpc_url: str, directory: Path) -> dict[str, Any]:
    """Evidence of one answer: written, checked from its files alone, then checked with one field changed.

    `{verify: {ok, checks, files, ...}, tamper: {detected, named}}`. The chain is asked for one thing, the hash of
    the block that everything else hangs on.
    """
    receipts = buyer.get("/api/receipts", limit="10000")["receipts"]
    receipt = next(str(item["id"]) for item in receipts if item["action"] == "infer" and item["complete"])
    answer = buyer.post("/api/evidence", {"receipt": receipt})
    files = answer["files"]
    bundle = _written(
        Bundle.from_json(files if "files" in files else {"files": files}), directory / "evidence"
    )
    with Rpc(rpc_url) as rpc:
        report = verify(bundle, chain=Chain(rpc))
    changed = _written(_with_cheaper_receipt(bundle, receipt), directory / "evidence-tampered")
    broken = [check for check in verify(changed).checks if not check.ok]
    return {
        "verify": {
            "ok": report.ok,
            "checks": len(report.checks),
            "files": len(bundle.files),
            "bytes": sum(map(len, bundle.files.values())),
            "block_hash": report.block_hash,
            "outcomes": [
                {"name": check.name, "ok": check.ok, "detail": check.detail} for check in report.checks
            ],
        },
        "tamper": {
            "detected": bool(broken),
            "named": f"{broken[0].name}: {broken[0].file} {broken[0].detail}" if broken else "",
        },
    }


def _with_cheaper_receipt(bundle: Bundle, receipt_id: str) -> Bundle:
    """The same files, but the receipt says that one unit less was paid; still canonical JSON."""
    path = f"documents/{receipt_id}.json"
    envelope = json.loads(bundle.files[path])
    for line in envelope["document"]["money"]:
        line["delta_units"] += 1 if line["delta_units"] < 0 else -1
    return Bundle({**bundle.files, path: canonical_bytes(envelope)})


def _written(bundle: Bundle, directory: Path) -> Bundle:
    """Write files and read them back, so that what is checked is what lies on disk."""
    bundle.write(directory)
    return Bundle.read(directory)
