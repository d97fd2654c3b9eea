"""Texts of strangers cannot run, reorder or fill a page; numbers and times read as people say them."""

import re

import pytest
from starlette.datastructures import Headers

from freehold.core.errors import InvalidInput
from freehold.core.texts import Units
from freehold.kernel.web import charts, formats, forms, words
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


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f52c Ada",
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\u2764\ufe0f",
        "\U0001f1e9\U0001f1ea",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\u0d28\u0d4d\u200d",
        "1\ufe0f\u20e3",
        "\u2139\ufe0f",
        "\u845b\U000e0100",
        "Z\u030c\u0301ofia, Pha\u0302\u0301t",
        "\u05d1\u05bc\u05b0",
    ],
    ids=["scientist", "with a tone", "rainbow", "heart", "flag", "Scotland", "Persian", "Hindi", "Malayalam",
         "keycap", "information", "Katsushika", "marks", "Hebrew"],
)  # fmt: skip
def test_a_name_is_written_as_its_script_or_emoji_needs(text: str):
    assert words.plain(text) == text
    assert text in words.named(text)


@pytest.mark.parametrize(
    "text",
    [
        "pay\u200dpal",
        "pay\u200cpal",
        "\u200dx",
        "x\u200d",
        "\U0001f469\u200dx",
        "x\u200d\U0001f52c",
        "\U0001f3f4\U000e0067x",
        "\U0001f469\u200d\u200d\U0001f52c",
        "\u0645\u200cx",
        "\ufeffx",
        "\u2066x",
        "Northside\u3164",
        "pay\ufe0fpal",
        "pay\u034fpal",
        "x\u2028y",
        "\u2800x",
    ],
)
def test_what_joins_nothing_is_replaced(text: str):
    shown = words.plain(text)
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert len(shown) == len(text)


def test_nothing_is_joined_to_the_sign_of_a_cut():
    assert words.plain("\U0001f469\u200d\U0001f52c" * 3, 3) == "\U0001f469…"


def test_times_and_counts():
    assert formats.ago(1_000, 1_010) == "just now"
    assert formats.ago(1_000, 1_000 + 180) == "3 minutes ago"
    assert formats.ago(1_000 + 86_400 * 12, 1_000) == "in 12 days"
    assert formats.ago(0, 86_400 * 90) == "3 months ago"
    assert words.count(1, "row") == "1 row"
    assert words.count(1_200, "row") == "1,200 rows"
    assert "9999" in str(words.day(10**17)), "a stranger's date may be anything"
    assert "about" not in words.FILTERS, "a sentence on a price rounds nothing"
    assert words.money(1_000) == '<span class="money">$0.001</span>'
    assert formats.size(1_500_000) == "1.4\N{NO-BREAK SPACE}MiB"
    assert formats.size(1) == "1 byte"


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
    assert [str(formats.value(mark)) for mark in chart.marks] == axis[:3]
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


@pytest.mark.parametrize(
    "text",
    [
        "\u3164",
        "\u115f\u1160",
        "\u2800\u2800",
        "\ufe0f",
        "\u00a0",
        "\u2000\u3000",
        "\u0301",
        "\u2028",
        "\u00ad",
    ],
)
def test_a_name_of_nothing_that_is_seen_is_said_to_be_none(text: str):
    assert "(no name)" in words.named(text)


def test_marks_do_not_pile_up_over_other_lines():
    assert words.plain("Z" + "\u0300" * 60 + "oe") == "Z" + "\u0300" * 6 + "oe"
