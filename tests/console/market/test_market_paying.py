"""Asking a model for answers: what they take is said before, limits are kept, nothing is paid twice."""

from __future__ import annotations

from pathlib import Path

from console_looks import violations
from console_market import Market


def test_what_an_answer_takes_is_said_before_and_a_limit_is_kept(market: Market) -> None:
    page, buyer = market.owner_page, market.owner
    buyer.api("/peers", {"url": market.builder.url.split("/console")[0]})
    page.goto(f"{buyer.url}assets/{market.model}")
    said = page.locator("#answer").inner_text()
    assert "$0.50 are put aside first" in said
    assert "Takes $0.50 from your wallet and about" in said
    assert "The last 24 hours took $0.00" in said
    for wrong in ("7,5000.1,5000.2,1", "5000.1,5000.2", "5000.1,5000.2,1_0", "pulse,pressure\n1,2"):
        # an index before and a label behind, and no label behind: nothing is cut off, nothing is moved
        page.get_by_label("A row, values separated by commas").fill(wrong)
        page.locator("form[action*='/try'] button[type=submit]").click()
        page.locator("#answer .notice.bad", has_text="Nothing was paid").wait_for()
    assert buyer.api("/spending")["spent_units"] == 0
    # columns by name, in any order, the label left in
    page.get_by_label("A row, values separated by commas").fill(
        "ill,glucose,pulse,pressure\n1,5000.3,5000.1,5000.2"
    )
    page.get_by_label("Most to spend in any 24 hours from now on").fill("0.60")
    page.locator("form[action*='/try'] button[type=submit]").click()
    page.get_by_role("link", name="See the receipt").wait_for()
    asked = page.locator("#answer dl.facts").inner_text().split()
    assert asked == ["pulse", "5000.1", "pressure", "5000.2", "glucose", "5000.3"]
    assert "ill" in page.locator("#answer details", has_text="Left out").inner_text()
    assert page.get_by_label("Most to spend in any 24 hours from now on").count() == 0, "it is remembered"
    found = buyer.api("/spending")
    assert (found["spend_per_day_micro"], found["spent_units"]) == (600_000, 500_000)
    page.goto(f"{buyer.url}spending")
    assert "$0.60" in page.locator(".figures").inner_text()
    page.get_by_role("link", name="Change it").click()
    page.get_by_label("Most for one act").fill("2.5")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The limits count from now on").wait_for()
    assert buyer.api("/spending")["spend_per_act_micro"] == 2_500_000


def test_a_form_that_is_sent_twice_is_paid_once(market: Market) -> None:
    """Also where its page brought itself up to date between the two."""
    page, buyer = market.owner_page, market.owner
    page.goto(f"{buyer.url}assets/{market.model}")
    page.get_by_label("A row, values separated by commas").fill("4000.1,4000.2,4000.3")
    before = buyer.api("/channels")["channels"][0]["promised_units"]
    shown = page.evaluate(
        """async () => {
          const form = document.querySelector("form[action*='/try']"), shown = [];
          const send = async () => {
            const sent = await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))});
            shown.push((await sent.text()).match(/receipts?\\/0x[0-9a-f]+|uses\\/0x[0-9a-f]+/)?.[0]);
          };
          const updated = new Promise((done) => document.addEventListener("freehold:updated", done, {once: true}));
          await send();
          document.dispatchEvent(new Event("visibilitychange"));
          await updated;
          await send();
          form.line.value = "4000.1,4000.2,4000.4";
          await send();
          return shown;
        }"""
    )
    assert shown[0]
    assert shown[0] == shown[1] != shown[2]
    after = buyer.api("/channels")["channels"][0]["promised_units"]
    assert after - before == 2 * 50_000


def test_a_file_of_rows_is_asked_in_several_calls_for_a_price_that_was_said(
    market: Market, tmp_path: Path
) -> None:
    page, buyer = market.owner_page, market.owner
    before = buyer.api("/channels")["channels"][0]["promised_units"]
    page.goto(f"{buyer.url}assets/{market.model}")
    page.get_by_role("link", name="Ask with a file or several rows").click()
    for rows, said in (
        ("", "No rows were given"),
        ("pulse;pressure;glucose\n1;x;3\ny;2;3\n", "B2): 'x' is not"),
    ):
        page.get_by_label("Rows, one a line").fill(rows)
        page.get_by_role("button", name="See what it comes to").click()
        assert said in page.get_by_role("alert").inner_text()
    assert "(A3): 'y' is not a number" in page.get_by_role("alert").inner_text(), "all of it at once"
    path = tmp_path / "rows.csv"
    path.write_text("glucose;pulse;pressure\n" + "".join(f"7,{n};1.000,{n % 9};2\n" for n in range(1_001)))
    page.get_by_label("Rows, one a line").fill("")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    page.get_by_role("button", name="See what it comes to").click()
    said = page.locator("main").inner_text()
    assert "$0.10 in all for 1001 rows, in 2 calls." in said.replace("1,001", "1001")
    assert "a comma is read as the decimal mark" in said
    assert not violations(page, at="/assets/{model}/ask/{batch}")
    assert buyer.api("/channels")["channels"][0]["promised_units"] == before, "nothing is paid yet"
    assert list((buyer.home / "uploads").iterdir()) == []
    # the form is sent twice
    page.evaluate(
        """async () => {
          const form = document.querySelector("main form[action*='/ask/']");
          await fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))});
        }"""
    )
    page.get_by_role("button", name="and ask").click()
    page.get_by_role("link", name="Receipt 2").wait_for()
    assert buyer.api("/channels")["channels"][0]["promised_units"] - before == 2 * 50_000
    assert page.get_by_role("link", name="Receipt").count() == 2
    with page.expect_download() as arriving:
        page.get_by_role("link", name="Download as CSV").click()
    lines = Path(arriving.value.path()).read_text().splitlines()
    assert len(lines) == 1_002
    assert lines[0] == "pulse,pressure,glucose,label,probability"
    assert lines[10].startswith("1000.0,2,7.9,")


def test_a_channel_is_closed_knowingly(market: Market):
    page = market.buyer_page
    page.goto(market.buyer.url + "channels")
    page.get_by_role("link", name="Take back what is set aside").click()
    assert "What it does not undo" in page.locator("main").inner_text()
    page.get_by_role("button", name="Close it").click()
    page.get_by_text("The channel is closing").wait_for()
    assert market.buyer.api("/channels")["channels"][0]["status"] == "closing"
