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


@dataclass(frozen=True)
class Filling:
    """One statement in the words of both databases."""

    sqlite: str
    postgresql: str


FILL_RECEIPTS = Filling(
    sqlite="""INSERT INTO receipts SELECT position, id, json_extract(body, '$.issued_at'), kind,
  coalesce(json_extract(body, '$.inputs[0]'), ''), json_extract(body, '$.provider'), json_extract(body, '$.holder'),
  (SELECT coalesce(sum(max(json_extract(line.value, '$.delta_units'), 0)), 0) FROM json_each(body, '$.money') AS line)
  FROM (SELECT position, id, kind, json_extract(CAST(envelope AS TEXT), '$.document') AS body FROM documents
    WHERE type = 'receipt' AND position IS NOT NULL)""",
    postgresql="""INSERT INTO receipts SELECT position, id, CAST(body ->> 'issued_at' AS BIGINT), kind,
  coalesce(body #>> '{inputs,0}', ''), body ->> 'provider', body ->> 'holder',
  (SELECT coalesce(sum(greatest(CAST(line ->> 'delta_units' AS BIGINT), 0)), 0)
    FROM jsonb_array_elements(body -> 'money') AS line)
  FROM (SELECT position, id, kind, CAST(convert_from(envelope, 'UTF8') AS jsonb) -> 'document' AS body FROM documents
    WHERE type = 'receipt' AND position IS NOT NULL) AS kept""",
)
"""Makes the rows of `receipts` from the documents; the table must be empty."""
# what a list of uses shows and filters by, read out of the receipts in the log; its order is time, then place
_RECEIPT_INDEXES = (
    "CREATE INDEX receipts_by_time ON receipts (issued_at, position)",
    *(
        f"CREATE INDEX receipts_by_{column} ON receipts ({column}, issued_at, position)"
        for column in ("asset", "provider", "holder", "action")
    ),
    "CREATE INDEX documents_by_position ON documents (position)",
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

# the privacy of rows: which tables speak of the same rows, what was promised about them, what runs have cost them
_PRIVACY_INDEXES = ("CREATE INDEX privacy_spent_by_time ON privacy_spent (line, at, run)",)
_PRIVACY_SQLITE = (
    """CREATE TABLE privacy_terms (
  number INTEGER PRIMARY KEY, line TEXT NOT NULL UNIQUE, epsilon_life_micro INTEGER NOT NULL,
  delta_exponent INTEGER NOT NULL, reveals TEXT NOT NULL
)""",
    "CREATE TABLE privacy_lines (asset TEXT NOT NULL, line TEXT NOT NULL, PRIMARY KEY (asset, line)) WITHOUT ROWID",
    "CREATE TABLE privacy_rows (fingerprint BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE privacy_spent (
  line TEXT NOT NULL, run TEXT NOT NULL, rho_nano INTEGER NOT NULL, epsilon_micro INTEGER NOT NULL,
  holder TEXT NOT NULL, asset TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (line, run)
)""",
    """CREATE TABLE privacy_reserved (
  line TEXT NOT NULL, run TEXT NOT NULL, rho_nano INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (line, run)
)""",
    "CREATE INDEX privacy_lines_by_line ON privacy_lines (line)",
    *_PRIVACY_INDEXES,
)
_PRIVACY_POSTGRESQL = (
    """CREATE TABLE privacy_terms (
  number BIGINT PRIMARY KEY, line TEXT COLLATE "C" NOT NULL UNIQUE, epsilon_life_micro BIGINT NOT NULL,
  delta_exponent BIGINT NOT NULL, reveals TEXT NOT NULL
)""",
    (
        'CREATE TABLE privacy_lines (asset TEXT COLLATE "C" NOT NULL, line TEXT COLLATE "C" NOT NULL,'
        " PRIMARY KEY (asset, line))"
    ),
    "CREATE TABLE privacy_rows (fingerprint BYTEA PRIMARY KEY, line BIGINT NOT NULL)",
    """CREATE TABLE privacy_spent (
  line TEXT COLLATE "C" NOT NULL, run TEXT COLLATE "C" NOT NULL, rho_nano BIGINT NOT NULL,
  epsilon_micro BIGINT NOT NULL, holder TEXT NOT NULL, asset TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (line, run)
)""",
    """CREATE TABLE privacy_reserved (
  line TEXT COLLATE "C" NOT NULL, run TEXT COLLATE "C" NOT NULL, rho_nano BIGINT NOT NULL, until BIGINT NOT NULL,
  PRIMARY KEY (line, run)
)""",
    "CREATE INDEX privacy_lines_by_line ON privacy_lines (line)",
    *_PRIVACY_INDEXES,
)

# what strangers left here and nobody has authorised yet; with whom this party deals; answers kept for a retry
_BOUNDED_INDEXES = (
    "CREATE INDEX pending_by_party ON pending (kind, party)",
    "CREATE INDEX pending_by_known ON pending (kind, known)",
    "CREATE INDEX sold_by_buyer ON sold (buyer)",
)
_BOUNDED_SQLITE = (
    """CREATE TABLE pending (
  kind TEXT NOT NULL, name TEXT NOT NULL, party TEXT NOT NULL, bytes INTEGER NOT NULL, known INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
)""",
    "CREATE TABLE partners (account TEXT PRIMARY KEY) WITHOUT ROWID",
    *(
        f"""INSERT INTO partners SELECT DISTINCT json_extract(CAST(envelope AS TEXT), '$.document.{side}')
  FROM documents WHERE type = 'grant' AND position IS NOT NULL ON CONFLICT (account) DO NOTHING"""  # noqa: S608
        for side in ("issuer", "holder")
    ),
    """CREATE TABLE sold (
  key TEXT PRIMARY KEY, buyer TEXT NOT NULL, receipt TEXT NOT NULL, bytes INTEGER NOT NULL
)""",
    *_BOUNDED_INDEXES,
)
_BOUNDED_POSTGRESQL = (
    """CREATE TABLE pending (
  kind TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, party TEXT COLLATE "C" NOT NULL,
  bytes BIGINT NOT NULL, known BOOLEAN NOT NULL, rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
  PRIMARY KEY (kind, name)
)""",
    'CREATE TABLE partners (account TEXT COLLATE "C" PRIMARY KEY)',
    *(
        f"""INSERT INTO partners SELECT DISTINCT CAST(convert_from(envelope, 'UTF8') AS jsonb) #>> '{{document,{side}}}'
  FROM documents WHERE type = 'grant' AND position IS NOT NULL ON CONFLICT (account) DO NOTHING"""  # noqa: S608
        for side in ("issuer", "holder")
    ),
    """CREATE TABLE sold (
  key TEXT COLLATE "C" PRIMARY KEY, buyer TEXT COLLATE "C" NOT NULL, receipt TEXT NOT NULL, bytes BIGINT NOT NULL,
  rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE
)""",
    *_BOUNDED_INDEXES,
)
# money that left the wallet or may still; the token lets each nonce happen once
_PAYMENTS_SQLITE = (
    """CREATE TABLE payments (
  nonce TEXT PRIMARY KEY, act TEXT NOT NULL, purpose TEXT NOT NULL, about TEXT NOT NULL, units INTEGER NOT NULL,
  at INTEGER NOT NULL, until INTEGER NOT NULL, state TEXT NOT NULL
) WITHOUT ROWID""",
    "CREATE INDEX payments_by_time ON payments (at)",
    "CREATE INDEX payments_by_act ON payments (act)",
)
_PAYMENTS_POSTGRESQL = (
    """CREATE TABLE payments (
  nonce TEXT COLLATE "C" PRIMARY KEY, act TEXT COLLATE "C" NOT NULL, purpose TEXT NOT NULL, about TEXT NOT NULL,
  units BIGINT NOT NULL, at BIGINT NOT NULL, until BIGINT NOT NULL, state TEXT NOT NULL
)""",
    "CREATE INDEX payments_by_time ON payments (at)",
    "CREATE INDEX payments_by_act ON payments (act)",
)
# what one buyer asked of one model lately
_SERVED = (
    """CREATE TABLE served (
  model TEXT NOT NULL, buyer TEXT NOT NULL, at BIGINT NOT NULL, calls BIGINT NOT NULL, answered_rows BIGINT NOT NULL,
  PRIMARY KEY (model, buyer, at)
)""",
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
    Step(
        "uses by time, thing and party",
        (
            """CREATE TABLE receipts (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL, issued_at INTEGER NOT NULL, action TEXT NOT NULL,
  asset TEXT NOT NULL, provider TEXT NOT NULL, holder TEXT NOT NULL, units INTEGER NOT NULL
)""",
            FILL_RECEIPTS.sqlite,
            *_RECEIPT_INDEXES,
        ),
        (
            """CREATE TABLE receipts (
  position BIGINT PRIMARY KEY, id TEXT COLLATE "C" NOT NULL, issued_at BIGINT NOT NULL, action TEXT COLLATE "C" NOT NULL,
  asset TEXT COLLATE "C" NOT NULL, provider TEXT COLLATE "C" NOT NULL, holder TEXT COLLATE "C" NOT NULL,
  units BIGINT NOT NULL
)""",
            FILL_RECEIPTS.postgresql,
            *_RECEIPT_INDEXES,
        ),
    ),
    Step("the privacy of rows", _PRIVACY_SQLITE, _PRIVACY_POSTGRESQL),
    Step("what strangers left, and answers kept", _BOUNDED_SQLITE, _BOUNDED_POSTGRESQL),
    Step("payments, and answers by buyer", (*_PAYMENTS_SQLITE, *_SERVED), (*_PAYMENTS_POSTGRESQL, *_SERVED)),
)
