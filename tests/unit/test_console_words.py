"""Texts of strangers cannot run, reorder or fill a page; numbers and times read as people say them."""

import re

import pytest
from starlette.datastructures import Headers

from freehold.core.errors import InvalidInput
from freehold.core.texts import Units
from freehold.kernel.web import charts, forms, words
from freehold.kernel.web.charts import Chart, Point, share
from freehold.kernel.web.forms import file_name
from freehold.shell.web.gate import host_name, is_own
from freehold.shell.web.rendering import Rendering


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        '"><script>',
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
        "\x00\x1b[31m",
        "x" * 10_000,
        "",
        " \N{ZERO WIDTH SPACE}",
    ],
)
def test_names_are_isolated_clipped_and_clean(text: str):
    made = str(words.named(text))
    assert made.startswith("<bdi")
    assert made.endswith("</bdi>")
    inside = made[made.index(">") + 1 : -6]
    assert "<" not in inside
    assert len(made) < 1_200
    assert all(char.isprintable() for char in made)
    assert inside.strip()


def test_times_and_counts():
    assert words.ago(1_000, 1_010) == "just now"
    assert words.ago(1_000, 1_000 + 180) == "3 minutes ago"
    assert words.ago(1_000 + 86_400 * 12, 1_000) == "in 12 days"
    assert words.ago(0, 86_400 * 90) == "3 months ago"
    assert words.count(1, "row") == "1 row"
    assert words.count(1_200, "row") == "1,200 rows"
    assert "9999" in str(words.day(10**17)), "a stranger's date may be anything"
    assert words.about(1_994_999) == "$1.99"
    assert words.about(1_995_000) == "$2.00"
    assert "about" not in words.FILTERS, "a sentence on a price rounds nothing"
    assert words.dollars(1_000) in str(words.money(1_000))
    assert "2,500,000 units" in str(words.money(2_500_000))
    assert words.size(1_500_000) == "1.4 MiB"


def test_charts_hold_only_numbers_and_escaped_labels():
    points: list[Point] = [("<script>", 5), ("b", 0), ("c", 10**18)]
    drawn = [Chart("<b>", "ever", points, drawn, 7).svg for drawn in ("area", "bars")]
    for made in (*drawn, share("<b>", 1, 3)):
        assert "<script>" not in made
        assert "<b>" not in made
        assert 'role="img"' in made
    assert 'width="0"' in share("t", 0, 0)


def test_a_chart_says_its_period_its_largest_value_and_all_its_numbers():
    points = charts.by_day([(19_000, 2_500_000), (19_001, 0), (19_002, 1_500_000)], 19_003, 4)
    chart = Chart("Earned", "In the last 4 days", points, "bars", Units(4_000_000))
    shown = str(Rendering()._environment.get_template("chart.html").module.over(chart))
    assert "In the last 4 days" in shown
    assert "$4.00 in all" in shown
    assert "$2.50" in shown.split("scale")[1].split("</p>", maxsplit=1)[0], "the axis names its top"
    axis = re.findall("<span>(.*?)</span>", shown.split('class="axis"')[1])
    assert [str(words.value(mark)) for mark in chart.marks] == axis[:3]
    assert shown.count("<tr>") == 3, "a head, and a row for each day that brought something"
    nothing = Chart("Earned", "ever", charts.by_day([], 19_003, 4), "area", Units(0))
    assert "<svg" not in str(Rendering()._environment.get_template("chart.html").module.over(nothing))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.csv", "y.csv"),
        ("", "file"),
        ("a\nb.csv", "a b.csv"),
        ("/", "file"),
    ],
)
def test_file_names_are_names_only(given: str, shown: str):
    assert file_name(given) == shown


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7", 7),
        (" 1,000 ", 1_000),
        ("1,5", None),
        ("10,00", None),
        ("1.5", None),
        (",1", None),
        ("\uff17", None),
    ],
)
def test_a_whole_number_is_read_as_it_was_meant_or_not_at_all(typed: str, number: int | None):
    form = forms.Form({"days": [typed]})
    if number is None:
        with pytest.raises(InvalidInput):
            form.number("days", "The number of days", 0, 10_000)
    else:
        assert form.number("days", "The number of days", 0, 10_000) == number


def test_hosts_and_origins():
    assert host_name("LocalHost:7400") == "localhost"
    assert host_name("[::1]:7400") == "::1"
    assert host_name("[::1") == ""
    own = {"host": "127.0.0.1:7400"}
    assert is_own(Headers({**own, "sec-fetch-site": "same-origin", "origin": "null"}))
    assert is_own(Headers({**own, "origin": "http://127.0.0.1:7400"}))
    assert not is_own(Headers({**own, "origin": "http://127.0.0.1:7401"}))
    assert not is_own(Headers({**own, "sec-fetch-site": "same-origin", "origin": "http://evil.example"}))
    assert not is_own(Headers({**own, "sec-fetch-site": "same-site"}))
    assert not is_own(Headers(own))


def test_a_file_has_the_name_that_it_had_before_a_browser_wrote_it_into_a_header():
    assert forms._unescaped(b"q'uo%22te%0D%0A.csv") == "q'uo\"te\r\n.csv"
    assert forms._unescaped(b"50%25.csv") == "50%25.csv", "what browsers leave alone"
