"""Pages lead somewhere: links to files that exist, commands that exist, make targets that exist."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import doc_pages
import pytest
from doc_pages import PAGES

ROOT = Path(__file__).resolve().parents[2]
FREEHOLD = Path(sys.executable).with_name("freehold")


@pytest.mark.parametrize("page", PAGES, ids=doc_pages.named)
def test_links_lead_to_files_that_exist_and_to_headings_in_them(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", doc_pages.text(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (page.parent / target) if target else page
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            assert anchor in headings(there), f"{target}#{anchor}"


@cache
def headings(page):
    """What its headings are linked by, on the site and where the file is shown: lower case, words joined by hyphens."""
    titles = re.findall(
        r"^#+ +(.*)$",
        re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    plain = [re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in plain}


def test_every_make_target_that_pages_name_exists():
    makefile = (ROOT / "Makefile").read_text()
    text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_that_the_readme_names_exists():
    shown = subprocess.run([FREEHOLD, "--help"], capture_output=True, text=True, check=True).stdout
    for command in set(re.findall(r"`freehold ([a-z]+)", (ROOT / "README.md").read_text())):
        assert re.search(rf"^  {command} ", shown, re.MULTILINE), command


def test_every_measurement_that_pages_name_exists():
    text = "".join(page.read_text() for page in PAGES)
    names = set(re.findall(r"`make bench ARGS=([a-z_]+)`", text))
    assert len(names) > 10
    for name in names:
        assert (ROOT / "bench" / f"{name}.py").exists(), name


def test_files_that_pages_name_are_there():
    """A page says `kernel/http/gate.py` or `features/training/runs.py` of the source: such a file exists."""
    source = ROOT / "src" / "freehold"
    named = re.compile(r"`((?:core|log|chain|vault|kernel|features|shell|quickstart)/[\w/*.-]+)`")
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        for path in named.findall(page.read_text()):
            assert list(source.glob(path.rstrip("/"))), f"{page.name} names {path}"


PROMISING = [
    ROOT / "docs" / f"{name}.md"
    for name in (
        "threat-model", "evidence", "how-to/publish-your-table", "how-to/verify-without-us", "how-to/use-an-assistant",
        "how-to/lost-keys", "how-to/incidents", "how-to/upgrade", "how-to/size-a-node",
    )
] + [*sorted((ROOT / "docs" / "concepts").glob("*.md")), *sorted((ROOT / "docs" / "security").glob("*.md"))]  # fmt: skip


@pytest.mark.parametrize("page", PROMISING, ids=doc_pages.named)
def test_a_page_that_promises_says_first_what_it_does_not(page):
    opening = "\n\n".join(doc_pages.text(page).split("\n\n")[1:3])
    assert re.search(r"\b(not|cannot|no substitute|nobody)\b", opening, re.IGNORECASE), opening[:200]


def in_blocks(*languages):
    return [(page, body) for page in PAGES for body in doc_pages.blocks(page, *languages)]


def test_blocks_in_python_json_and_shell_are_read_by_their_languages():
    for page, body in in_blocks("python"):
        if page.name not in (
            "add-a-feature.md",
            "add-a-page.md",
        ):  # parts of files, which tests/e2e/test_new_feature.py holds to them
            compile(body, str(page), "exec", ast.PyCF_ONLY_AST)
    for _, body in in_blocks("json"):
        json.loads(body)
    shell = in_blocks("sh", "bash")
    assert len(shell) > 5
    for page, body in shell:
        done = subprocess.run(["bash", "-n"], input=body, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{page}: {done.stderr}"
