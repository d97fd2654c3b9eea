"""A check of a feature that fails is a finding; it keeps no other from being made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from freehold.core.connection import Connection
from freehold.core.errors import Conflict
from freehold.kernel.databases import opening
from freehold.kernel.finding import CheckFound, ok, warning
from freehold.shell.cli import doctor
from freehold.shell.doctor.database import checked


def _broken(connection: Connection) -> Iterator[CheckFound]:
    yield ok("bells", "never seen")
    connection.execute("SELECT count(*) FROM no_such_table").fetchone()


def _faulty(_: Connection) -> Iterator[CheckFound]:
    raise KeyError("bell")


def _refused(_: Connection) -> Iterator[CheckFound]:
    raise Conflict("two bells", hint="Take one away.")


def _sound(connection: Connection) -> Iterator[CheckFound]:
    yield ok("chimes", str(connection.execute("SELECT count(*) FROM documents").fetchone()[0]))


def test_a_check_that_fails_is_a_finding_and_the_next_is_made(tmp_path: Path, database_url: str) -> None:
    opening.for_writing(tmp_path, database_url).close()
    with closing(opening.for_reading(tmp_path, database_url)) as connection:
        connection.execute("BEGIN")
        checks = {"bells": _broken, "gongs": _faulty, "horns": _refused, "chimes": _sound}
        found = [one for name, check in checks.items() for one in checked(name, check, connection)]
    assert [(one.check, one.level) for one in found] == [
        *((name, "problem") for name in ("bells", "gongs", "horns")),
        ("chimes", "ok"),
    ]
    assert "its check failed: KeyError: 'bell'" in found[1].detail
    assert (found[2].detail, found[2].hint) == ("two bells", "Take one away.")


def test_the_last_line_does_not_pass_over_a_warning():
    fine, odd = ok("disk", "room enough"), warning("peers", "one is away", "Ask who runs it.")
    *_, last = doctor._lines([fine], sound=True)
    assert last == "nothing is wrong"
    *_, last = doctor._lines([fine, odd], sound=True)
    assert last == "nothing is broken; look at what is marked WARNING above"
    *_, last = doctor._lines([fine, odd, odd], sound=True)
    assert "what are marked" in last
