"""Parts of Freehold that not everybody needs, and what is said where one is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from freehold.core.errors import Unavailable

EXTRAS = {
    "agents": ("`freehold mcp`", frozenset({"mcp", "mcp_types"})),
    "keyring": ("the operating system's keyring", frozenset({"keyring"})),
    "keystore": ("a keystore of version 3", frozenset({"eth_keyfile"})),
    "postgres": ("a database on a Postgres server", frozenset({"pg8000", "scramp"})),
    "s3": ("a blob store on S3", frozenset({"obstore"})),
}
"""What needs it, and the modules that come with it, by name of the extra in `pyproject.toml`."""


class ExtraMissing(Unavailable, code="extra.missing"):
    """A part of Freehold that is not installed is needed."""


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """What is imported inside comes with this extra. Raises `ExtraMissing`: it is not installed."""
    what, modules = EXTRAS[extra]
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in modules:
            raise
        raise ExtraMissing(
            f"{what} needs the extra `{extra}`, which is not installed",
            hint=f"Install Freehold with it: pip install '.[{extra}]' in a checkout, or 'FILE.whl[{extra}]'.",
            extra=extra,
        ) from None
