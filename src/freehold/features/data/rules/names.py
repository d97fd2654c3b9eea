"""Names of columns: one spelling for what looks the same, and where a name that is asked for stands."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from freehold.core.errors import InvalidTable
from freehold.core.texts import said

MAX_NAME = 256
"""Characters of a column's name."""
_INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+(_level_[0-9]+)?")
"""How pandas calls an index that has no name: in Parquet, and read back from CSV."""
TRUTHS = ("true", "false")
"""What data frames write for 1 and 0 in a column of such, in any case."""
SEPARATORS = ";\t|"
"""Between cells where commas are expected, as programs write them in countries with a comma in numbers."""
COMMAS = said("Separate cells by commas, not ; | or tabs, and write a point in numbers: 1.5.")
PLAIN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number as it is kept."""
MISSING = r"(?i)^(|na|n/a|nan|null|none|\?|-|#n/a)$"
"""Well-known marks of a cell that is missing."""
_NUMBER = re.compile(PLAIN)


_OTHER_NUMBER = re.compile(
    "[+-]?[0-9][0-9 .,'\N{RIGHT SINGLE QUOTATION MARK}\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]*"
)


def spelled(name: str) -> str:
    """A name as it is compared and kept: composed (NFC), without space around it."""
    return unicodedata.normalize("NFC", name.strip())


def checked(given: Sequence[str], file: str) -> tuple[str, ...]:
    """The names of a table's columns. Raises InvalidTable: one is missing, unreadable, or there twice."""
    names = [spelled(name) for name in given]
    if not names or not any(names):
        raise InvalidTable(
            said("{file} has an empty header", file=file), hint=said("Name the columns in the first line.")
        )
    for position, name in enumerate(names, start=1):
        if fault := _fault(name):
            hint = _of_blank(names, position) if not name else said("Rename it in the first line.")
            raise InvalidTable(
                said(
                    "{file}: column {position} has no usable name: it {fault}",
                    file=file,
                    position=position,
                    fault=fault,
                ),
                hint=hint,
                column=position,
            )
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        hint = said("Rename one of them.")
        if is_number(twice[0]):
            hint = said("Rename one of them. If the first line is a row, write names above it.")
        raise InvalidTable(
            said("{file} has two columns named '{twice}'", file=file, twice=twice[0]),
            hint=hint,
            column=twice[0],
        )
    return tuple(names)


def _fault(name: str) -> str:
    """What keeps a name from being used, as a sentence goes on; empty if nothing does."""
    if not name:
        return said("is blank")
    if len(name) > MAX_NAME:
        return said(
            "is {length} characters long, and at most {most} are kept; it begins {start}",
            length=len(name),
            most=MAX_NAME,
            start=ascii(name[:20]),
        )
    unseen = next((one for one in name if not one.isprintable()), "")
    if unseen:
        return said(
            "holds {code}, which cannot be seen: {name}", code=f"U+{ord(unseen):04X}", name=ascii(name)
        )
    return ""


def _of_blank(names: Sequence[str], position: int) -> str:
    """What to do about a blank name, from where it stands among the others."""
    if len(names) > 2 and names[0] and not any(names[1:]):
        return said("The first line reads like a title: take it out, so that the names come first.")
    if position == 1:
        return said("An index without a name, as pandas writes it, is left out by to_csv(..., index=False).")
    if position == len(names):
        return said("A comma at the end of each line makes such a column: take it away, or name the column.")
    return said("Name each column in the first line.")


def is_index(name: str) -> bool:
    """Whether pandas names an index so that has no name of its own."""
    return _INDEX.fullmatch(name) is not None


def is_number(text: str) -> bool:
    """Whether a cell reads as a number, as true and false do.

    >>> [is_number(text) for text in ("-1.5e3", ".5", "True", "1_000", "0x10", "nan")]
    [True, True, True, False, False, False]
    """
    return _NUMBER.fullmatch(text) is not None or text.lower() in TRUTHS


