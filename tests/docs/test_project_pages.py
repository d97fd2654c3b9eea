"""Pages about the project itself exist, lead somewhere and parse; what they count is what the code counts."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from freehold.core.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "SECURITY.md",
    "GOVERNANCE.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CITATION.cff",
)
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
GAS = {name: row["gas"] for name, row in json.loads((ROOT / "bench" / "gas.json").read_text()).items()}


@pytest.mark.parametrize("page", PAGES)
def test_the_readme_leads_to_every_page_of_the_project(page):
    assert (ROOT / page).exists()
    assert f"]({page})" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", [name for name in PAGES if name.endswith(".md")])
def test_links_of_project_pages_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text())
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def test_the_citation_names_this_version_and_the_one_planned_address():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == VERSION
    assert cited["license"] == "Apache-2.0"
    date.fromisoformat(cited["date-released"])
    assert f"\n## {VERSION} - {cited['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert f'"{cited["repository-code"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_have_what_a_form_needs(form):
    said = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= set(said)
    ids = [field["id"] for field in said["body"] if field["type"] != "markdown"]
    assert ids
    assert len(ids) == len(set(ids))
    for field in said["body"]:
        assert field["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes")
        assert ("value" if field["type"] == "markdown" else "label") in field["attributes"]
        if field["type"] == "checkboxes":
            assert all(option["label"] for option in field["attributes"]["options"])


def test_issue_forms_are_there():
    assert {form.stem for form in FORMS} == {"fault", "page", "wish"}
    assert yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text())


def test_the_changelog_is_grouped_by_release():
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    releases = [line for line in lines if line.startswith("## ")]
    assert releases[0] == "## Unreleased"
    assert all(re.fullmatch(r"## \d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", line) for line in releases[1:])
    groups = {line for line in lines if line.startswith("### ")}
    assert groups <= {
        f"### {name}" for name in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }


def test_gas_of_the_whole_path_adds_up():
    """The table of docs/comparison.md: each act as measured, times how often, and their sum."""
    page = (ROOT / "docs" / "comparison.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| `([\w.]+)` \| (\d+) \| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert len(rows) == 9
    total = 0
    for act, times, each, sum_ in rows:
        gas = int(each.replace(",", ""))
        assert gas in {value for name, value in GAS.items() if name.split(",")[0] == act}, act
        assert gas * int(times) == int(sum_.replace(",", ""))
        total += gas * int(times)
    assert f"**{total:,}**" in page
    beside = page[page.index("A further call") : page.index("## Sources")]
    out = GAS["Channels.requestClose"] + GAS["Channels.withdraw"]
    named = ("Channels.settle, repeat", "Revenue.claim, repeat, 32 owners", "Assets.register")
    for gas in (out, *(GAS[name] for name in named), GAS["Market.buyWithAuthorization"]):
        assert f"{gas:,}" in beside
    for name in ("first", "next in the word"):
        assert f"{GAS[f'Revocations.revoke, {name}']:,}" in beside


def test_what_is_said_of_others_names_where_it_stands():
    """Each source is used and each use has one; what is in a repository is named at a commit, which does not change."""
    page = (ROOT / "docs" / "comparison.md").read_text()
    told, sources = page.split("\n## Sources\n")
    where = dict(re.findall(r"^\[(\w+)\]: (\S+)$", sources, re.MULTILINE))
    assert set(re.findall(r"\[(\w{1,2})\]", told)) == set(where)
    for address in where.values():
        assert not address.startswith("https://github.com/") or re.search(r"/blob/[0-9a-f]{40}/", address), (
            address
        )
