"""Which pages the console has, and what is looked at on each: axe-core in both themes, its widths, its words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import compile_path

from freehold.kernel.registry import everything
from freehold.kernel.web.visit import moved
from freehold.kernel.words import asset_kinds
from freehold.shell.web.app import every_page
from freehold.shell.web.pages.assets import every_facet
from freehold.shell.web.places import tabs

AXE = Path(__file__).resolve().parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: npm install in tests/clients"
)
OF_A_THEME = ("color-contrast", "link-in-text-block")
"""Rules whose outcome depends on colours; the others need a page only once."""
TESTS = Path(__file__).resolve().parents[1] / "console"


def facets(kind: str, *, mine: bool) -> list[str]:
    """What follows `/assets/{id}` in the addresses of an asset's tabs."""
    sections = [one for one in everything().every("sections") if not one.kinds or kind in one.kinds]
    whose = {"any", "own" if mine else "others"}
    return [
        f"/{one.slug}".rstrip("/")
        for one in every_facet()
        if any(part.facet == one.slug and part.whose in whose for part in sections)
    ]


def tabs_of(side: str, kind: str) -> list[str]:
    """Addresses of an asset's tabs; `{own dataset}` and the like stand for its id."""
    return [f"assets/{{{side} {kind}}}{tab}" for tab in facets(kind, mine=side == "own")]


def of_one_node() -> list[str]:
    """What is looked at on a node with a table, a draft of another, and requests both ways."""
    return [
        *(one.path.strip("/") for one in tabs()),
        *("no-such-page", "find?q=a", "publish", "train", "collect"),
        *tabs_of("own", "dataset"),
        *(
            "assets/{own dataset}/withdraw",
            "publish/{draft}",
            "publish/{draft}/terms",
            "publish/{draft}/review",
        ),
        *(
            "requests/{request}",
            "access/{grant}/revoke",
            "asked/{waiting}",
            "asked/{offered}/take",
            "asked/{agreed}/pay",
        ),
    ]


def of_a_market() -> dict[str, list[str]]:
    """What is looked at by an owner, a builder and a buyer who trade."""
    return {
        "owner": [
            *tabs_of("own", "dataset"),
            *("assets", "data", "uses", "money", "collected", "collect", "log", "log/anchor", "verify", "models"),
            *("spending", "limits"),
        ],
        "builder": [
            *tabs_of("own", "model"),
            *tabs_of("others", "dataset"),
            *("models", "assets/{own model}/serve", "jobs/{job}", "jobs", "train", "train?with={others dataset}"),
            *("market", "market/models", "market/nodes", "lineage/{own model}", "uses"),
        ],
        "buyer": [
            *tabs_of("others", "model"),
            *("assets/{others model}/ask", "verify/{others model}", "uses/{answer}", "spending", "channels"),
            *("channels/{channel}/close", "lineage", "market/models"),
        ],
    }  # fmt: skip


def every_address() -> set[str]:
    """Of each page that is looked at, as the registry has it; an asset's page counts once for each tab, kind and side."""
    pages = {one.path for one in every_page() if one.method == "GET" and not _is_file_or_moved(one)}
    assets = {
        f"/assets/{{{side} {kind}}}{tab}"
        for kind in asset_kinds()
        for side in ("own", "others")
        for tab in facets(kind, mine=side == "own")
    }
    return (pages - {"/assets/{asset}", "/assets/{asset}/{facet}"}) | assets


def _is_file_or_moved(page: Any) -> bool:
    where = page.handler.__qualname__
    return (
        where.startswith(f"{moved.__name__}.")
        or page.path.endswith(".csv")
        or page.path.rsplit("/", 1)[-1] in ("evidence", "report")
    )


def page_of(address: str) -> str:
    """The page that an address leads to, without its query; an asset's tab keeps its own name."""
    path = "/" + urlsplit(address).path.removeprefix("/console").lstrip("/")
    if re.fullmatch(r"/assets/\{(own|others) \w+\}(/\w+)?", path) and path in every_address():
        return path
    return next((one for one, fits in _routes() if fits.match(path)), "")


