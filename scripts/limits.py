"""docs/reference/limits.md: every limit that a user can meet, its number read from the code that holds to it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from freehold.chain import rpc
from freehold.core import canonical, documents, epsilons, http_signature, ids, money
from freehold.features.data import bounds, drafts, wire, workbooks
from freehold.features.data.parquet import pages
from freehold.features.data.rules import chunks, columnar, names, reading, table
from freehold.features.gateway import asking
from freehold.features.gateway.rules import answer, rows
from freehold.features.grants import requests
from freehold.features.models import releasing
from freehold.features.models.rules import split
from freehold.features.notifications import channels
from freehold.features.payments.rules import payment
from freehold.features.privacy.rules import noise
from freehold.features.proof import apart
from freehold.features.training import planning
from freehold.features.training import wire as training
from freehold.features.training.checks import run
from freehold.features.training.rules import record, updates
from freehold.kernel import countersigning, listed, logbook, members, pending, selecting, settings, store
from freehold.kernel.evidence import bundle, manifest
from freehold.kernel.http import bodies, gate
from freehold.kernel.keeping import purse
from freehold.kernel.registry import everything
from freehold.kernel.web import forms, typed
from freehold.shell.mcp import folder, serving
from freehold.vault import keystore, passphrases

_FILE = table.Limits()
_CHOSEN = settings.Settings()


@dataclass(frozen=True)
class Limit:
    """One line of the page."""

    what: str
    most: str
    setting: str = ""
    """Its name; empty where there is none."""
    otherwise: str = ""
    """What to do where there is no setting, or before it is raised."""


def _size(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {name}"
    return f"{count:,} bytes"


def _found() -> dict[str, tuple[Limit, ...]]:
    whole = f"{table.MICRO_LIMIT // table.MICRO:,}"
    return {
        "Tables": (
            Limit(
                "Size of a file", _size(_FILE.size_bytes), "max_table_bytes", "split it and publish each part"
            ),
            Limit(
                "What a Parquet file unpacks to",
                _size(8 * _FILE.size_bytes),
                "max_table_bytes",
                "of which it is eight times",
            ),
            Limit(
                "A cell of text in a Parquet file",
                _size(chunks.MOST_CELL_BYTES),
                otherwise="leave that column out",
            ),
            Limit(
                "The longest cells of a Parquet file's columns, together",
                _size(columnar.MOST_ROW_BYTES),
                otherwise="leave the longest column out",
            ),
            Limit(
                "A cell of text in a CSV file",
                f"{csv.field_size_limit():,} characters",
                otherwise="leave that column out of the file",
            ),
            Limit(
                "Pages of a Parquet file, bytes of one, bytes of its footer, and different values in a dictionary",
                f"{chunks.MOST_PAGES:,}; {_size(chunks.MOST_PAGE_BYTES)}; {_size(chunks.MOST_FOOTER_BYTES)}; {pages.MOST_KINDS:,}",
                otherwise="write it again, with the sizes that pandas or pyarrow choose",
            ),
            Limit("Rows", f"{_FILE.rows:,}", otherwise="split it and publish each part"),
            Limit(
                "Size of a workbook (xlsx, ods)",
                _size(workbooks.MOST_BYTES),
                otherwise="save the sheet as CSV",
            ),
            Limit(
                "Cells of a workbook's sheet", f"{workbooks.MOST_CELLS:,}", otherwise="save the sheet as CSV"
            ),
            Limit("Feature columns", f"{_FILE.columns:,}", otherwise="choose those that matter"),
            Limit(
                "Rows times feature columns",
                f"{_FILE.cells:,}",
                otherwise="fewer of either; a table is opened in memory",
            ),
            Limit("Fewest distinct rows", f"{reading.MIN_ROWS}"),
            Limit(
                "A value",
                f"±{whole}, kept rounded to millionths",
                otherwise="multiply or divide the column by a power of ten, in all tables alike",
            ),
            Limit("Characters of a column's name", f"{names.MAX_NAME:,}", otherwise="rename it"),
            Limit(
                "Size of a file of bounds",
                _size(bounds.MOST_BYTES),
                otherwise="name only the columns that have some",
            ),
            Limit("Rows of one subject", f"{wire.MAX_ROWS_EACH:,}", otherwise="`--rows-each` chooses fewer"),
            Limit(
                "Tables begun in the console and not yet published; bytes of all; kept since the last change",
                f"{drafts.MAX_DRAFTS}; {_size(drafts.MAX_BYTES)}; {drafts.KEEP_DAYS} days",
                otherwise="publish one, or throw one away",
            ),
        ),
        "Training": (
            Limit(
                "Owners of a run",
                f"{training.MAX_OWNERS:,}",
                otherwise="as many as can share a model on chain",
            ),
            Limit("Rounds", f"{training.MAX_ROUNDS:,}"),
            Limit(
                "Cells of a test table, its label column counted",
                f"{planning.MAX_TEST_CELLS:,}",
                otherwise="fewer rows: owners recompute from all of it",
            ),
            Limit(
                "Rows of a test table",
                f"{record.MIN_TEST_ROWS} to {record.MAX_TEST_ROWS:,}, of both labels",
                otherwise="fewer say nothing about an owner",
            ),
            Limit("Models of one run that an owner hears of", f"{releasing.MAX_RELEASES}"),
            Limit("Epsilon of a run, and of a table for ever", f"{epsilons.MOST_MICRO // 10**6:,}"),
            Limit("Earlier models that one is derived from", f"{split.MOST_EARLIER:,}"),
        ),
        "Predictions": (
            Limit(
                "Rows of a call",
                f"{documents.MAX_ROWS_PER_CALL:,}, or fewer as the model's terms say",
                otherwise="ask in several calls",
            ),
            Limit("Size of a file of rows", _size(rows.MOST_BYTES), otherwise="ask in several calls"),
            Limit(
                "What is asked at once in the console",
                f"{asking.MOST_CALLS:,} calls, {asking.MOST_CELLS:,} cells",
                otherwise="ask in parts",
            ),
            Limit(
                "Size of a call by a voucher", _size(answer.MAX_BODY_BYTES), otherwise="ask in several calls"
            ),
            Limit(
                "Size of a call by a single transfer, or of a question about its price",
                _size(bodies.UNPROVEN_BODY_BYTES),
                otherwise="ask in several calls, or pay through a channel",
            ),
            Limit("Characters of a number", f"{answer.MAX_NUMBER_CHARS:,}", otherwise="round it"),
            Limit(
                "Room for answers that are kept for a retry",
                _size(_CHOSEN.keep_answers_bytes),
                "keep_answers_bytes",
            ),
        ),
        "Money": (
            Limit("A price, or any sum", f"{money.dollars(canonical.MAX_SAFE_INTEGER)}; six decimals"),
            Limit("What one act takes", "not set", "spend_per_act_micro", "`--max` says it for one act"),
            Limit(
                "What one act takes where only days are limited",
                f"{money.dollars(money.LARGE_UNITS)}, or a tenth of the day's limit if that is more",
                "spend_per_act_micro",
                "`--max` says it for one act",
            ),
            Limit("What any 24 hours take", "not set", "spend_per_day_micro"),
            Limit("Gas of what a node sends by itself in 24 hours", f"{purse.GAS_PER_DAY:,}", "gas_per_day"),
            Limit("Price of one transaction", "the network's own", "max_fee_wei"),
            Limit(f"Characters of a `{payment.HEADER}` header", f"{payment.MAX_HEADER_CHARS:,}"),
            Limit("URLs of one chain", f"{rpc.MOST_ENDPOINTS}"),
        ),
        "Documents, requests, files": (
            Limit("Size of a document", _size(documents.MAX_DOCUMENT_BYTES)),
            Limit("Nesting of JSON", f"{canonical.MAX_DEPTH} levels"),
            Limit(
                "Values in one JSON text", f"{canonical.MOST_VALUES:,}; more for calls, tables and evidence"
            ),
            Limit("A whole number in a document", f"±{canonical.MAX_SAFE_INTEGER:,}"),
            Limit(
                "Body of a request, of whoever sends it",
                _size(bodies.UNPROVEN_BODY_BYTES),
                otherwise="introduce your node: `freehold peers add`",
            ),
            Limit(
                "Body of a request that a party signed which the node knows",
                _size(bodies.SMALL_BODY_BYTES),
                otherwise="until a grant was used or paid for",
            ),
            Limit(
                "Body of a request that carries tables or updates, of a party that the node dealt with; any of its owner",
                _size(bodies.MAX_BODY_BYTES),
                otherwise="send less at once",
            ),
            Limit("Header fields of a request", f"{gate.MAX_HEADERS}"),
            Limit(
                "Requests that wait for an owner to decide",
                f"{requests.MAX_REQUESTS:,} of {requests.MAX_BYTES:,} bytes, half of both for all strangers;"
                f" {requests.MAX_REQUESTS_PER_PEER} of {requests.MAX_BYTES_PER_PEER:,} bytes of one party",
                otherwise="wait until some are decided",
            ),
            Limit("Characters of a `--reason` or `--note`", f"{requests.MAX_TEXT}"),
            *(
                Limit(
                    f"{what} of strangers, kept until something comes of them",
                    f"{one.strangers:,} of {one.strangers_bytes:,} bytes;"
                    f" {one.each:,} of {one.each_bytes:,} bytes of one party",
                    otherwise="the oldest go first",
                )
                for what, one in (
                    ("Party documents", pending.PARTIES),
                    ("Unused grants", pending.GRANTS),
                    ("Offers", pending.ASSETS),
                )
            ),
            Limit(
                "Requests of one party",
                f"{_CHOSEN.peer_requests_per_minute:,} a minute",
                "peer_requests_per_minute",
            ),
            Limit(
                "Requests of one network address",
                f"{_CHOSEN.address_requests_per_minute:,} a minute",
                "address_requests_per_minute",
            ),
            Limit(
                "Connections of one network address",
                f"{_CHOSEN.connections_per_address:,}",
                "connections_per_address",
            ),
            Limit(
                "A form of the console, without its file",
                f"{_size(forms.MAX_FORM_BYTES)}, {forms.MAX_FIELDS} fields",
            ),
            Limit("Digits of a number that is typed in the console", f"{typed.MOST_DIGITS}"),
            Limit(
                "People of one node besides its owner; characters of the name of one",
                f"{members.MOST_PEOPLE}; {members.MOST_NAME}",
                otherwise="remove somebody",
            ),
            Limit("Addresses that one e-mail goes to", f"{channels.MOST_RECIPIENTS}"),
            Limit(
                "Evidence",
                f"{_size(bundle.MAX_TOTAL_BYTES)} in {bundle.MAX_FILES:,} files of {_size(bundle.MAX_FILE_BYTES)}",
            ),
            Limit(
                "Evidence that is uploaded to be checked",
                _size(apart.MOST_ZIP_BYTES),
                otherwise="`freehold verify` checks it on your machine",
            ),
            Limit(
                "A passphrase",
                f"{passphrases.LEAST_CHARACTERS} characters to {_size(passphrases.MOST_BYTES)}",
            ),
            Limit("Characters of a name", f"{ids.MOST_NAME}"),
            Limit("A key file", _size(keystore.MAX_FILE_BYTES)),
            Limit("Rows on one page of the console", f"{selecting.PAGE}", otherwise="the next page"),
            Limit("What one list shows", f"{listed.MOST:,}", otherwise="the next page"),
            Limit("Documents of one kind that one question finds", f"{store.MOST_FOUND:,}"),
            Limit(
                "A file that an assistant uses",
                _size(folder.MOST_BYTES),
                otherwise="use the command line for it",
            ),
            Limit(
                "An answer that an assistant gets",
                _size(serving.MOST_ANSWER_BYTES),
                otherwise="use the command line for it",
            ),
        ),
        "What programs send one another": (
            Limit(
                "Signatures of a request",
                f"{http_signature.MAX_SIGNATURES}, each over {http_signature.MAX_COMPONENTS} components;"
                f" {http_signature.MAX_FIELD_BYTES:,} bytes a field",
            ),
            Limit("Receipts countersigned at once", f"{countersigning.MOST_ACCEPTED:,}"),
            Limit("Proofs of a log asked for at once", f"{logbook.MAX_PROOFS:,}"),
            Limit(
                "A plan, as it is read",
                f"{record.MAX_OWNERS:,} owners, {record.MAX_COLUMNS:,} columns, {record.MAX_ROWS:,} rows of one owner,"
                f" updates of {updates.MOST_BITS} bits, noise of sigma {noise.MAX_SIGMA:,}",
            ),
            Limit(
                "A run, as it is checked",
                f"{run.MAX_ROUNDS} rounds, the comparison of rows counted; {run.MAX_RECEIPTS:,} receipts of each",
            ),
            Limit(
                "Why an owner was left out of a round",
                f"{record.MAX_REASON} characters",
            ),
            Limit(
                "Evidence, besides its size",
                f"a manifest of {_size(manifest.MAX_MANIFEST_BYTES)}, {bundle.MAX_VALUES:,} values",
            ),
        ),
    }


def page(note: str) -> str:
    """The page."""
    lines = ["# Limits", "", note]
    lines += [
        "What is refused says what was given, the limit, and the setting that raises it, if there is one:",
        "`freehold config set NAME VALUE` ([settings](settings.md)). Limits without a setting hold for everybody,",
        "since others have to be able to check and recompute what a node makes. The local test chain has [its own](chain.md).",
        "",
    ]
    for title, found in _found().items():
        lines += [
            f"## {title}",
            "",
            "| what | most | setting | without it, or before |",
            "| --- | --- | --- | --- |",
        ]
        for one in found:
            if one.setting and not hasattr(_CHOSEN, one.setting):
                raise ValueError(f"{one.setting} is no setting")
            setting = f"`{one.setting}`" if one.setting else "no"
            lines.append(f"| {one.what} | {one.most} | {setting} | {one.otherwise} |")
        lines.append("")
    lines += [
        "## What operations take",
        "",
        "Fields as [HTTP](http.md) and [JSON](json.md) name them; `_units` and `_micro` are millionths of a dollar, `epsilon_` millionths.",
        "",
        "| operation | field | from | to | characters or items |",
        "| --- | --- | --- | --- | --- |",
    ]
    seen: dict[tuple[str, ...], list[str]] = {}
    for bound in everything().every("operations"):
        for cells in _bounds(bound.operation.asks):
            seen.setdefault(cells, []).append(f"`{bound.operation.name}`")
    lines += [
        f"| {', '.join(who)} | {' | '.join(cells)} |"
        for cells, who in sorted(seen.items(), key=lambda item: (item[1], item[0]))
    ]
    return "\n".join(lines) + "\n"


def _bounds(asks: Any) -> Iterator[tuple[str, ...]]:
    """Field, least, most, sizes of what a request bounds."""
    for name, one in asks.model_json_schema().get("properties", {}).items():
        said: dict[str, Any] = {}
        for part in (one, *one.get("anyOf", ())):
            said |= part
        least, most = (f"{said[word]:,}" if word in said else "" for word in ("minimum", "maximum"))
        low = said.get("minLength", said.get("minItems"))
        high = said.get("maxLength", said.get("maxItems"))
        size = (
            ""
            if low is None and high is None
            else f"{low or 0:,} to {high:,}"
            if high
            else f"{low:,} or more"
        )
        if most or size:
            yield f"`{name}`", least, most, size
