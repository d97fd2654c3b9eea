"""Values as people read them: money, times, names of others' choosing, ids. Filters of every template.

Names and texts come from strangers: they are clipped, their control characters replaced, and isolated
in `<bdi>`, so that they can neither run, nor reorder what stands beside them, nor fill the page. Numbers,
money and times are written as the reader of the page writes them (`formats`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from freehold.core import epsilons
from freehold.core.errors import FreeholdError
from freehold.core.texts import UNKNOWN, Text, Value, moment_of, said
from freehold.kernel.web import formats, names, typed
from freehold.kernel.web.formats import ago, duration, listed, number, percent, size, tr
from freehold.kernel.web.reader import reader

MOST_NAME = 80
MOST_TEXT = 2_000


def finished(one: object) -> object:
    """What a template shows: a text or a value of the node in the reader's language."""
    return formats.value(one) if isinstance(one, Text | Value) else one


def plain(text: object, most: int = MOST_TEXT) -> str:
    """Text without control or direction characters, cut at `most` characters."""
    if isinstance(text, Text):
        # its values were cleaned one by one, and may be set apart
        return names.cut(tr(text), most)
    raw = str(text)
    return names.cut(names.clean(raw[: most + 1]), most)


def told(text: object, most: int = 400) -> str:
    """A sentence of this node; English that has no other language is marked as such for those who have one."""
    shown = plain(text, most)
    if isinstance(text, Text) or reader().language == "en" or not shown:
        return shown
    return Markup('<span lang="en" dir="ltr">{}</span>').format(shown)


def problem(error: FreeholdError) -> Text:
    """What went wrong and what to do about it, in one text."""
    message = error.message
    if not isinstance(message, Text):
        message = message[:1].upper() + message[1:]
    if not error.hint:
        return said("{message}.", message=message)
    return said("{message}. {hint}", message=message, hint=error.hint)


def named(text: object, most: int = MOST_NAME) -> Markup:
    """A name somebody else chose; None where it cannot be read."""
    if text is None:
        return Markup("<span>{}</span>").format(tr(said("(unknown)")))
    raw = plain(text, 400).replace("\n", " ")
    shown = names.cut(raw, most)
    if not names.says_something(shown):
        shown = tr(said("(no name)"))
    title = Markup(' title="{}"').format(raw) if shown != raw else ""
    return Markup("<bdi{}>{}</bdi>").format(title, shown)


def written(text: object) -> Markup:
    """A longer text somebody else wrote; its line breaks stay."""
    return Markup('<bdi class="written">{}</bdi>').format(plain(text))


def money(units: int | None, decimals: int | None = None) -> Markup:
    """Dollars, in a column with its `decimals` (`formats.cents`); hovering shows every decimal where some are left out."""
    shown = formats.money(units) if units is None or decimals is None else formats.rounded(units, decimals)
    if units is None or len(shown) >= len(exact := formats.exact(units)):
        return Markup('<span class="money">{}</span>').format(shown)
    return Markup('<span class="money" title="{}">{}</span>').format(exact, shown)


def when(seconds: float | None) -> str:
    """A moment in words; hovering shows it exactly. `seconds` is Unix time."""
    return UNKNOWN if seconds is None else _time(seconds, ago(seconds))


def moment(seconds: float | None) -> str:
    """A moment as day and time."""
    return UNKNOWN if seconds is None else _time(seconds, formats.moment(seconds))


def day(seconds: float | None) -> str:
    """A moment as a date."""
    return UNKNOWN if seconds is None else _time(seconds, formats.day(seconds))


def short_day(seconds: float) -> str:
    """A moment as a date, where there is little room."""
    return _time(seconds, formats.short_day(seconds))


def count(number: int | None, noun: str, many: str = "") -> Text:
    """`1 row`, `2 rows`, `— rows` where nothing that can be read says how many."""
    forms = f"{{n}} {noun}", f"{{n}} {many or noun + 's'}"
    return said.many(*forms, n=number)


def ident(identifier: str, label: str = "") -> Markup:
    """An id, folded away."""
    return Markup(
        '<details class="id"><summary>{}</summary><code>{}</code>'
        '<button type="button" class="quiet small" data-copy="{}" hidden>{}</button></details>'
    ).format(tr(label or said("ID")), identifier, identifier, tr(said("Copy")))


def purpose(word: str) -> str:
    """A purpose of the terms as people say it."""
    return PURPOSES.get(word, plain(word.replace("-", " ").replace("_", " "), MOST_NAME))


PURPOSES = {
    "model-training": said("training a model"),
    "research": said("research"),
    "evaluation": said("evaluating a model"),
    "quality-improvement": said("improving quality of care"),
}
"""Purposes offered by the publish page, and how they read in a sentence."""


def capitalise(text: object) -> str:
    """A text of the node with a capital first letter; a name, alone or at its beginning, stays as somebody wrote it."""
    shown = formats.value(text) if isinstance(text, Value) else tr(text)
    if not isinstance(text, Text | Value) or (
        isinstance(text, Text) and isinstance(formats.begins(text), str)
    ):
        return shown
    return shown[:1].upper() + shown[1:]


def sentence(text: object, most: int = 400) -> str:
    """A sentence of this node by itself: as `told`, and with a capital first letter."""
    if not isinstance(text, Text):
        raw = str(text)
        return told(raw[:1].upper() + raw[1:], most)
    return plain(capitalise(text), most)


def epsilon(micro: int | None) -> str:
    """A number of epsilon, rounded up to two decimals, for what is spent must not look like less."""
    return UNKNOWN if micro is None else number(Decimal(epsilons.rough_up(micro)))


FILTERS: dict[str, Callable[..., Any]] = {
    "amount": typed.amount,
    "cents": formats.cents,
    "capitalise": capitalise,
    # a template joins it to other text
    "count": lambda *given: tr(count(*given)),
    "day": day,
    "duration": duration,
    "epsilon": epsilon,
    "ident": ident,
    "listed": listed,
    "moment": moment,
    "money": money,
    "named": named,
    "number": number,
    "percent": percent,
    "plain": plain,
    "purpose": purpose,
    "sentence": sentence,
    "short_day": short_day,
    "size": size,
    "told": told,
    "tr": tr,
    "typed": typed.as_typed,
    "when": when,
    "written": written,
}


def _time(seconds: float, words: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment_of(seconds).strftime("%Y-%m-%dT%H:%M:%SZ"), formats.moment(seconds, precise=True), words
    )
