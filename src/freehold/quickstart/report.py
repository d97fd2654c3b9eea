"""The report of a run: values, a table for the terminal, files in the run's directory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from freehold.core.money import BPS, dollars
from freehold.features.models.rules import worth
from freehold.features.privacy.rules import promises
from freehold.features.proof import lineage_svg
from freehold.quickstart import result_page
from freehold.quickstart.world import BUYER, NOTES, OWNERS


def values(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The report's JSON from what the nodes answered. Accuracies are numbers from 0 to 1."""
    model, compared = facts["model"], facts["compared"]
    scores = model["metrics"]
    infer = [item for item in facts["buyer_receipts"]["receipts"] if item["action"] == "infer"]
    receipts = facts["builder_receipts"]["receipts"]
    pool = model["pool"]
    return {
        "processes": facts["processes"],
        "model": {
            "id": model["id"],
            "name": model["name"],
            "accuracy": scores["correct"] / scores["rows"],
            "accuracy_bps": scores["accuracy_bps"],
            "majority_accuracy": scores["majority_correct"] / scores["rows"],
            "pooled_accuracy": compared["pooled"],
            "best_single_accuracy": compared["best_single"],
            "auc_ppm": scores["auc_ppm"],
            "rounds": model["recipe"]["rounds"],
            "test_rows": scores["rows"],
        },
        "privacy": {**model["privacy"], "said": promises.of_use(model["privacy"])},
        "owners": _owners(facts),
        "notes": list(NOTES),
        "buyer": {
            "name": facts["status"][BUYER]["name"],
            "calls": len(facts["answers"]),
            "paid_units": sum(item["units"] for item in infer),
        },
        "revenue": {name: pool[name] for name in ("in_units", "paid_out_units", "held_units")},
        "receipts": {
            "count": facts["builder_receipts"]["total"],
            "anchored": sum(1 for item in receipts if item["anchored"]),
        },
        "latest_receipts": receipts[-8:],
        "gas": dict(sorted(facts["gas"].items())),
        "verify": facts["verify"],
        "tamper": facts["tamper"],
    }


def _owners(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    shares = {item["account"]: item for item in facts["model"]["contribution"]}
    found = []
    for owner in OWNERS:
        account = facts["status"][owner.name]["account"]
        share = shares[account]
        sold_units = int(facts["earnings"][owner.name]["sold_units"])
        # as the contract divides: what came in, by shares, rounded down
        revenue_units = int(facts["model"]["pool"]["in_units"]) * int(share["share_bps"]) // BPS
        found.append(
            {
                "name": owner.title,
                "account": account,
                "rows": share["rows"],
                "share_bps": share["share_bps"],
                "error_ppm": share["error_ppm"],
                "agreed": share["agreed"],
                "grant_units": sold_units,
                "revenue_units": revenue_units,
                "earned_units": sold_units + revenue_units,
                "claimed": owner.name in facts["claims"],
            }
        )
    return found


def lineage(facts: Mapping[str, Any]) -> str:
    """The picture of the model's lineage, as SVG."""
    model = facts["model"]
    drawn = lineage_svg.with_rounds(
        facts["lineage"], model["id"], model["recipe"]["rounds"], len(facts["answers"])
    )
    return lineage_svg.draw(drawn)


def write(report: Mapping[str, Any], picture: str, directory: Path) -> None:
    """`report.json`, `lineage.svg` and `report.html` in the run's directory."""
    (directory / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    (directory / "lineage.svg").write_text(picture)
    (directory / "report.html").write_text(result_page.render(report, picture))


def tables(report: Mapping[str, Any]) -> Iterable[Any]:
    """What a person reads at the terminal."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    def table(title: str, *columns: str) -> Table:
        made = Table(
            title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for number, name in enumerate(columns):
            made.add_column(name, justify="right" if number else "left")
        return made

    model = report["model"]
    accuracy = table("\nAccuracy on rows nobody trained on", "model", "accuracy")
    for name, field in result_page.ACCURACIES:
        accuracy.add_row(name, f"{model[field]:.1%}")
    yield accuracy
    yield f"privacy   {report['privacy']['said']}"
    owners = table(
        "Who contributed and what it earned",
        "owner",
        "rows",
        "share",
        "error",
        "agreed",
        "grant",
        "revenue",
        "earned",
        "claimed",
    )
    for owner in report["owners"]:
        money = (dollars(owner[f"{name}_units"]) for name in ("grant", "revenue", "earned"))
        claimed = "yes" if owner["claimed"] else ""
        share = (f"{owner['share_bps'] / 100:.2f} %", worth.points(owner["error_ppm"]))
        agreed = "yes" if owner["agreed"] else "no"
        owners.add_row(owner["name"], str(owner["rows"]), *share, agreed, *money, claimed)
    yield owners
    yield from report["notes"]
    gas = table("Gas", "operation", "gas")
    for name, used in report["gas"].items():
        gas.add_row(name, f"{used:,}")
    yield gas
    yield from _sentences(report)


def _sentences(report: Mapping[str, Any]) -> Iterable[str]:
    buyer, revenue, receipts = report["buyer"], report["revenue"], report["receipts"]
    yield f"buyer     {buyer['calls']} calls, {dollars(buyer['paid_units'])} paid"
    yield (
        f"revenue   {dollars(revenue['in_units'])} in, {dollars(revenue['paid_out_units'])} paid out, "
        f"{dollars(revenue['held_units'])} held for the other owners"
    )
    yield f"receipts  {receipts['count']}, {receipts['anchored']} anchored on chain"
    verified, tampered = report["verify"], report["tamper"]
    yield f"evidence  {'holds' if verified['ok'] else 'DOES NOT HOLD'}: {verified['checks']} checks on {verified['files']} public files"
    yield f"tampered  {'found' if tampered['detected'] else 'NOT FOUND'}: {tampered['named']}"
    yield f"time      {report['seconds']} s, {report['processes']} processes"
