"""The owner's whole job in a browser: publish a table, decide a request, see the use, take access back."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
from console_node import Console
from node_process import PASSPHRASE
from node_world import Party, World

from freehold.core.errors import NotFound
from freehold.features.grants import asking, granting
from freehold.features.grants.asking import GrantWaiting
from freehold.features.grants.consent import GrantRefused
from freehold.features.identity import peers


@pytest.fixture(scope="module")
def builder(world: World, console: Console) -> Party:
    made = world.party("Builder <b>& Sons</b>")
    peers.add(made.services, console.origin)
    return made


def patients(path: Path, rows: int = 60) -> Path:
    draw = random.Random(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "age", "glucose", "diabetic"])
        for i in range(rows):
            ill = draw.random() < 0.4
            writer.writerow(
                [
                    f"Jane Doe {i}",
                    draw.randrange(20, 90),
                    80 + 60 * ill + draw.randrange(30),
                    "yes" if ill else "no",
                ]
            )
    return path


def choose_file(page: Any, console: Console, path: Path) -> None:
    page.goto(console.url + "publish")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    page.get_by_role("button", name="Continue", exact=True).click()


def publish(
    page: Any, console: Console, path: Path, *, price: str = "2.50", approval: str = "Ask me first"
) -> str:
    """Returns the address of the dataset's page."""
    choose_file(page, console, path)
    page.get_by_label("Price of access").fill(price)
    page.get_by_role("radio", name=approval).check()
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    return str(page.url)


def ask(builder: Party, asset_id: str, uses: int) -> Any:
    peers.refresh(builder.services)
    asset = builder.node.asset(asset_id)
    return granting.obtain(builder.node, builder.services.peers, asset, "derive", max_uses=uses)


def test_a_table_is_looked_at_before_it_is_published(console: Console, page, tmp_path):
    path = patients(tmp_path / "patients_2024.csv")
    choose_file(page, console, path)
    page.get_by_text("Ready.").wait_for()
    assert page.get_by_label("What should a model predict?").input_value() == "diabetic"
    assert page.get_by_label("Which value is the one to find?").input_value() == "yes"
    page.get_by_text("Columns and first rows").click()
    assert "patient" in page.get_by_label("Left out", exact=True).inner_text(), "names are not learned from"
    assert page.locator(".preview").get_by_text("Jane Doe 3").is_visible()
    # between two requests nothing of the table lies open
    assert list((console.home / "uploads").iterdir()) == []
    kept = list((console.home / "drafts").iterdir())
    assert sorted(one.suffix for one in kept) == [".draft", ".table"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in kept)
    assert not any(b"Jane" in one.read_bytes() or b"glucose" in one.read_bytes() for one in kept)
    # a choice is checked at once: keeping the names makes it impossible, and says so in words
    page.get_by_label("Left out", exact=True).select_option("patient")
    page.get_by_role("button", name="Take what is chosen in again").click()
    page.get_by_role("alert").wait_for()
    said = page.get_by_role("alert").inner_text()
    assert (
        "patients_2024.csv, 60 cells cannot be used: data row 1, column 'patient' (A2): the cell is n" in said
    )
    assert "and 52 more" in said
    assert "leave the column out" in said
    assert "Jane Doe 0" not in said
    page.get_by_role("button", name="Continue", exact=True).click()
    assert page.get_by_role("alert").is_visible(), "it goes on only where nothing is wrong"
    page.get_by_role("button", name="Throw away").click()
    page.get_by_text("the uploaded file is deleted").wait_for()
    assert list((console.home / "uploads").iterdir()) == list((console.home / "drafts").iterdir()) == []
    assert console.api("/assets")["assets"] == []


