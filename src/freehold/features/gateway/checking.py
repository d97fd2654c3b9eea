"""What a buyer asks of an answer before it counts as one: the receipt is for this call, and the answer is the receipt's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Receipt, Terms
from freehold.core.errors import Unavailable, VerificationFailed
from freehold.core.http_signature import MAX_SKEW_SECONDS
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope
from freehold.features.gateway.rules.answer import is_rounded, output_hash
from freehold.features.gateway.served import REASON
from freehold.kernel.node import Node
from freehold.kernel.use import money_lines

_HALF = 500_000
"""Of a million."""


class WrongAnswer(VerificationFailed, code="inference.wrong_answer"):
    """What came back is not what its receipt says, or the receipt is not for this call."""


class DatedAhead(Unavailable, code="inference.dated_ahead"):
    """A receipt is dated further ahead of this node's clock than two clocks may differ; the next call asks for it again."""


@dataclass(frozen=True)
class Call:
    """A question and how it is paid."""

    model: str
    """Id of the asset."""
    terms: Terms
    """Under which it is answered."""
    price_units: int
    body: bytes
    payer: str
    pool: str
    """Where its price goes."""
    payment: Mapping[str, str | int]
    """What its receipt says of the payment, besides."""

    def checked(self, node: Node, value: Any, read: Callable[[Any], tuple[Envelope, Receipt]]) -> Envelope:
        """The receipt of an untrusted answer that fits; `read` checks what does not hang on the question.

        `value` has an answer's members, whatever they are. Raises WrongAnswer; DatedAhead; as `read`.
        """
        envelope, receipt = read(value["receipt"])
        # an earlier date is that of an answer which is given again
        ahead = receipt.issued_at - node.now()
        if ahead > MAX_SKEW_SECONDS:
            raise DatedAhead(
                f"the receipt of the answer is dated {ahead:,} seconds ahead of this node's clock",
                hint="If this clock is right, close the channel: the seller dates its receipts wrongly."
                " At most this one call is paid.",
                ahead_seconds=ahead,
            )
        rows = len(json.loads(self.body)["rows"])
        evidence = {
            "request": sha256_hex(self.body),
            **self.payment,
            **({"rows": rows} if self.terms.per == "row" else {}),
        }
        wrong = (
            ("action", receipt.action != "infer"),
            ("model", value["model"] != self.model),
            ("output", receipt.output != output_hash(value)),
            ("outputs", not _fits(value["outputs"], rows, self.terms.round_to)),
            ("evidence", receipt.evidence != evidence),
            ("money", receipt.money != money_lines(self.payer, self.pool, self.price_units, REASON)),
        )
        for field, broken in wrong:
            if broken:
                raise WrongAnswer(f"its {field} do not fit the call", field=field)
        return envelope


def _fits(outputs: Any, rows: int, round_to: int) -> bool:
    """One output for each row, each of exactly the two whole numbers, rounded as the terms say."""
    return (
        isinstance(outputs, list)
        and len(outputs) == rows
        and all(
            isinstance(item, dict)
            and set(item) == {"probability_ppm", "label"}
            and type(item["probability_ppm"]) is int
            and 0 <= item["probability_ppm"] <= 1_000_000
            and is_rounded(item["probability_ppm"], round_to)
            and _says(item["label"], item["probability_ppm"])
            for item in outputs
        )
    )


def _says(label: Any, probability_ppm: int) -> bool:
    """The label is that of its probability; one below a half may have been rounded to it."""
    if type(label) is not int or label not in (0, 1):
        return False
    return probability_ppm >= _HALF if label else probability_ppm <= _HALF
