"""The tables of the log and of the vault in a SQLite file that has nothing else."""

from freehold.log import store
from freehold.vault import vault


def log_tables(connection):
    for statement in store.TABLES:
        connection.execute(statement)


def vault_tables(connection):
    for statement in vault.TABLES:
        connection.execute(statement)
