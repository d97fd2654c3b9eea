"""The kernel's tables, as numbered steps (`steps`)."""

from __future__ import annotations

from dataclasses import replace

from freehold.core.connection import Connection
from freehold.kernel.databases import listing
from freehold.kernel.databases.steps import Step, moved, step
from freehold.log.store import TABLES as LOG_TABLES
from freehold.vault.vault import TABLES as VAULT_TABLES

_INDEXES = (
    "CREATE INDEX documents_by_type ON documents (type, kind)",
    "CREATE INDEX documents_by_about ON documents (about, type, kind)",
    "CREATE INDEX documents_unsigned ON documents (type, about) WHERE NOT complete",
    "CREATE INDEX nonces_by_expiry ON nonces (expires_at)",
)
_FILL_RECEIPTS_SQLITE = """INSERT INTO receipts SELECT position, id, json_extract(body, '$.issued_at'), kind,
  coalesce(json_extract(body, '$.inputs[0]'), ''), json_extract(body, '$.provider'), json_extract(body, '$.holder'),
  (SELECT coalesce(sum(max(json_extract(line.value, '$.delta_units'), 0)), 0) FROM json_each(body, '$.money') AS line)
  FROM (SELECT position, id, kind, json_extract(CAST(envelope AS TEXT), '$.document') AS body FROM documents
    WHERE type = 'receipt' AND position IS NOT NULL)"""
_FILL_RECEIPTS_POSTGRESQL = """INSERT INTO receipts SELECT position, id, CAST(body ->> 'issued_at' AS BIGINT), kind,
  coalesce(body #>> '{inputs,0}', ''), body ->> 'provider', body ->> 'holder',
  (SELECT coalesce(sum(greatest(CAST(line ->> 'delta_units' AS BIGINT), 0)), 0)
    FROM jsonb_array_elements(body -> 'money') AS line)
  FROM (SELECT position, id, kind, CAST(convert_from(envelope, 'UTF8') AS jsonb) -> 'document' AS body FROM documents
    WHERE type = 'receipt' AND position IS NOT NULL) AS kept"""
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

