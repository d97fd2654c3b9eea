"""Questions and answers of a model: exact numbers in, whole numbers out, one hash for each.

A question is `{"model": id, "rows": [[number or numeric text, ...], ...]}`; numbers are read from
their decimal digits, never through binary floating point, so the same text gives the same
micro-units on every machine. An answer is `{"model", "outputs": [{"probability_ppm", "label"}]}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from freehold.core.canonical import InvalidJson, canonical_bytes, decoded, require_bounded, unique_object
from freehold.core.documents import MAX_ROWS_PER_CALL
from freehold.core.ids import sha256_hex
from freehold.core.texts import said
from freehold.features.data.rules.table import MICRO_LIMIT
from freehold.features.models.rules.worth import PPM
from freehold.features.payments.rules.errors import InvalidRequest

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_NUMBER_CHARS = 64
_MOST_VALUES = 1_100_000
"""Of a question's JSON: as many rows as may be, of as many columns as a table can have."""
MICRO_DIGITS = 6
PROBABILITY_BITS = 16
"""Probabilities come as integers of 1 / 2^16."""
_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?")
_MODEL = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True)
class Question:
    """A request whose rows are still text; `features` reads them once it is clear who pays."""

    model: str
    """Asset id."""
    rows: Sequence[Any]
    """1 to 1,000 lists, cells unchecked."""
    hash: str
    """SHA-256 of the body's bytes; a receipt names it as `request`."""

    def features(self, columns: int, names: Sequence[str] = ()) -> list[list[int]]:
        """Micro-units, shape (rows, columns). Raises InvalidRequest: a row does not fit; says where, by the columns' names."""
        return [_row(row, number, columns, names) for number, row in enumerate(self.rows, 1)]


def read_request(body: bytes) -> Question:
    """A question out of untrusted bytes. Raises InvalidRequest."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest(f"the body is over {MAX_BODY_BYTES} bytes", hint="Ask in several calls.")
    try:
        require_bounded(body, _MOST_VALUES)
        # digits stay text: `micro` reads them exactly, and no number costs more than its length
        value = decoded(body, _DECODER)
    except InvalidJson as error:
        raise InvalidRequest(f"the body cannot be a question: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", hint="Send UTF-8 encoded JSON.") from error
    if not isinstance(value, dict) or set(value) != {"model", "rows"}:
        raise InvalidRequest(
            "the body has exactly the fields model and rows",
            hint='Send {"model": ID, "rows": [[1, 2], [3, 4]]}; GET /v1/models gives the id.',
        )
    model, rows = value["model"], value["rows"]
    if not isinstance(model, str) or not _MODEL.fullmatch(model):
        raise InvalidRequest("model must be an asset id", hint="Ids are 0x and 64 hex digits.")
    if not isinstance(rows, list):
        raise InvalidRequest("rows must be a list of rows", hint=_LISTS)
    if not rows:
        raise InvalidRequest("rows is empty", hint=_LISTS)
    if len(rows) > MAX_ROWS_PER_CALL:
        raise InvalidRequest(
            f"rows must be a list of 1 to {MAX_ROWS_PER_CALL} rows, not {len(rows):,}",
            hint="Ask in several calls.",
        )
    return Question(model, rows, sha256_hex(body))


def request_body(model: str, rows: Sequence[Sequence[Any]]) -> bytes:
    """The canonical body of a question; numbers go as the text that `repr` or `str` gives them."""
    texts = [[cell if isinstance(cell, str) else _number_text(cell) for cell in row] for row in rows]
    return canonical_bytes({"model": model, "rows": texts})


def micro(text: str) -> int:
    """floor(x * 10^6 + 1/2) of decimal text, exactly. Raises InvalidRequest: no finite number, or too large."""
    if len(text) > MAX_NUMBER_CHARS:
        raise _no_number(
            said("{text} has more than {n} characters", text=_shown(text), n=MAX_NUMBER_CHARS),
            said("Round it to fewer digits."),
        )
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise _no_number(said("{text} is not a number", text=_shown(text)))
    sign, whole, fraction, exponent = found.groups()
    fraction = fraction or ""
    value = int(sign + whole + fraction)
    shift = int(exponent or 0) - len(fraction) + MICRO_DIGITS
    if value == 0 or shift < -2 * MAX_NUMBER_CHARS:
        # 64 digits shifted by 128 lie below a half; the floor of a half below zero is zero too
        return 0
    if shift > MAX_NUMBER_CHARS:
        raise _no_number(
            said("{text} is beyond +-{limit}", text=_shown(text), limit=MICRO_LIMIT // PPM), _UNIT
        )
    if shift >= 0:
        result = value * int(10**shift)
    else:
        divisor = int(10**-shift)
        result = (2 * value + divisor) // (2 * divisor)
    if abs(result) > MICRO_LIMIT:
        raise _no_number(
            said("{text} is beyond +-{limit}", text=_shown(text), limit=MICRO_LIMIT // PPM), _UNIT
        )
    return result


_UNIT = said("Give it in the unit of the table that the model was trained on.")


def _no_number(why: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(why, hint=hint)


def _shown(text: str) -> str:
    return repr(text[:40])


def answer_json(model: str, probabilities: Sequence[int], round_to: int = MICRO_DIGITS) -> dict[str, Any]:
    """The answer from probabilities in 1 / 2^16, to so many decimals; the label is 1 from one half on.

    With no decimals the probability says what the label says.

    >>> [answer_json("m", [43_000], digits)["outputs"][0]["probability_ppm"] for digits in (6, 2, 0)]
    [656128, 660000, 1000000]
    """
    one, step = 1 << PROBABILITY_BITS, 10 ** (MICRO_DIGITS - round_to)
    outputs = [
        {
            "probability_ppm": (2 * value * PPM + one * step) // (2 * one * step) * step,
            "label": int(2 * value >= one),
        }
        for value in probabilities
    ]
    return {"model": model, "outputs": outputs}


def is_rounded(probability_ppm: int, round_to: int) -> bool:
    """Whether a probability has no more than so many decimals."""
    step: int = 10 ** (MICRO_DIGITS - round_to)
    return probability_ppm % step == 0


def output_hash(answer: dict[str, Any]) -> str:
    """SHA-256 of the canonical answer; a receipt names it as `output`."""
    return sha256_hex(canonical_bytes({"model": answer.get("model"), "outputs": answer.get("outputs")}))


_LISTS = "Write [[1, 2], [3, 4]]: a list of rows, each with one number for each column of the model."


def _row(row: Any, number: int, columns: int, names: Sequence[str]) -> list[int]:
    if not isinstance(row, list) or len(row) != columns:
        count = f"{len(row)} numbers" if isinstance(row, list) else "no list"
        order = f"In order: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}." if names else _LISTS
        raise InvalidRequest(f"row {number} is {count}, the model takes {columns}", hint=order, row=number)
    values = []
    for column, cell in enumerate(row, 1):
        where = f"row {number}, column {repr(names[column - 1]) if names else column}"
        if not isinstance(cell, str):
            raise InvalidRequest(
                f"{where}: it is no number",
                hint="Write a number such as -12.5, or one as text: no null, true, list or object.",
                row=number,
                column=column,
            )
        try:
            values.append(micro(cell))
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{where}: {error.message}", hint=error.hint, row=number, column=column
            ) from None
    return values


def _number_text(cell: Any) -> str:
    if isinstance(cell, bool) or cell is None:
        raise InvalidRequest("a cell is no number")
    # numpy prints its scalars with their type, their item does not
    return repr(cell.item()) if hasattr(cell, "item") else str(cell)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_object, parse_int=str, parse_float=str, parse_constant=_refused
)
