"""Templates lie in the folders of those who show them, under one roof: names are found, and no two are the same."""

import re
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "freehold"
FOLDERS = [PACKAGE / "shell/web/templates", *sorted((PACKAGE / "features").glob("*/templates"))]
SHOWN = re.compile(r'"(\w+\.html)"')
EXAMPLE = "things.html"
"""In the guide for a new page."""
INCLUDED = re.compile(r"""{%-? (?:extends|include|import|from) "(\w+\.html)\"""")


def templates() -> list[Path]:
    return [path for folder in FOLDERS for path in folder.iterdir()]


def named() -> set[str]:
    sources = [*(PACKAGE / "features").rglob("*.py"), *(PACKAGE / "shell/web").rglob("*.py")]
    found = {name for path in sources for name in SHOWN.findall(path.read_text())}
    return found | {name for path in templates() for name in INCLUDED.findall(path.read_text())}


def test_every_template_that_is_named_is_there_once_and_every_other_is_gone():
    there = Counter(path.name for path in templates())
    assert [name for name, times in there.items() if times > 1] == []
    assert named() - {EXAMPLE} == set(there)


def test_a_form_that_waits_calls_its_fields_as_its_page_does():
    known = (PACKAGE / "shell/web/templates/unsent.html").read_text()
    secret = {"again", "code", "passphrase", "password"}
    for path in templates():
        for name in set(re.findall(r'ui\.field\("([a-z_]+)"', path.read_text())) - secret:
            assert f'"{name}": _(' in known, (path.name, name)
