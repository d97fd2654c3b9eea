"""The site: every page is in it, every link and anchor leads somewhere, and it needs nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEME = re.compile(r"[a-z]+:")


class Page(HTMLParser):
    """Links, what is loaded without asking, and anchors of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.add(given.get("id"))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get("src"):
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nnew pages belong into nav of mkdocs.yml"
    return {path: Page(path) for path in target.rglob("*.html")}


def test_every_page_of_docs_is_in_the_site(site):
    made = {path.name for path in site}
    for page in (ROOT / "docs").rglob("*.md"):
        assert ("index.html" if page.stem == "README" else f"{page.stem}.html") in made


def test_every_link_leads_to_a_file_and_an_anchor_of_the_site(site):
    checked = 0
    for path, page in site.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            if SCHEME.match(link):
                continue
            place, _, anchor = unquote(link).partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target.is_file(), f"{path.name}: {link}"
            if anchor and target in site:
                assert anchor in site[target].anchors, f"{path.name}: {link}"
            checked += 1
    assert checked > 1000


def test_nothing_is_loaded_from_elsewhere(site):
    for path, page in site.items():
        if path.name == "404.html":
            continue
        for loaded in page.loaded:
            assert not re.match(r"(https?:)?//", loaded), f"{path.name}: {loaded}"
            assert loaded.startswith("data:") or (path.parent / unquote(loaded).split("?")[0]).exists(), (
                loaded
            )


def test_diagrams_are_current_and_say_what_they_show():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "pictures.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\nrun: python scripts/pictures.py"
    for picture in (ROOT / "docs" / "pictures").glob("*.svg"):
        text = picture.read_text()
        assert re.search(r"<title[^>]*>[^<]{5,}</title>", text), picture.name
        assert re.search(r"<desc[^>]*>[^<]{40,}</desc>", text), picture.name


def test_what_is_copied_from_commands_has_no_prompt(site):
    """The theme copies what is seen while it copies; the style sheet hides prompts and output then."""
    root = next(path for path in site if path.name == "404.html").parent
    style = (root / "site.css").read_text()
    assert re.search(r"\[data-md-copying\] \.gp,\s*\[data-md-copying\] \.go \{\s*display: none", style)
    page = next(path for path in site if path.name == "publish-your-table.html").read_text()
    assert "site.css" in page
    assert '<span class="gp">$ </span>' in page