def test_publish_decide_and_take_back(console: Console, page, builder: Party, tmp_path):
    address = publish(page, console, patients(tmp_path / "patients.csv"))
    (asset,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Patients"]
    assert (asset["rows"], asset["columns"], asset["price_units"]) == (60, ["age", "glucose"], 2_500_000)
    assert list((console.home / "uploads").iterdir()) == []

    page.goto(console.url + "requests")
    with pytest.raises(GrantWaiting):
        ask(builder, asset["id"], 7)
    # the page that is open shows it without being touched, and the bell counts it
    row = page.locator("li", has_text="Builder <b>& Sons</b> asks to use Patients for training a model")
    row.wait_for()
    assert "$2.50" in row.inner_text()
    page.locator(".bell .badge").wait_for()
    page.get_by_role("link", name="Decide").click()
    assert "up to 7 times" in page.locator(".sentence").inner_text()
    assert "$2.50" in page.locator(".sentence").inner_text()
    page.get_by_text("Offer other terms").click()
    page.get_by_label("Price of access").fill("1")
    page.get_by_role("button", name="Send the offer").click()
    assert "cannot be cheaper" in page.get_by_role("alert").inner_text()
    # a fold that is opened before the page has come is closed in it
    page.wait_for_load_state()
    page.get_by_text("Offer other terms").click()
    page.get_by_label("Price of access").fill("3")
    page.get_by_role("button", name="Send the offer").click()
    page.get_by_text("Your offer is on its way").wait_for()
    with pytest.raises(granting.asking.GrantCountered):
        ask(builder, asset["id"], 7)
    (offer,) = [row["offer"] for row in asking.overview(builder.node)]
    assert offer["price_units"] == 3_000_000
    granting.take(builder.services, asking.overview(builder.node)[0]["id"])

    page.goto(f"{address}/access")
    row = page.locator("table.list tbody tr")
    assert "active" in row.inner_text()
    page.get_by_role("checkbox", name="Choose").first.check()
    page.get_by_role("button", name="Take access back…").click()
    assert "stays learned" in page.locator("main").inner_text()
    assert "$3.00 that was paid is not sent back" in page.locator("main").inner_text()
    page.get_by_role("button", name="Take access back").click()
    page.get_by_text("can no longer use it").wait_for()
    (grant,) = console.api("/grants")["grants"]
    assert grant["revoked"]
    page.goto(console.url)
    page.get_by_text("$3.00").first.wait_for()


def test_refusing_says_why(console: Console, page, builder: Party, tmp_path):
    publish(page, console, patients(tmp_path / "secret.csv"), price="0")
    (asset,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Secret"]
    with pytest.raises(GrantWaiting):
        ask(builder, asset["id"], 3)
    page.goto(console.url + "requests")
    page.locator("li", has_text="Secret").get_by_role("link", name="Decide").click()
    page.locator("summary", has_text="Refuse").click()
    page.get_by_label("Why").fill("Not before the ethics board has met.")
    page.get_by_role("button", name="Refuse").click()
    page.get_by_text("may ask again in a day").wait_for()
    with pytest.raises(GrantRefused, match="ethics board"):
        ask(builder, asset["id"], 3)


def test_a_new_version_takes_the_place_of_the_old(console: Console, page, builder: Party, tmp_path):
    address = publish(page, console, patients(tmp_path / "yearly.csv"), approval="Automatic")
    (old,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Yearly"]
    peers.refresh(builder.services)
    page.goto(address)
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(
        patients(tmp_path / "more.csv", 90)
    )
    page.get_by_role("button", name="Continue", exact=True).click()
    assert page.get_by_label("Name").input_value() == "Yearly"
    assert page.get_by_label("Price of access").input_value() == "2.50"
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Version 2, published").wait_for()
    with pytest.raises(NotFound, match="on offer"):
        granting.obtain(
            builder.node, builder.services.peers, builder.node.asset(old["id"]), "derive", max_uses=2
        )
    new = next(
        one for one in console.api("/assets")["assets"] if one["name"] == "Yearly" and one["rows"] == 90
    )
    assert ask(builder, new["id"], 2).terms.max_uses == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("a;a\n1;2\n", "two columns named 'a'"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        ("a,b\n", "header but no rows"),
    ],
)
def test_files_that_are_no_tables(console: Console, page, tmp_path, content: str, said: str):
    path = tmp_path / "odd.csv"
    path.write_text(content)
    choose_file(page, console, path)
    assert said in page.get_by_role("alert").inner_text()
    assert list((console.home / "uploads").iterdir()) == []


def test_a_file_of_an_old_windows_program_shows_where_its_encoding_is_said(console: Console, page, tmp_path):
    path = tmp_path / "old.csv"
    path.write_bytes(("größe;y\n" + "".join(f"{n};{n % 2}\n" for n in range(30))).encode("cp1252"))
    choose_file(page, console, path)
    assert "not UTF-8 text" in page.get_by_role("alert").inner_text()
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    page.locator("#f-encoding-sent").select_option("latin-1")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Ready.").wait_for()
    page.get_by_role("button", name="Throw away").click()


def test_a_file_that_lies_here_already(console: Console, page, tmp_path):
    page.goto(console.url + "publish")
    for path in ("/no/such/file.csv", "/dev/zero", "relative.csv", str(tmp_path)):
        if not page.get_by_label("Its path").is_visible():
            page.get_by_text("The file is already on the machine").click()
        page.get_by_label("Its path").fill(path)
        page.get_by_role("button", name="Continue with this file").click()
        assert "no such file" in page.get_by_role("alert").inner_text()
    page.get_by_label("Its path").fill(str(patients(tmp_path / "here.csv")))
    page.get_by_role("button", name="Continue with this file").click()
    page.get_by_text("Ready.").wait_for()
    page.get_by_role("button", name="Throw away").click()
    page.get_by_text("Nothing was published").wait_for()
    assert (tmp_path / "here.csv").exists(), "a file that was only looked at stays"
    assert list((console.home / "uploads").iterdir()) == []


def test_one_row_is_refused_and_few_are_told_what_noise_does_to_them(console: Console, page, tmp_path):
    choose_file(page, console, patients(tmp_path / "one.csv", 1))
    assert "at least 2 are needed" in page.get_by_role("alert").inner_text()
    choose_file(page, console, patients(tmp_path / "few.csv", 5))
    page.get_by_text("How much training may tell").click()
    assert "5 rows alone" in page.locator("main").inner_text()


def test_a_budget_is_chosen_said_and_shown(console: Console, page, tmp_path):
    choose_file(page, console, patients(tmp_path / "careful.csv", 70))
    page.get_by_text("How much training may tell").click()
    assert page.get_by_label("Epsilon of one training run").input_value() == "1"
    assert page.get_by_label("Epsilon of all runs together").input_value() == "4"
    assert "at most 74 times in 100" in page.locator("main").inner_text()
    for run, life, said in (
        ("none", "2", "is not a number"),
        ("3", "2", "more than the 2"),
        ("0", "2", "above 0"),
    ):
        page.get_by_label("Epsilon of one training run").fill(run)
        page.get_by_label("Epsilon of all runs together").fill(life)
        page.get_by_role("button", name="Continue", exact=True).click()
        assert said in page.get_by_role("alert").inner_text()
    page.get_by_label("Epsilon of one training run").fill("0.5")
    page.get_by_role("button", name="Continue", exact=True).click()
    said = page.locator("main").inner_text()
    assert "an epsilon of 0.5, all runs together 2" in said
    assert "One run: Somebody who knows every other row" in said
    assert "at most 63 times in 100" in said
    assert "swapping a row for another counts as two" in said
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    said = page.locator("main").inner_text()
    assert "Of an epsilon of 2 in all, 0 is spent in 0 runs. A run of up to 2 still fits." in said or (
        "share" in said
    )
    assert page.get_by_role("img", name="Privacy budget spent").is_visible()
    page.goto(console.url + "data")
    assert page.get_by_role("img", name="Privacy budget spent").first.is_visible()


HOLDER = "0x" + "ab" * 20


def test_exact_updates_need_a_name_and_a_confirmation(console: Console, page, tmp_path):
    path = tmp_path / "partner.csv"
    path.write_text("a,b,y\n" + "".join(f"{i}.5,{i * 7 % 11}.25,{i % 2}\n" for i in range(700, 730)))
    choose_file(page, console, path)
    for holder, known, said in (
        (HOLDER, False, "not confirmed"),
        ("", True, "nobody is named"),
        ("bob", True, "holders"),
    ):
        if not page.get_by_role("radio", name="Exact updates").is_visible():
            page.get_by_text("How much training may tell").click()
            page.locator("summary", has_text="What updates show").click()
        page.get_by_role("radio", name="Exact updates").check()
        page.get_by_label("Account that gets exact updates").fill(holder)
        page.get_by_label("I know that rows can be rebuilt").set_checked(known)
        page.get_by_role("button", name="Continue", exact=True).click()
        assert said in page.get_by_role("alert").inner_text().lower()
    page.get_by_label("Account that gets exact updates").fill(HOLDER)
    page.get_by_label("I know that rows can be rebuilt").check()
    page.get_by_role("button", name="Continue", exact=True).click()
    said = page.locator("main").inner_text()
    assert f"Only {HOLDER} gets access, and it gets exact updates." in said
    assert "rows can be rebuilt from them" in said
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    (asset,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Partner"]
    assert asset["reveals"] == "update"
    assert "exact updates, from which rows can be rebuilt" in page.locator("main").inner_text()


def test_rows_of_one_person_count_together(console: Console, page, tmp_path):
    path = tmp_path / "visits.csv"
    rows = [f"P{i // 3},{i}.75,{i * 5 % 13}.5,{i % 2}" for i in range(900, 930)]
    path.write_text("\n".join(["who,a,b,y", *rows, rows[0]]) + "\n")
    choose_file(page, console, path)
    page.get_by_text("30 distinct rows").wait_for()
    page.get_by_text("Whose row is it").click()
    page.get_by_label("A column that says whose row it is").select_option("who")
    page.get_by_text("10 distinct rows").wait_for()
    page.get_by_label("Rows of each that count").fill("2")
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("20 distinct rows").wait_for()
    said = page.locator("main").inner_text()
    assert "1 row repeats another and counts once" in said
    assert "10 rows are left out" in said
    page.get_by_text("How much training may tell").click()
    assert "all rows of one subject away (up to 2)" in page.locator("main").inner_text()
    page.get_by_role("button", name="Continue", exact=True).click()
    assert "column who says it; at most 2 rows of each" in page.locator("main").inner_text()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    (asset,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Visits"]
    assert (asset["rows"], asset["columns"], asset["subject"], asset["rows_each"]) == (
        20,
        ["a", "b"],
        "who",
        2,
    )
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    page.get_by_role("button", name="Continue", exact=True).click()
    assert page.get_by_label("A column that says whose row it is").input_value() == "who"
    assert page.get_by_label("Rows of each that count").input_value() == "2"
    assert "were published before" in page.locator("main").inner_text()


def test_backup_downloads_and_home_stops_asking(console: Console, page, tmp_path):
    page.goto(console.url + "backup")
    page.get_by_label("Your passphrase").fill("not this one")
    page.get_by_role("button", name="Make a backup").click()
    assert "does not open" in page.get_by_role("alert").inner_text()
    page.wait_for_timeout(1_100)
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Make a backup").click()
    page.get_by_text("Your backup is ready").wait_for()
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download").click()
    saved = tmp_path / "saved.backup"
    arriving.value.save_as(saved)
    assert arriving.value.suggested_filename.startswith("clinic-north-20")
    from freehold.shell.backup import restoring

    assert restoring.examine(saved, tmp_path, PASSPHRASE).account == console.account
    page.goto(console.url)
    assert not page.get_by_role("link", name="Make a backup").is_visible()
