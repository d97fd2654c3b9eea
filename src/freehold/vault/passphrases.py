"""Passphrases that are worth something: what a guesser would need, and one made at random.

Whoever copies a home or a backup may guess at its passphrase for years, on many machines at once.
"""

from __future__ import annotations

from secrets import choice

from freehold.core.errors import InvalidInput
from freehold.core.texts import said

LEAST_CHARACTERS = 12
MOST_BYTES = 4_096
LEAST_GUESSES = 10**12
"""At 0.1 ms a guess, which many graphics cards together may reach, three years."""
_LOOKED_AT = 72
"""Characters that are looked at, from either end: the estimate takes time that grows with their square."""
_SAYINGS = (
    "correcthorsebatterystaple",
    "tobeornottobe",
    "thequickbrownfox",
    "loremipsumdolor",
    "nevergonnagiveyouup",
    "ourfatherwhoartinheaven",
    "itwasthebestoftimes",
    "maytheforcebewithyou",
    "inthebeginning",
    "alleswirdgut",
    "letmein",
    "http",
)
"""What every guesser tries and the estimate does not know; letters only. Much more after one makes it strong."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""
_GROUPS, _GROUP = 5, 4


class WeakPassphrase(InvalidInput, code="keystore.weak"):
    """The passphrase is short or easy to guess; `fields` never quote it."""


def require_strong(passphrase: str, *known: str) -> None:
    """Refuse a new passphrase that can be guessed; `known` are words a guesser tries first, such as a name.

    Raises `WeakPassphrase`.
    """
    if why := weakness(passphrase, *known):
        raise WeakPassphrase(
            said("the passphrase is too weak: {why}", why=why),
            hint=said("Use several words that are not a saying, or a random one: freehold keys suggest"),
        )


def weakness(passphrase: str, *known: str) -> str:
    """Why a passphrase is weak; empty if it is not. Takes bounded time however long it is."""
    if len(passphrase) < LEAST_CHARACTERS:
        return said("it has fewer than {least} characters", least=LEAST_CHARACTERS)
    letters = "".join(letter for letter in passphrase.lower() if letter.isalpha())
    if any(
        letters.startswith(saying) and len(letters) < len(saying) + LEAST_CHARACTERS for saying in _SAYINGS
    ):
        return said("it is a saying or an address")
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists take a moment

    words = ["freehold", *known, *(part for name in known for part in name.split())]
    # a whole takes at least as many guesses as its best part
    found = max(
        (zxcvbn(part, user_inputs=words) for part in {passphrase[:_LOOKED_AT], passphrase[-_LOOKED_AT:]}),
        key=lambda one: one["guesses"],
    )
    if found["guesses"] >= LEAST_GUESSES:
        return ""
    warning = str(found["feedback"]["warning"]).rstrip(".")
    return (warning[:1].lower() + warning[1:]) or said("it is easy to guess")


def suggest() -> str:
    """A random passphrase with about 99 bits, in groups that can be read out."""
    return "-".join("".join(choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
