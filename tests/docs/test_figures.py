"""Figures on pages that follow from the rules: computed here by the rules themselves."""

import re

import doc_pages
import pytest
from doc_pages import PAGES, ROOT

from freehold.features.privacy.rules import privacy, promises
from freehold.features.training import planning
from freehold.features.training.rules import updates
from freehold.features.training.rules.expected import expected_loss

MICRO = 1_000_000
DELTA = 5
"""Ten to the minus this, for up to 10,000 rows."""
TABLES = ("concepts/training.md", "how-to/publish-your-table.md")


@pytest.mark.parametrize("page", TABLES)
def test_guesses_of_each_epsilon(page):
    text = (ROOT / "docs" / page).read_text()
    shown = re.findall(
        r"^\| ([\d.]+) \| (?:(\d+)(?: times of 100[^|]*)?|nearly always) \|", text, re.MULTILINE
    )
    assert [epsilon for epsilon, _ in shown[:5]] == ["0.5", "1", "2", "4", "8"]
    for epsilon, guesses in shown[:5]:
        assert promises.times_in_100(round(float(epsilon) * MICRO)) == int(guesses or 100)


def test_guesses_named_in_sentences():
    sentence = re.compile(r"\b(\d+) times (?:of|in) 100")
    known = {promises.times_in_100(round(one * MICRO)) for one in (0.5, 1, 2, 4, 8)} | {50, 57, 61, 80}
    for page in PAGES:
        assert {int(one) for one in sentence.findall(doc_pages.text(page))} <= known, page.name


def test_how_many_runs_fit_into_a_budget():
    life = privacy.rho_nano_for(4 * MICRO, DELTA)
    fits = {one: life // privacy.rho_nano_for(round(one * MICRO), DELTA) for one in (1, 0.5)}
    page = (ROOT / "docs" / "how-to" / "publish-your-table.md").read_text()
    assert f"within 4 in all there is room for {fits[1]} runs at 1, or {fits[0.5]} at 0.5" in " ".join(
        page.split()
    )
    assert f"holds {fits[1]} runs at 1" in (ROOT / "docs/decisions/0013-default-epsilon.md").read_text()
    left = privacy.epsilon_micro(life - privacy.rho_nano_for(MICRO, DELTA), DELTA)
    by_hand = (ROOT / "docs" / "how-to" / "decide-by-hand.md").read_text()
    assert f"at most {left / MICRO:.2f} still fits" in " ".join(by_hand.split())


def test_from_how_many_rows_copies_are_told_from_strangers():
    def told(epsilon: int) -> int:
        rho = privacy.rho_nano_for(epsilon * MICRO, DELTA)
        return next(rows for rows in range(10, 3_000, 5) if planning._sketch(rho, [rows, rows], 1).buckets)

    said = re.compile(r"(\d+) rows at (?:epsilon )?4, (?:(\d+) at 2, )?([\d,]+) at 1")
    found = {one for page in PAGES for one in said.findall(" ".join(doc_pages.text(page).split()))}
    assert found
    for shown in found:
        for epsilon, rows in zip((4, 2, 1), shown, strict=True):
            assert not rows or int(rows.replace(",", "")) == pytest.approx(told(epsilon), rel=0.05), epsilon


def test_the_noise_of_the_worked_example():
    noise = updates.noise_for(privacy.rho_nano_for(MICRO, DELTA), rounds=4, width=31, rows_each=1)
    rows = round(noise.sigma / updates.sensitivity(31, noise.update_bits, 1))
    page = (ROOT / "docs" / "concepts" / "training.md").read_text()
    assert f"in each of the 31 numbers has a standard deviation of {rows} units" in page


def test_what_the_noise_of_defaults_is_expected_to_cost():
    """A row of the table that the choice of defaults rests on; the others take longer."""
    page = (ROOT / "docs" / "decisions" / "0013-default-epsilon.md").read_text()
    (row,) = re.findall(r"^\| 50 \| (.*) \|$", page, re.MULTILINE)
    shown = [tuple(map(float, cell.split(", ± "))) for cell in row.split(" | ")]
    for epsilon, cell in zip((0.5, 1, 2, 4, 8), shown, strict=True):
        found = expected_loss((50,) * 4, 30, round(epsilon * MICRO), DELTA)
        assert cell == pytest.approx(
            (found.accuracy_with_bps / 100, found.share_error_bps / 100), abs=0.06
        ), epsilon
