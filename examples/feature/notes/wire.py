"""Notes: what their operations ask and answer. Nothing heavy is imported here: commands load this file alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from freehold.kernel.operation import Effect, Operation, Request
from freehold.kernel.shape import Count, Id, Shape, Time
from freehold.kernel.surface import ARGUMENT, Reference

GROUPS = {"notes": "What you want to remember about documents."}


class Note(Shape):
    """What the owner noted."""

    number: Count
    """In the order in which notes were made."""
    about: Id
    """The document."""
    text: str
    """What it says."""
    at: Time
    """When it was made."""


class Notes(Shape):
    """A page of notes."""

    notes: list[Note]
    """Newest first."""


class AddNote(Request):
    """Note something about a dataset or a model."""

    about: Annotated[str, ARGUMENT, Reference("asset")]
    """Id or name of the dataset or model."""
    text: Annotated[str, Field(min_length=1), ARGUMENT]
    """What to remember."""


class ListNotes(Request):
    """List notes, the newest first."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    """Most to list."""


class ShowNote(Request):
    """Show one note."""

    number: Annotated[int, Field(ge=1), ARGUMENT]
    """Its number."""


ADD = Operation(
    "notes.add", AddNote, Note, "/notes", Effect.CHANGES, method="note", example="biopsies 'ask Kim'"
)
LIST = Operation("notes.list", ListNotes, Notes, "/notes", Effect.READS, gives="notes", example="")
SHOW = Operation("notes.show", ShowNote, Note, "/notes/{number}", Effect.READS, method="noted", example="1")
OPERATIONS = (ADD, LIST, SHOW)
