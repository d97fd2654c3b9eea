"""What a form of the console says of the table that is chosen in it."""

from __future__ import annotations

from freehold.features.data.rules.ways import CHOICES, Ways
from freehold.kernel.web.forms import Form

KINDS = ".csv,.tsv,.txt,.xlsx,.ods,.parquet,text/csv"
"""What a browser offers where a file is chosen."""


def ways(form: Form) -> Ways:
    """How the file is meant. Raises InvalidInput."""
    return Ways.of(f"{name}={form.text(name, 100)}" for name in (*CHOICES, "sheet") if form.text(name, 100))
