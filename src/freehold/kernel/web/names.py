"""What strangers wrote, made safe to show: no control characters, none that reorder what stands beside it.

Signs that join others stay where a script or an emoji needs them, and nowhere else: an invisible
character between two Latin letters is a trick, between a man and a microscope it is a scientist.
"""

from __future__ import annotations

import re
import unicodedata

from freehold.kernel.web.reader import reader

REPLACED = "\N{REPLACEMENT CHARACTER}"
_JOINER, _NON_JOINER = "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"
_AS_EMOJI = "\N{VARIATION SELECTOR-16}"
_VIRAMA = 9
"""The combining class of a sign that binds two letters, as in Devanagari."""
_FLAG = re.compile("\N{WAVING BLACK FLAG}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
"""Of a part of a country, as of Scotland (UTS 51, ED-14a)."""
_HARMFUL = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and signs that look like nothing: with one more of them a name is another and reads the same."""
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x180B, 0x180F))
"""Choose among shapes of the sign before them; after a letter of the alphabets that have one shape they are unseen."""
_MOST_MARKS = 6
"""Upon one letter; more would lie upon the lines above and below."""


def clean(text: str) -> str:
    """Without control and direction characters, and without what is not seen; line breaks stay."""
    if text.isascii() and text.isprintable():
        return text
    flags = {at for hit in _FLAG.finditer(text) for at in range(*hit.span())}
    kept, marks = [], 0
    for at, char in enumerate(text):
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char if char == "\n" or at in flags or _is_fair(text, at) else REPLACED)
    return "".join(kept)


def says_something(text: str) -> bool:
    """Whether anything of a clean text is seen."""
    return any(char != REPLACED and unicodedata.category(char)[0] in "LNPS" for char in text)


def _is_fair(text: str, at: int) -> bool:
    """Whether a character is seen for what it is, where it stands."""
    char = text[at]
    if any(first <= ord(char) <= last for first, last in _SELECTORS):
        before = text[at - 1] if at else " "
        return before in "ℹⓂ" or unicodedata.category(before) not in ("Lu", "Ll", "Lt", "Lm", "Zs")
    return char not in _UNSEEN and (unicodedata.category(char) not in _HARMFUL or _joins(text, at))


def cut(text: str, most: int) -> str:
    """At most so many characters, the last a sign of more; nothing is joined to that sign."""
    return text if len(text) <= most else text[: most - 1].rstrip(_JOINER + _NON_JOINER) + "…"


def _joins(text: str, at: int) -> bool:
    """Whether a character joins, or keeps apart, what stands around it in a way that is written so."""
    if at == 0 or text[at] not in (_JOINER, _NON_JOINER):
        return False
    before, after = text[at - 1], text[at + 1 : at + 2]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if not after:
        return False
    if text[at] == _JOINER and unicodedata.category(after) == "So":
        return before == _AS_EMOJI or unicodedata.category(before) in ("So", "Sk")
    # Persian, Urdu and their kin, with vowel signs or without
    arabic = unicodedata.bidirectional(before) == "AL" or (
        unicodedata.category(before) == "Mn" and at > 1 and unicodedata.bidirectional(text[at - 2]) == "AL"
    )
    return arabic and unicodedata.bidirectional(after) == "AL"


def isolated(text: str) -> str:
    """A value within a sentence that runs the other way, set apart so that it does not move its neighbours."""
    if reader().direction == "rtl" or any(unicodedata.bidirectional(char) in ("R", "AL") for char in text):
        return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
    return text
