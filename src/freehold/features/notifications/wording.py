"""What a message says: in the language that was chosen, without control characters, one line for each thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from freehold.core.texts import said
from freehold.features.notifications.channels import Choice
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.feature import Reminder
from freehold.kernel.inbox import PRESSING
from freehold.kernel.web.formats import tr
from freehold.kernel.web.reader import READER, SPOKEN, Reader
from freehold.kernel.web.words import plain

SUBJECTS = {
    "trouble": said("Something is wrong"),
    "request": said("A request waits for you"),
    "offer": said("An owner answered you"),
    "refusal": said("A request was refused"),
    "job": said("A training run waits for you"),
    "money": said("Money waits for you"),
    "backup": said("A backup is due"),
}
NAMES = {
    "trouble": said("Troubles of this node"),
    "request": said("Requests for your data and models"),
    "offer": said("Offers and agreements of other owners"),
    "refusal": said("Refusals of other owners"),
    "job": said("Training runs"),
    "money": said("Money"),
    "backup": said("Backups that are due"),
}
"""Kinds of things, as their owner chooses among them."""
KINDS = PRESSING
MOST_LINE = 1_000
TEST = "test"


@dataclass(frozen=True)
class Line:
    """One thing, as it is told."""

    key: str
    kind: str
    text: str
    href: str
    """A link where it is known where the console is reached, else the page below it."""


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Texts are said in a language; in English where nobody speaks it."""
    before = READER.set(Reader(language, texts=SPOKEN[language]) if language in SPOKEN else Reader())
    try:
        yield
    finally:
        READER.reset(before)


def line(one: Reminder, choice: Choice) -> Line:
    """A thing of the inbox, in words."""
    with spoken(choice.language):
        text = " ".join(plain(one.text, MOST_LINE).split())
    base = f"{choice.console_url}{CONSOLE_PATH}" if choice.console_url else ""
    return Line(one.key, one.kind, text, base + one.href)


def example(choice: Choice) -> Line:
    """What a test sends."""
    text = said("This is a test. What waits for you will arrive like this.")
    return line(Reminder(text, "/settings/notifications", "", TEST, TEST), choice)


def subject(lines: Sequence[Line], choice: Choice) -> str:
    """Of a mail: by the kind of what it tells, so that no stranger has a say in it."""
    with spoken(choice.language):
        if len(lines) > 1:
            return tr(said.many("{n} thing waits for you", "{n} things wait for you", n=len(lines)))
        usual = said("A test of notifications") if lines[0].kind == TEST else said("Something waits for you")
        return tr(SUBJECTS.get(lines[0].kind, usual))


def body(lines: Sequence[Line], choice: Choice) -> str:
    """Of a mail."""
    with spoken(choice.language):
        if choice.console_url:
            parts = [f"{one.text}\n{one.href}" for one in lines]
            end = tr(said("You get this because notifications are on in your node's settings."))
        else:
            parts = [one.text for one in lines]
            end = tr(said("Open your node's console to see more. Notifications are on in its settings."))
    return "\n\n".join([*parts, f"-- \n{end}"]) + "\n"
