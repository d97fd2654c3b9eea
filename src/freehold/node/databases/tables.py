"""Every table of a node, as numbered steps; a step that was released is never changed.

A database at step N gets N+1 and all that follow. Both forms of a step say the same in their database's
words; columns and their order are equal, so every other statement is written once.
"""

from __future__ import annotations

from dataclasses import dataclass

from freehold.log.store import TABLES as LOG_TABLES
from freehold.vault.vault import TABLES as VAULT_TABLES


@dataclass(frozen=True)
class Step:
    """What takes a database from one version to the next."""

    name: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]


_INDEXES = (
    "CREATE INDEX documents_by_type ON documents (type, kind)",
    "CREATE INDEX documents_by_about ON documents (about, type, kind)",
    "CREATE INDEX documents_unsigned ON documents (type, about) WHERE NOT complete",
    "CREATE INDEX nonces_by_expiry ON nonces (expires_at)",
)
_FIRST_SQLITE = (
    """CREATE TABLE documents (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL, signer TEXT NOT NULL,
  complete INTEGER NOT NULL, public INTEGER NOT NULL, position INTEGER, envelope BLOB NOT NULL
)""",
    "CREATE TABLE uses (grant_id TEXT PRIMARY KEY, uses INTEGER NOT NULL, spent_units INTEGER NOT NULL)",
    "CREATE TABLE answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL)",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE nonces (nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL)",
    *_INDEXES,
    *LOG_TABLES,
    *VAULT_TABLES,
)
# COLLATE "C" orders text by its bytes, as SQLite does; rowid is what SQLite has unasked: the order of keeping
_FIRST_POSTGRESQL = (
    """CREATE TABLE documents (
  id TEXT COLLATE "C" PRIMARY KEY, type TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
  signer TEXT NOT NULL, complete BOOLEAN NOT NULL, public BOOLEAN NOT NULL, position BIGINT,
  envelope BYTEA NOT NULL, rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE
)""",
    'CREATE TABLE uses (grant_id TEXT COLLATE "C" PRIMARY KEY, uses BIGINT NOT NULL, spent_units BIGINT NOT NULL)',
    'CREATE TABLE answers (key TEXT COLLATE "C" PRIMARY KEY, request TEXT NOT NULL, answer BYTEA NOT NULL)',
    'CREATE TABLE state (name TEXT COLLATE "C" PRIMARY KEY, value BYTEA NOT NULL)',
    'CREATE TABLE nonces (nonce TEXT COLLATE "C" PRIMARY KEY, expires_at BIGINT NOT NULL)',
    *_INDEXES,
    "CREATE TABLE log_entries (position BIGINT PRIMARY KEY, data BYTEA NOT NULL)",
    (
        "CREATE TABLE log_nodes (level BIGINT NOT NULL, position BIGINT NOT NULL, hash BYTEA NOT NULL,"
        " PRIMARY KEY (level, position))"
    ),
    (
        "CREATE FUNCTION log_keep() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$"
    ),
    *(
        f"CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION log_keep()"
        for table in ("log_entries", "log_nodes")
    ),
    (
        'CREATE TABLE vault_epochs (asset TEXT COLLATE "C" NOT NULL, epoch BIGINT NOT NULL, recipient TEXT NOT NULL,'
        " wrapped BYTEA NOT NULL, PRIMARY KEY (asset, epoch))"
    ),
)

STEPS = (
    Step("documents, log and vault", _FIRST_SQLITE, _FIRST_POSTGRESQL),
    Step(
        "a record of these steps",
        (
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)",
        ),
        (
            "CREATE TABLE migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        ),
    ),
)