@cache
def _routes() -> list[tuple[str, re.Pattern[str]]]:
    return [(one.path, compile_path(one.path)[0]) for one in every_page() if one.method == "GET"]


def looked_at_alone() -> set[str]:
    """Pages that stand only in the middle of an act: where it comes to them, a test calls `violations(page, at=...)`."""
    files = [*TESTS.rglob("test_*.py"), *Path(__file__).parent.glob("console_*.py")]
    return {found for file in files for found in re.findall(r'at="(/[^"]*)"', file.read_text())}


def violations(page: Any, at: str = "", **options: object) -> list[tuple[str, list[str]]]:
    """What axe-core finds on the page as it is, which is the one `at` that address; nothing where it is not installed."""
    assert not at or page_of(page.url) == at, page.url
    if not AXE.exists():
        return []
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE.read_text())
    asked = {"resultTypes": ["violations"], "preload": False, **options}
    found = page.evaluate("asked => axe.run(asked.within || document, asked)", asked)["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found]


def look_over(
    page: Any, url: str, paths: Iterable[str], widths: Iterable[int] = (), *, other_theme: bool = True
) -> list[tuple[str, str, object]]:
    """(path, problem, where) of pages, each opened once: by axe-core as the tab is, its colours again in the other theme, and its layout at each width."""
    if AXE.exists():
        page.context.add_init_script(path=AXE)
    size = page.viewport_size
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found: list[tuple[str, str, object]] = []
    for number, path in enumerate(paths):
        page.goto(url + path, wait_until="domcontentloaded")
        found += [(path, f"axe {problem}", where) for problem, where in violations(page)]
        if other_theme:
            page.emulate_media(color_scheme="light" if dark else "dark")
            # what frames a page is the same on each
            within = "main" if number else "body"
            found += [
                (path, f"other theme {problem}", where)
                for problem, where in violations(page, runOnly=OF_A_THEME, within=within)
            ]
            page.emulate_media(color_scheme="dark" if dark else "light")
        for width in widths:
            page.set_viewport_size({"width": width, "height": size["height"]})
            found += [
                (path, f"{problem} at {width} px", where) for problem, where in page.evaluate(_LAYOUT, width)
            ]
        page.set_viewport_size(size)
    return found


_LAYOUT = r"""width => {
    const found = [], range = document.createRange();
    const note = (what, where) => where.length && found.push([what, where]);
    const said = one => (one.innerText || one.getAttribute('aria-label') || one.name || one.tagName).trim().slice(0, 60);
    const lines = boxes => {
        const tops = boxes.filter(box => box.width > 1).map(box => box.top);
        return tops.length && Math.max(...tops) - Math.min(...tops) > 8;
    };
    const texts = function* (within) {
        const walk = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('.unseen')) yield walk.currentNode;
    };
    if (document.documentElement.scrollWidth > innerWidth) found.push(['sideways', document.documentElement.scrollWidth]);
    if (document.querySelectorAll('h1').length !== 1) found.push(['headings', document.querySelectorAll('h1').length]);
    if (width > 800) {
        const broken = [];
        for (const cell of document.querySelectorAll('main th, main td')) for (const text of texts(cell))
            for (const word of text.data.matchAll(/[\w.,$%]{2,}/g)) {
                range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
                if (word[0].length <= 14 && lines([...range.getClientRects()])) broken.push(word[0]);
            }
        note('broken words', broken);
        note('broken buttons', [...document.querySelectorAll('main .button, main button:not(.choice)')].filter(one => lines([...texts(one)].flatMap(text => {
            range.selectNodeContents(text);
            return [...range.getClientRects()];
        }))).map(said));
        // two sentences with nothing between them
        note('glued sentences', [...document.querySelectorAll('main p, main li, main dd')].flatMap(
            one => one.innerText.match(/[\p{Ll}\d)]{2}[.!?]\p{Lu}\p{Ll}.{0,20}/gu) || []));
    } else if (width < 500) {
        note('smaller than a finger', [...document.querySelectorAll(
            'main .button, main button, main select, main summary, main input:not([type=hidden], [type=checkbox], [type=radio]), .top a, .top summary, .side a'
        )].filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 43.5).map(said));
    }
    return found;
}"""
