"""The root of every error Freehold raises on purpose.

```
FreeholdError
├── InvalidInput            what was given cannot be used; nothing was changed
│   ├── InvalidDocument     a signed document breaks its schema
│   └── InvalidTable        a data table cannot be trained on
├── InvalidSignature        a signature does not match what it claims to sign
├── NotFound                the named thing is not here
├── Conflict                the thing exists already, or changed meanwhile
├── NotAllowed              terms, grant or identity do not permit the act
├── PaymentRequired         the act is for sale and was not paid
├── Unavailable             another process, node or network did not answer; retry may help
└── VerificationFailed      evidence does not prove what it claims
    └── NoLineage           it proves what it shows, and shows no training
```

Rooms subclass these where a caller can handle a case differently. Every class has a stable
`code`; every instance a `hint` a person can act on and `fields` a program can read.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from typing import Any, ClassVar


class FreeholdError(Exception):
    """Root of the tree. `message` says what happened, `hint` what to do about it."""

    code: str = "freehold.error"
    """Stable name of its kind; of a refusal of this party's own node, the node's."""
    http_status: ClassVar[int] = 500
    exit_code: int = 1
    """With which a command ends that meets it, also where a node does and says so."""

    def __init_subclass__(
        cls, *, code: str | None = None, http_status: int | None = None, exit_code: int | None = None
    ) -> None:
        """What differs from the class above."""
        super().__init_subclass__()
        own = {"code": code, "http_status": http_status, "exit_code": exit_code}
        for name, value in own.items():
            if value is not None:
                setattr(cls, name, value)

    def __init__(self, message: str, *, hint: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        # as it is, for another process: not every kind is made of its message
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]

    def spell(self, names: Mapping[str, str]) -> None:
        """Name the field that this is about as whoever reads it calls it."""
        field = str(self.fields.get("field", ""))
        if field in names and self.message.startswith((f"{field}:", f"{field}.")):
            self.message = names[field] + self.message.removeprefix(field)
            self.args = (self.message,)

    @property
    def said(self) -> str:
        """Message and hint as two sentences."""
        return f"{self.message}. {self.hint}".strip()

    def problem(self) -> dict[str, Any]:
        """This error as RFC 9457 problem details."""
        return {
            "type": f"urn:freehold:error:{self.code}",
            "title": self.message,
            "status": self.http_status,
            "code": self.code,
            "hint": self.hint,
            "exit_code": self.exit_code,
            **({"fields": self.fields} if self.fields else {}),
        }


class InvalidInput(FreeholdError, code="input.invalid", http_status=422, exit_code=2):
    """What was given cannot be used; nothing was changed."""


class InvalidDocument(InvalidInput, code="document.invalid"):
    """A document breaks its schema."""


class NewerFormat(InvalidDocument, code="document.newer", exit_code=12):
    """A document or evidence is of a later version, or of a kind, that this program cannot judge; it may be good."""


class InvalidTable(InvalidInput, code="table.invalid"):
    """A data table cannot be trained on; `fields` name the column, row or limit."""


class InvalidSignature(FreeholdError, code="signature.invalid", http_status=401, exit_code=3):
    """A signature does not match what it claims to sign."""


class NotFound(FreeholdError, code="not_found", http_status=404, exit_code=4):
    """The named thing is not here."""


class Conflict(FreeholdError, code="conflict", http_status=409, exit_code=5):
    """The thing exists already, or changed meanwhile."""


class NotAllowed(FreeholdError, code="not_allowed", http_status=403, exit_code=6):
    """Terms, grant or identity do not permit the act."""


class PaymentRequired(FreeholdError, code="payment_required", http_status=402, exit_code=7):
    """The act is for sale and was not paid; `fields` say what to pay and how."""


class Unavailable(FreeholdError, code="unavailable", http_status=503, exit_code=8):
    """Another process, node or network did not answer."""


class VerificationFailed(FreeholdError, code="verification.failed", http_status=422, exit_code=9):
    """Evidence does not prove what it claims; `fields` name the file and the check."""


class NoLineage(VerificationFailed, code="verification.no_lineage", exit_code=11):
    """What is shown holds, and nothing shows where the model came from; `same_as` names models with its weights."""
