"""The privacy of rows: which tables speak of the same rows, what was promised about them, what runs have cost them."""

from __future__ import annotations

from freehold.kernel.databases.steps import Step

_INDEXES = ("CREATE INDEX privacy_spent_by_time ON privacy_spent (line, at, run)",)
_SQLITE = (
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
    *_INDEXES,
)
_POSTGRESQL = (
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
    *_INDEXES,
)

STEPS = (Step("the privacy of rows", _SQLITE, _POSTGRESQL, released=4),)
