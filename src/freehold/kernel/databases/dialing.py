"""Reaching a Postgres server: its socket, encryption, the password, and what is said when it cannot be."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path

from pg8000.exceptions import DatabaseError, InterfaceError  # type: ignore[import-untyped]
from pg8000.native import Connection as Wire  # type: ignore[import-untyped]
from scramp import ScramException  # type: ignore[import-untyped]

from freehold import plain_file
from freehold.kernel.databases.address import Address, password
from freehold.kernel.databases.errors import DatabaseLocked, StorageFailed

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""How long one statement may take before its session is given up."""
OLDEST = 13
"""The first that knows what became of a transaction by its 64-bit number."""
LOST = (InterfaceError, OSError, struct.error, ScramException)
"""What the driver raises when the other side is gone or speaks something else."""
ELSEWHERE = "Start the database server, or check its address; then retry."
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_MOST_AUTHORITIES_BYTES = 1 << 24
_NUMERIC = 1700
_HINTS = {
    "28": "Check the user, and its password in PGPASSWORD or ~/.pgpass.",
    "3D": "Create it on the server: createdb NAME",
    "3F": "Create a schema the user may write to: CREATE SCHEMA AUTHORIZATION USER",
    "42": "Give the node a database or a schema of its own, which its user may create tables in.",
    "53": "Free some disk space on the database server, then retry.",
}
"""By class of the server's error code."""
_WAITED_IN_VAIN = ("55P03", "57014")
"""A lock was not to be had in time; a statement took too long."""


class SessionLost(StorageFailed, code="store.lost"):
    """The session with the database server ended; a transaction that was open is not kept."""


def dial(address: Address) -> Wire:
    """A session with the server, logged in.

    Raises `SessionLost`: no server answers, or not one to be trusted. `StorageFailed`: it refuses.
    """
    secret = password(address)
    try:
        plain = _connected(address)
        try:
            wire = Wire(
                address.user,
                database=address.name,
                password=secret,
                sock=plain,
                ssl_context=False,
                application_name="freehold",
            )
        except BaseException:
            plain.close()
            raise
    except DatabaseError as error:
        raise refused(error) from error
    except LOST as error:
        raise SessionLost(f"cannot connect to the database {address}: {error}", hint=ELSEWHERE) from error
    found = re.match(r"\d+", wire.parameter_statuses.get("server_version", ""))
    if found is None or int(found[0]) < OLDEST:
        end(wire)
        raise StorageFailed(
            f"the database server is older than PostgreSQL {OLDEST}", hint="Upgrade it, or use another."
        )
    # sums come as numeric; every column is whole
    wire.register_in_adapter(_NUMERIC, int)
    plain.settimeout(ANSWER_SECONDS)
    return wire


def _connected(address: Address) -> socket.socket:
    if address.is_socket:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        plain = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        plain.settimeout(CONNECT_SECONDS)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.is_socket:
            plain.connect(f"{address.host}/.s.PGSQL.{address.port}")
            return plain
        return plain if address.sslmode == "disable" else _encrypted(plain, address)
    except BaseException:
        plain.close()
        raise


def _encrypted(plain: socket.socket, address: Address) -> socket.socket:
    authorities = None
    if address.sslrootcert:
        file = plain_file.content(Path(address.sslrootcert), _MOST_AUTHORITIES_BYTES)
        # between certificates stand names, in any language
        authorities = file.decode("ascii", "ignore")
    context = ssl.create_default_context(cadata=authorities)
    if address.sslmode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    plain.sendall(_SSL_REQUEST)
    # one byte and no more: what follows must be inside the encryption
    if plain.recv(1) != b"S":
        raise ConnectionError("the server offers no SSL")
    return context.wrap_socket(plain, server_hostname=address.host)


def end(wire: Wire) -> None:
    """Close it, whatever state it is in."""
    plain = wire._usock  # noqa: SLF001 - closing leaves it open while a traceback still holds its file
    with suppress(*LOST):
        wire.close()
    with suppress(OSError, AttributeError):
        plain.shutdown(socket.SHUT_RDWR)


def refused(error: DatabaseError) -> StorageFailed:
    """Only the server's own sentence: its details may hold rows."""
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    state = str(fields.get("C", ""))
    if state in _WAITED_IN_VAIN:
        return DatabaseLocked(
            "the database is locked by another session, or too busy",
            hint="Find who holds it: SELECT * FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE granted.",
            state=state,
        )
    return StorageFailed(
        f"the database server refused: {fields.get('M', 'for no reason given')}",
        hint=_HINTS.get(state[:2], "Look into the log of the database server."),
        state=state,
    )
