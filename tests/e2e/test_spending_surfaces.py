"""How much may be spent: asked in a terminal, refused without one, said by option, library and console alike."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
from inference_world import PRICE, Shop
from node_world import Party, World

import freehold
from freehold.features.data import offering
from freehold.kernel import ceiling, logbook, settings
from freehold.kernel.client import NodeRefused

FREEHOLD = [sys.executable, "-m", "freehold"]


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture
def buyer(shop: Shop) -> Party:
    made = shop.buyer()
    ceiling.limit(made.node, spend_per_day_micro=0)
    made.found()
    (made.home / "rows.json").write_text(json.dumps(shop.rows(2)))
    return made


def typed(buyer: Party, *words: object, says: dict[str, str]) -> tuple[int, str]:
    """Exit code and screen of a command in a terminal, where somebody answers each question once."""
    ours, theirs = pty.openpty()
    command = [*FREEHOLD, *map(str, words), "--home", str(buyer.home)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        seen, left, deadline = "", dict(says), time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    seen += os.read(ours, 65536).decode(errors="replace")
                except OSError:
                    break
            for question in [one for one in left if re.search(one, seen)]:
                os.write(ours, (left.pop(question) + "\n").encode())
        code = running.wait(10)
    os.close(ours)
    return code, seen


def run(buyer: Party, *words: object) -> subprocess.CompletedProcess[str]:
    command = [*FREEHOLD, *map(str, words), "--home", str(buyer.home)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_a_terminal_it_is_refused_with_what_it_takes_and_how_to_allow_it(
    shop: Shop, buyer: Party
) -> None:
    done = run(buyer, "predict", shop.model.id, buyer.home / "rows.json")
    assert done.returncode == 6, done.stderr
    assert "costs $0.001; $0.01 are set aside first" in done.stderr
    assert "freehold spending --per-day 5 --home" in done.stderr
    assert ceiling.overview(buyer.node)["payments"] == []
    less = run(buyer, "predict", shop.model.id, buyer.home / "rows.json", "--max", "0.0009")
    assert (less.returncode, ceiling.overview(buyer.node)["payments"]) == (6, [])
    assert run(buyer, "predict", shop.model.id, buyer.home / "rows.json", "--max", "0.001").returncode == 0
    assert ceiling.overview(buyer.node)["spent_units"] == PRICE


def test_each_answer_is_printed_beside_its_row_by_the_names_of_its_columns(shop: Shop, buyer: Party) -> None:
    columns = [*shop.model.schema_["columns"]]
    cells = [f"{5000 + place}.25" for place in range(len(columns))]
    file = buyer.home / "named.csv"
    # in another order, with what the model does not take
    file.write_text(f"{','.join(['outcome', *reversed(columns)])}\n{','.join(['1', *reversed(cells)])}\n")
    done = run(buyer, "predict", shop.model.id, file, "--max", "0.01")
    assert done.returncode == 0, done.stderr
    assert "left out, since the model does not take them: outcome" in done.stderr
    head, _, row = [line.split() for line in done.stdout.splitlines() if line.strip()][:3]
    shown = dict(zip(head, row, strict=False))
    assert [shown[name] for name in columns[:6]] == cells[:6]
    said = json.loads(run(buyer, "predict", shop.model.id, file, "--json", "--max", "0.01").stdout)
    assert (said["columns"], said["rows"], said["left_out"]) == (columns, [cells], ["outcome"])
    file.write_text(f"{','.join(cells)}\n{','.join(cells)}\n")
    wrong = run(buyer, "predict", shop.model.id, file, "--header", "--max", "0.01")
    assert (wrong.returncode, "lacks" in wrong.stderr) == (2, True)


def test_a_setting_counts_at_once_in_a_running_node(shop: Shop, buyer: Party) -> None:
    done = run(buyer, "config", "set", "spend_per_day_micro", str(3 * PRICE))
    assert "counts it from now on" in done.stderr
    assert buyer.node.settings.spend_per_day_micro == 3 * PRICE
    assert run(buyer, "predict", shop.model.id, buyer.home / "rows.json").returncode == 0
    shown = run(buyer, "spending").stdout
    assert "deposit" in shown
    assert "$0.003 in the last 24 hours" in shown
    assert "set aside and unspent" in run(buyer, "channels", "list").stdout


@pytest.mark.parametrize("remembered", [True, False], ids=["for good", "this once"])
def test_in_a_terminal_it_asks_and_remembers_when_told(shop: Shop, buyer: Party, remembered: bool) -> None:
    answers = {r"Pay it\?": "y", "from now on": "2" if remembered else ""}
    code, seen = typed(buyer, "predict", shop.model.id, buyer.home / "rows.json", says=answers)
    assert code == 0, seen
    assert "this takes $0.01, the last 24 hours $0.00" in seen
    kept = settings.load(buyer.home).spend_per_day_micro
    assert kept == buyer.node.settings.spend_per_day_micro == (2_000_000 if remembered else 0)
    assert ceiling.overview(buyer.node)["spent_units"] == 10 * PRICE


def test_who_says_no_pays_nothing(shop: Shop, buyer: Party) -> None:
    code, _ = typed(buyer, "predict", shop.model.id, buyer.home / "rows.json", says={r"Pay it\?": "n"})
    assert code == 1
    assert ceiling.overview(buyer.node)["payments"] == []


def test_the_library_says_the_same(shop: Shop, buyer: Party) -> None:
    with freehold.connect(buyer.home) as node:
        quote = node.quote(shop.model.id, rows=2)
        assert (quote.price_units, quote.deposit_units, quote.per) == (PRICE, 10 * PRICE, "call")
        with pytest.raises(NodeRefused) as refused:
            node.predict(shop.model.id, shop.rows())
        assert refused.value.code == "spending.unset"
        assert node.predict(shop.model.id, shop.rows(), at_most="0.001").paid_units == PRICE
        assert node.limit(per_act="0.002", per_day="0.004").left_units == 3 * PRICE
        assert node.predict(shop.model.id, shop.rows(1, 1), deposit_calls=1).paid_units == PRICE
        assert node.spending().spent_units == 2 * PRICE
        with pytest.raises(NodeRefused):
            node.predict(shop.model.id, shop.rows(1, 2), at_most="0.0005")


def test_a_key_makes_a_purchase_once_by_library_and_command(shop: Shop, buyer: Party) -> None:
    rows = buyer.home / "rows.json"
    with freehold.connect(buyer.home) as node:
        # whatever became of the first answer, its asker asks again
        first = node.predict(shop.model.id, shop.rows(2), at_most="0.001", key="order-7")
        assert node.predict(shop.model.id, shop.rows(2), key="order-7") == first
        with pytest.raises(NodeRefused) as refused:
            node.predict(shop.model.id, shop.rows(1), at_most="0.001", key="order-7")
        assert (refused.value.code, refused.value.exit_code) == ("inference.key_reused", 5)
        with pytest.raises(NodeRefused):
            node.predict(shop.model.id, shop.rows(2), at_most="0.001", key="two words")
    done = run(buyer, "predict", shop.model.id, rows, "--key", "order-7", "--json")
    assert json.loads(done.stdout)["receipt"]["document"] == first.signed.document.body, done.stderr
    other = run(buyer, "predict", shop.model.id, rows, "--key", "order-8", "--max", "0.001", "--json")
    assert json.loads(other.stdout)["receipt"]["document"] != first.signed.document.body
    assert "costs $0.001" in other.stderr
    assert ceiling.overview(buyer.node)["spent_units"] == 2 * PRICE


def test_evidence_right_after_a_call_says_when_there_will_be_some(shop: Shop, buyer: Party) -> None:
    with freehold.connect(buyer.home) as node:
        node.predict(shop.model.id, shop.rows(1, 7), at_most="0.001")
        with pytest.raises(NodeRefused) as refused:
            node.evidence("last", buyer.home / "none")
        assert refused.value.code == "log.not_anchored"
        assert refused.value.fields["anchor_due_at"] > time.time()
        early = run(buyer, "evidence", "last", "-o", buyer.home / "early")
        assert early.returncode == refused.value.exit_code == 5
        assert re.search(r"due to anchor it at \d+ \w+ \d{4}, \d\d:\d\d UTC", early.stderr), early.stderr
        assert "ask builder to do it now" in early.stderr
        logbook.anchor(shop.builder.node)
        assert run(buyer, "evidence", "last", "-o", buyer.home / "evidence").returncode == 0
    assert not (buyer.home / "early").exists()


def test_two_models_of_one_name_are_told_apart_by_id_everywhere(shop: Shop, buyer: Party) -> None:
    builder = shop.builder
    twin = shop.model.model_copy(update={"description": "another"})
    with builder.node.store.transaction() as tx:
        tx.put(builder.node.seal(twin), public=True)
    builder.found()
    buyer.knows(builder)
    rows, ids = buyer.home / "rows.json", sorted(one[:10] for one in (shop.model.id, twin.id))
    asked = (
        (buyer, "predict", shop.model.name, rows, "--max", "0.001"),
        (buyer, "models", shop.model.name),
        (builder, "serve", shop.model.name),
    )
    for party, *words in asked:
        done = run(party, *words)
        assert done.returncode == 2, (words, done.stderr)
        assert [one for one in ids if one in done.stderr] == ids, (words, done.stderr)
        by_id = [shop.model.id[:12] if one == shop.model.name else one for one in words]
        assert run(party, *by_id).returncode == 0, (by_id, run(party, *by_id).stderr)
    listed = run(buyer, "search", "--kind", "model", "--json").stdout
    assert shop.model.id in listed
    assert twin.id in listed
    with builder.node.store.transaction() as tx:
        offering.withdraw(tx, twin.id)


def test_limits_are_given_in_dollars(buyer: Party) -> None:
    done = run(buyer, "spending", "--per-day", "20", "--per-act", "1.50")
    assert done.stdout.splitlines() == ["$1.50 for one act", "$20.00 in 24 hours"]
    assert buyer.node.settings.spend_per_day_micro == 20_000_000
    assert settings.load(buyer.home).spend_per_act_micro == 1_500_000
    small = run(buyer, "config", "set", "spend_per_day_micro", "20")
    assert small.stdout == "spend_per_day_micro = 20  # $0.00002\n"