def is_value(text: str) -> bool:
    """Whether a cell reads as a number, also as one of another country; or as true or false.

    >>> [is_value(text) for text in ("1.5", "1.234,5", "1 000", "age", "")]
    [True, True, True, False, False]
    """
    return is_number(text) or _OTHER_NUMBER.fullmatch(text) is not None


def require_names(names: Sequence[str], file: str) -> None:
    """Raises InvalidTable: the first line is all numbers, and not those by which columns are counted.

    The values of a row must not become the public names of columns.
    """
    counted = {str(n) for n in range(len(names))}, {str(n + 1) for n in range(len(names))}
    if all(map(is_value, names)) and set(names) not in counted:
        raise InvalidTable(
            said("{file}: the first line holds numbers only, as a row does, and no names", file=file),
            hint=said("Name the columns in the first line."),
        )


def close(wanted: str, names: Iterable[str]) -> list[str]:
    """Names like one that is not there, the likeliest first.

    >>> close("AGE", ["dose", "age"])
    ['age']
    """
    known = list(names)
    same = [name for name in known if name.casefold().split() == wanted.casefold().split()]
    return same or difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)


def near(wanted: str, names: Iterable[str]) -> str:
    """A sentence on what was likely meant; empty where nothing is like it.

    >>> near("b", ["a", "b;c"])
    'Separate cells by commas, not ; | or tabs, and write a point in numbers: 1.5.'
    """
    known = list(names)
    likely = close(wanted, known)
    # the cells of another format, joined
    parts = {spelled(part) for name in known for part in re.split(f"[{SEPARATORS}]", name) if part != name}
    if wanted in parts or any(mark in name and mark not in wanted for name in likely for mark in SEPARATORS):
        return COMMAS
    return said("Did you mean {names}?", names=listed(likely)) if likely else ""


def listed(names: list[str]) -> str:
    """Names as a sentence says them, eight at most."""
    shown = ", ".join(f"'{name}'" for name in names[:8])
    return shown if len(names) <= 8 else said("{names} and {n} more", names=shown, n=len(names) - 8)


def difference(
    columns: Sequence[str], wanted: Sequence[str], label: str = "", wanted_label: str = ""
) -> tuple[str, str]:
    """How columns and label differ from those that were agreed, as a sentence goes on after a table's name; and the first of them.

    Both are empty where nothing differs.

    >>> difference(["age", "Dose", "x"], ["age", "dose"])
    ("lacks 'dose' (it has 'Dose') and has 'Dose', 'x' in excess", 'dose')
    >>> difference(["dose", "age"], ["age", "dose"])
    ("has the columns in another order, from 'dose' on, its column 1, where 'age' was agreed", 'dose')
    """
    if label != wanted_label:
        return said("has the label '{label}', not '{wanted}'", label=label, wanted=wanted_label), wanted_label
    missing = [name for name in wanted if name not in set(columns)]
    extra = [name for name in columns if name not in set(wanted)]
    lacks, excess = _lacks(missing, extra), said("has {extra} in excess", extra=listed(extra))
    if missing and extra:
        return said("{lacks} and {excess}", lacks=lacks, excess=excess), missing[0]
    if missing or extra:
        return (lacks, missing[0]) if missing else (excess, extra[0])
    for place, (seen, name) in enumerate(zip(columns, wanted, strict=False), start=1):
        if seen != name:
            order = said(
                "has the columns in another order, from '{seen}' on, its column {place}, where '{name}' was agreed",
                seen=seen,
                place=place,
                name=name,
            )
            return order, seen
    return "", ""


def _lacks(missing: list[str], extra: list[str]) -> str:
    """That names are missing, with the one that the first of them may have become."""
    near = close(missing[0], extra) if missing else []
    if near:
        return said("lacks {missing} (it has '{near}')", missing=listed(missing), near=near[0])
    return said("lacks {missing}", missing=listed(missing))
