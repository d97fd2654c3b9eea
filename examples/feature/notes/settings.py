"""Settings of notes."""

from freehold.kernel.installed import Setting

SETTINGS = (Setting("notes_longest", 2_000, "Most characters of one note.", least=1),)
