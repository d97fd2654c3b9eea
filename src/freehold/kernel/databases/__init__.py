"""Where a node keeps documents, log and vault epochs: SQLite in its home, or Postgres.

    database = opening.for_writing(home, settings)   # brought to the newest version; the only writer
    with database.transaction() as connection: ...   # all or nothing
    connection = opening.for_reading(home, settings) # for backups and check-ups, while the node runs

Statements are written once for both (`core.connection`); tables are numbered steps (`tables`).
"""
