"""Names that a reader takes for one another: other case, other spelling of one letter, letters that look the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from string import ascii_uppercase


def spelled(name: str) -> str:
    """A name in the one spelling that it is looked up by (NFKC, one space between words, no case)."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


def folded(text: str) -> str:
    r"""A text as lists are searched and sorted by it: without case and accents, however its letters were composed.

    >>> folded("Ärzte"), folded("A\u0308rzte"), folded("STRASSE") == folded("Straße")
    ('arzte', 'arzte', True)
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def mixes_alphabets(name: str) -> bool:
    """Whether a name has letters of two scripts, some of which look like letters of the other (UTS 39)."""
    # the table takes 20 ms to load
    from confusable_homoglyphs import confusables  # noqa: PLC0415

    return not name.isascii() and bool(confusables.is_dangerous(name))


def alike(one: str, other: str) -> bool:
    r"""Whether two names are spelled alike or look alike.

    >>> alike("Anna Berg", "anna  BERG"), alike("Oco", "\u041e\u0441\u043e"), alike("Modern", "Modem"), alike("Iris", "lris")
    (True, True, True, True)
    >>> alike("Anna", "Hanna"), alike("Ned", "Ved")
    (False, False)
    """
    return spelled(one) == spelled(other) or _shape(one) == _shape(other)


def _shape(name: str) -> str:
    """What a name looks like: one letter for all that look the same (UTS 39, section 4)."""
    shapes = _shapes()
    text = "".join(unicodedata.normalize("NFKC", name).split())
    # twice, for a letter may look like two, each of which looks like others
    for _ in range(2):
        text = "".join(shapes.get(letter, letter) for letter in text)
    return text


@cache
def _shapes() -> Mapping[str, str]:
    """Letter -> what stands for all that look like it, or like its other case in ASCII."""
    from confusable_homoglyphs import confusables  # noqa: PLC0415

    parent: dict[str, str] = {}

    def first(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    def join(one: str, other: str) -> None:
        # a letter that looks like two stands for them
        low, high = sorted((first(one), first(other)), key=lambda text: (-len(text), text))
        parent[high] = low

    for letter, likes in confusables.confusables_data.items():
        for like in likes:
            if len(letter) + len(like["c"]) <= 3:
                join(letter, like["c"])
    for letter in ascii_uppercase:
        join(letter, letter.lower())
    return {letter: first(letter) for letter in list(parent) if len(letter) == 1}
