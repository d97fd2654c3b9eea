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

from typing import Any, ClassVar


class FreeholdError(Exception):
    """Root of the tree. `message` says what happened, `hint` what to do about it."""

    code: ClassVar[str] = "freehold.error"
    http_status: ClassVar[int] = 500
    exit_code: int = 1
    """With which a command ends that meets it, also where a node does and says so."""

    def __init__(self, message: str, *, hint: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

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


class InvalidInput(FreeholdError):
    """What was given cannot be used; nothing was changed."""

    code = "input.invalid"
    http_status = 422
    exit_code = 2


class InvalidDocument(InvalidInput):
    """A document breaks its schema."""

    code = "document.invalid"


class NewerFormat(InvalidDocument):
    """A document or evidence is of a later version, or of a kind, that this program cannot judge; it may be good."""

    code = "document.newer"
    exit_code = 12


class InvalidTable(InvalidInput):
    """A data table cannot be trained on; `fields` name the column, row or limit."""

    code = "table.invalid"


class InvalidSignature(FreeholdError):
    """A signature does not match what it claims to sign."""

    code = "signature.invalid"
    http_status = 401
    exit_code = 3


class NotFound(FreeholdError):
    """The named thing is not here."""

    code = "not_found"
    http_status = 404
    exit_code = 4


class Conflict(FreeholdError):
    """The thing exists already, or changed meanwhile."""

    code = "conflict"
    http_status = 409
    exit_code = 5


class NotAllowed(FreeholdError):
    """Terms, grant or identity do not permit the act."""

    code = "not_allowed"
    http_status = 403
    exit_code = 6


class PaymentRequired(FreeholdError):
    """The act is for sale and was not paid; `fields` say what to pay and how."""

    code = "payment_required"
    http_status = 402
    exit_code = 7


class Unavailable(FreeholdError):
    """Another process, node or network did not answer."""

    code = "unavailable"
    http_status = 503
    exit_code = 8


class VerificationFailed(FreeholdError):
    """Evidence does not prove what it claims; `fields` name the file and the check."""

    code = "verification.failed"
    http_status = 422
    exit_code = 9


class NoLineage(VerificationFailed):
    """What is shown holds, and nothing shows where the model came from; `same_as` names models with its weights."""

    code = "verification.no_lineage"
    exit_code = 11
