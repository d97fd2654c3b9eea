"""What the package says of itself beside `pyproject.toml`: its addresses, and the README with links that work anywhere."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!#|[a-z]+://)([^)\s]+)\)")


def absolute(text: str, repository: str) -> str:
    """The text with each relative link leading to the file in the repository; pictures to their bytes."""

    def lead(found: re.Match[str]) -> str:
        mark, shown, path = found.groups()
        return f"{mark}[{shown}]({repository}/{'raw' if mark else 'blob'}/main/{path})"

    return LINK.sub(lead, text)


class Addresses(MetadataHookInterface):
    """All that names the repository, from the one place that says where it is."""

    def update(self, metadata: dict[str, object]) -> None:
        """Add `readme` and `urls`."""
        repository = self.config["repository"]
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, repository)}
        metadata["urls"] = {
            "Repository": repository,
            "Documentation": f"{repository}/blob/main/docs/index.md",
            "Changelog": f"{repository}/blob/main/CHANGELOG.md",
            "Issues": f"{repository}/issues",
            "Security": f"{repository}/security/policy",
        }
