"""How a file is meant where it could mean two things, as whoever has it says: `decimal=comma`, `dates=day`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from freehold.core.errors import InvalidInput

CHOICES: Mapping[str, tuple[str, ...]] = {
    "decimal": ("point", "comma"),
    "dates": ("day", "month"),
    "encoding": ("utf-8", "utf-16", "latin-1"),
    "separator": ("comma", "semicolon", "tab", "bar"),
}
"""What can be said of a file, and how; besides, the name of a workbook's sheet."""
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
MOST_SHEET = 100
_FORM = (
    "Say decimal=comma or decimal=point; dates=day or dates=month, which comes first; encoding=latin-1;"
    " separator=semicolon; or sheet=NAME."
)


@dataclass(frozen=True)
class Ways:
    """What was said; empty where the file is to speak for itself."""

    decimal: str = ""
    """The decimal mark where 1,234 could be either number."""
    dates: str = ""
    """What comes first where 03/04/2026 could be either date."""
    encoding: str = ""
    """Of a text whose bytes do not tell."""
    separator: str = ""
    """Between cells."""
    sheet: str = ""
    """Of a workbook with several."""

    @classmethod
    def of(cls, said: Iterable[str]) -> Ways:
        """As it was typed, such as `decimal=comma`. Raises InvalidInput: it is not known, or said twice.

        >>> Ways.of(["decimal=comma", "sheet=2026"])
        Ways(decimal='comma', dates='', encoding='', separator='', sheet='2026')
        """
        found: dict[str, str] = {}
        for text in said:
            name, _, value = (part.strip() for part in text.partition("="))
            known = value in CHOICES.get(name, ()) or (name == "sheet" and 0 < len(value) <= MOST_SHEET)
            if not known or name in found:
                twice = "is said twice" if name in found else "says nothing that is known"
                raise InvalidInput(
                    f"{text[:60]!r} {twice} of how a file is read", hint=_FORM, field="read_as"
                )
            found[name] = value
        return cls(**found)

    @property
    def said(self) -> list[str]:
        """As it is typed."""
        return [f"{name}={value}" for name, value in asdict(self).items() if value]


NONE = Ways()