# what strangers left here and nobody has authorised yet; with whom this party deals
_BOUNDED_INDEXES = (
    "CREATE INDEX pending_by_party ON pending (kind, party)",
    "CREATE INDEX pending_by_known ON pending (kind, known)",
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
# what lists show, count and look up by, read out of the documents (`listing`); in the order of keeping
_LISTED = (
    """CREATE TABLE counts (
  type TEXT NOT NULL, kind TEXT NOT NULL, documents INTEGER NOT NULL, PRIMARY KEY (type, kind)
) WITHOUT ROWID""",
    """CREATE TABLE assets (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, public BOOLEAN NOT NULL,
  expires_at INTEGER NOT NULL, supersedes TEXT NOT NULL, words TEXT NOT NULL
)""",
    "CREATE INDEX assets_by_kind ON assets (kind, rowid)",
    "CREATE INDEX assets_by_owner ON assets (owner, kind, rowid)",
    "CREATE INDEX assets_by_name ON assets (name, rowid)",
    "CREATE INDEX assets_by_earlier ON assets (supersedes, rowid)",
    "CREATE INDEX assets_public ON assets (public, rowid)",
    """CREATE TABLE grants (
  id TEXT PRIMARY KEY, issuer TEXT NOT NULL, holder TEXT NOT NULL, asset TEXT NOT NULL, issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, price_units INTEGER NOT NULL
)""",
    "CREATE INDEX grants_by_issuer ON grants (issuer, holder, rowid)",
    "CREATE INDEX grants_by_holder ON grants (holder, rowid)",
    "CREATE INDEX grants_by_asset ON grants (asset, issuer, rowid)",
    "CREATE TABLE parties (account TEXT PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL) WITHOUT ROWID",
    "ALTER TABLE receipts ADD COLUMN grant_id TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX receipts_by_grant ON receipts (grant_id, units)",
)
# in the order of a list's columns, so that one page of it is read and no more
_SORTED = (
    "ALTER TABLE assets ADD COLUMN sort_name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE assets ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE assets ADD COLUMN price_units INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE assets ADD COLUMN row_count INTEGER NOT NULL DEFAULT -1",
    "ALTER TABLE grants ADD COLUMN max_uses INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX assets_by_sort_name ON assets (kind, sort_name, rowid)",
    "CREATE INDEX assets_by_price ON assets (kind, price_units, rowid)",
    "CREATE INDEX assets_by_rows ON assets (kind, row_count, rowid)",
    "CREATE INDEX receipts_paid ON receipts (holder, issued_at, position, units, asset, provider) WHERE units > 0",
    "CREATE INDEX receipts_by_use ON receipts (asset, action, units)",
    "CREATE INDEX grants_by_price ON grants (issuer, price_units, asset, rowid)",
)
_SORTED_POSTGRESQL = tuple(
    one.replace(" TEXT ", ' TEXT COLLATE "C" ').replace(" INTEGER ", " BIGINT ") for one in _SORTED
)
_SEALED = ("asset", "cid", "epoch", "size_bytes")
SEALED = "what is kept sealed"


def _fill_sealed(connection: Connection) -> None:
    for name, record in moved(connection, "sealed:"):
        if isinstance(record, dict) and record.keys() >= set(_SEALED):
            connection.execute(
                "INSERT INTO sealed VALUES (?, ?, ?, ?, ?)", (name, *(record[one] for one in _SEALED))
            )


STEPS = (
    Step("documents, log and vault", _FIRST_SQLITE, _FIRST_POSTGRESQL, released=1),
    Step(
        "a record of these steps",
        (
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)",
        ),
        (
            "CREATE TABLE migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        ),
        released=2,
    ),
    Step(
        "uses by time, thing and party",
        (
            """CREATE TABLE receipts (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL, issued_at INTEGER NOT NULL, action TEXT NOT NULL,
  asset TEXT NOT NULL, provider TEXT NOT NULL, holder TEXT NOT NULL, units INTEGER NOT NULL
)""",
            _FILL_RECEIPTS_SQLITE,
            *_RECEIPT_INDEXES,
        ),
        (
            """CREATE TABLE receipts (
  position BIGINT PRIMARY KEY, id TEXT COLLATE "C" NOT NULL, issued_at BIGINT NOT NULL, action TEXT COLLATE "C" NOT NULL,
  asset TEXT COLLATE "C" NOT NULL, provider TEXT COLLATE "C" NOT NULL, holder TEXT COLLATE "C" NOT NULL,
  units BIGINT NOT NULL
)""",
            _FILL_RECEIPTS_POSTGRESQL,
            *_RECEIPT_INDEXES,
        ),
        released=3,
    ),
    Step("what strangers left", _BOUNDED_SQLITE, _BOUNDED_POSTGRESQL, released=5),
    Step("payments", _PAYMENTS_SQLITE, _PAYMENTS_POSTGRESQL, released=6),
    step(
        "a record of these steps by their owner",
        "DROP TABLE migrations",
        """CREATE TABLE migrations (
  owner TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT NULL,
  PRIMARY KEY (owner, number)
) WITHOUT ROWID""",
    ),
    step("what lists show and look up by", *_LISTED, fill=listing.fill),
    step(
        SEALED,
        """CREATE TABLE sealed (
  name TEXT PRIMARY KEY, asset TEXT NOT NULL, cid TEXT NOT NULL, epoch INTEGER NOT NULL, size_bytes INTEGER NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX sealed_by_cid ON sealed (cid)",
        fill=_fill_sealed,
    ),
    step(
        "people with a log-in, and what they did",
        """CREATE TABLE members (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, password TEXT NOT NULL, code TEXT NOT NULL,
  code_until INTEGER NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, removed BOOLEAN NOT NULL,
  version INTEGER NOT NULL
) WITHOUT ROWID""",
        """CREATE TABLE trail (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
  outcome TEXT NOT NULL, words TEXT NOT NULL, link TEXT NOT NULL
) WITHOUT ROWID""",
        "CREATE INDEX trail_by_person ON trail (person, number)",
        "CREATE INDEX trail_by_time ON trail (at)",
    ),
    replace(step("what lists sort by", *_SORTED, fill=listing.fill_sorted), postgresql=_SORTED_POSTGRESQL),
    step(
        "what was put aside in the inbox",
        "CREATE TABLE aside (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    ),
    step(
        "uses of a run",
        "CREATE INDEX receipts_of_run ON receipts (grant_id, action, position, units)",
        "DROP INDEX receipts_by_grant",
    ),
    step(
        "the newest use of each run, and uses counted",
        "ALTER TABLE receipts ADD COLUMN newest BOOLEAN NOT NULL DEFAULT TRUE",
        "UPDATE receipts SET newest = NOT EXISTS (SELECT 1 FROM receipts AS later WHERE later.grant_id = receipts.grant_id"
        " AND later.action = receipts.action AND later.position > receipts.position)",
        "CREATE INDEX receipts_newest_of_run ON receipts (grant_id, action) WHERE newest",
        "CREATE INDEX receipts_newest_by_time ON receipts (issued_at, position) WHERE newest",
        *(
            f"CREATE INDEX receipts_newest_by_{column} ON receipts ({column}, issued_at, position) WHERE newest"
            for column in ("asset", "action")
        ),
        """CREATE TABLE used (
  asset TEXT NOT NULL, action TEXT NOT NULL, receipts INTEGER NOT NULL, units INTEGER NOT NULL,
  PRIMARY KEY (asset, action)
) WITHOUT ROWID""",
        "INSERT INTO used SELECT asset, action, count(*), sum(units) FROM receipts GROUP BY asset, action",
        "DROP INDEX receipts_by_use",
    ),
    step(
        "names are found without accents",
        "ALTER TABLE parties ADD COLUMN sort_name TEXT NOT NULL DEFAULT ''",
        fill=listing.fill_folded,
    ),
)
