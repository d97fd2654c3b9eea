"""A hook of mkdocs: what pages link to outside docs/ comes along as text, so that the site stands alone."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<=\]\()(?!\w+:)(\.\./[^)#\s]+)(?=[)#])")

SHIM = re.compile(r'<script src="https://unpkg.com/iframe-worker/shim"></script>')


def outside(page: str, target: str) -> str | None:
    """The path from the root of the repository of what a page of docs/ links to; None if it is in docs/."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") else path


def on_files(files: Any, config: Any) -> Any:
    """Add a copy of each file outside docs/ that a page links to."""
    added = set()
    for file in list(files.documentation_pages()):
        for target in LINK.findall(Path(file.abs_src_path).read_text()):
            path = outside(file.src_uri, target)
            if path and path not in added:
                added.add(path)
                text = (ROOT / path).read_text()
                files.append(File.generated(config, f"source/{path}.txt", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point those links at the copies."""
    here = posixpath.dirname(page.file.src_uri)

    def inside(match: re.Match[str]) -> str:
        path = outside(page.file.src_uri, match[1])
        return posixpath.relpath(f"source/{path}.txt", here or ".") if path else match[1]

    return LINK.sub(inside, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Search on pages opened from disk comes from here; the theme would fetch it from another site."""
    script = (ROOT / "scripts" / "site_search.js").read_text()
    return SHIM.sub(lambda _: f"<script>{script}</script>", output)


def on_post_template(output_content: str, **_: Any) -> str:
    """As `on_post_page`, for pages such as 404."""
    return SHIM.sub("", output_content)
