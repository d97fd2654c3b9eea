"""The result page and the lineage picture: hostile names inert, styles pinned, no script at all."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from freehold.features.proof import lineage_svg
from freehold.quickstart import result_page

HOSTILE = "</text></style><script>alert(1)</script>\"' onload=x \x00\x1b\u202e&{{7*7}}"
SVG = "{http://www.w3.org/2000/svg}"


def lineage(name=HOSTILE, owners=3):
    nodes = [
        {"id": f"0x{i}", "kind": "dataset", "name": name, "owner_name": name, "weight": 3_000}
        for i in range(owners)
    ]
    nodes.append({"id": "0xm", "kind": "model", "name": name, "owner_name": "b"})
    edges = [{"from": f"0x{i}", "to": "0xm", "role": "training-data", "weight": 3_000} for i in range(owners)]
    return {"nodes": nodes, "edges": edges}


def report(name=HOSTILE, ok=True):
    owner = {
        "name": name, "account": "0x1", "rows": 1_234, "share_bps": 10_000, "error_ppm": 31_000, "agreed": True,
        "grant_units": 2_500_000, "revenue_units": 1, "earned_units": 2_500_001, "claimed": True,
    }  # fmt: skip
    return {
        "seconds": 12.5,
        "processes": 9,
        "model": {
            "id": "0xm", "name": name, "accuracy": 0.9644, "accuracy_bps": [9_310, 9_820],
            "majority_accuracy": 0.627, "pooled_accuracy": 0.97, "best_single_accuracy": 0.9, "auc_ppm": 990_000,
            "rounds": 20, "test_rows": 225,
        },
        "privacy": {
            "level": "noised", "epsilon_micro": 4_000_000, "delta_exponent": 5, "guess_ppm": 982_014, "said": name,
        },
        "owners": [owner, {**owner, "name": "other", "share_bps": 0, "agreed": False, "claimed": False}],
        "notes": [name],
        "buyer": {"name": name, "calls": 100, "paid_units": 5_000_000},
        "revenue": {"in_units": 5_000_000, "paid_out_units": 1, "held_units": 4_999_999},
        "receipts": {"count": 226, "anchored": 225},
        "latest_receipts": [
            {"id": "0xabcdef0123", "action": name, "provider_name": name, "holder_name": name, "units": 50_000,
             "position": None, "anchored": False}
        ],
        "gas": {name: 45_215},
        "verify": {
            "ok": ok, "checks": 1, "files": 205, "bytes": 1_000, "block_hash": "0x",
            "outcomes": [{"name": name, "ok": ok, "detail": name}],
        },
        "tamper": {"detected": ok, "named": name},
    }  # fmt: skip


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    tags = Tags()
    tags.feed(page)
    return tags


def test_hostile_names_stay_text_on_the_page():
    page = result_page.render(report(), lineage_svg.draw(lineage()))
    tags = parsed(page)
    assert "script" not in tags.tags
    assert not [name for name in tags.attributes if name.startswith("on") or name == "style"]
    assert tags.tags.count("style") == 2
    assert "{{7*7}}" in "".join(tags.text)
    assert "alert(1)" in "".join(tags.text)


def test_the_page_shows_the_numbers():
    text = "".join(parsed(result_page.render(report("clinic"), lineage_svg.draw(lineage("d")))).text)
    for part in (
        *(
            "96.4 %",
            "93.1 to 98.2 %",
            "90.0 %",
            "97.0 %",
            "62.7 %",
            "$5.00",
            "$2.500001",
            "100.00 %",
            "± 3.1 points",
        ),
        *("45,215", "1,234", "226", "ε 4", "1 of 2 owners computed it again"),
    ):
        assert part in text, part


def test_a_failed_check_is_shown_as_failed():
    page = result_page.render(report("x", ok=False), lineage_svg.draw(lineage("d")))
    assert 'class="broken"' in page
    assert "A change was not found" in page


def test_the_policy_allows_the_pages_own_styles_and_nothing_else():
    page = result_page.render(report(), lineage_svg.draw(lineage()))
    policy = result_page.policy(page)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    wanted = {base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == wanted
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_picture_is_well_formed_and_hostile_names_are_text():
    root = ET.fromstring(lineage_svg.draw(lineage()))
    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "style", "path", "g", "title", "rect", "text",
    }  # fmt: skip
    assert "<script>" in root.find(f".//{SVG}title").text
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_a_stream_is_as_wide_as_its_weight_and_none_is_dashed():
    drawn = lineage("d", owners=3)
    for edge, weight in zip(drawn["edges"], (8_000, 2_000, 0), strict=True):
        edge["weight"] = weight
    paths = ET.fromstring(lineage_svg.draw(drawn)).findall(f".//{SVG}path")
    widths = [float(path.get("stroke-width")) for path in paths]
    assert widths[0] == pytest.approx(4 * widths[1])
    assert [path.get("class") for path in paths] == ["stream", "stream", "stream none"]


def test_layers_go_from_data_over_rounds_to_model_and_answers():
    drawn = lineage_svg.with_rounds(lineage("d"), "0xm", 20, 100)
    root = ET.fromstring(lineage_svg.draw(drawn))
    x = {
        group.find(f"{SVG}text").text: int(re.match(r"translate\((\d+)", group.get("transform"))[1])
        for group in root.findall(f"{SVG}g")
    }
    names = {node["id"]: node["name"] for node in drawn["nodes"]}
    assert names["0xm"] == "d"
    assert x["20 rounds"] < x["100 answers"]
    assert len({*x.values()}) == 3 or x["20 rounds"] < x["d"]
    assert int(root.get("width")) > 800


@pytest.mark.parametrize(
    "value",
    [
        {"nodes": [], "edges": []},
        {
            "nodes": [{"id": "1", "kind": "?", "name": "", "owner_name": None}],
            "edges": [{"from": "1", "to": "2"}],
        },
        {
            "nodes": [{"id": "1", "kind": "model", "name": "a"}, {"id": "2", "kind": "model", "name": "b"}],
            "edges": [{"from": "1", "to": "2", "weight": None}, {"from": "2", "to": "1", "weight": 10**9}],
        },
    ],
)
def test_odd_graphs_are_drawn(value):
    ET.fromstring(lineage_svg.draw(value))


def test_many_sources_are_summed_up():
    root = ET.fromstring(lineage_svg.draw(lineage("d", owners=40)))
    names = [text.text for text in root.iter(f"{SVG}text")]
    assert "and 28 more" in names
    assert int(root.get("height")) < 1_000
