"""Write docs/reference/{errors,settings,limits,http,metrics,events}.md out of the code: `python scripts/reference.py [--check]`."""

import ast
import importlib
import inspect
import itertools
import json
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import limits
from eth_hash.auto import keccak

import freehold
from freehold.core.errors import FreeholdError
from freehold.kernel.setting_sources import variable
from freehold.kernel.settings import ADDED, OwnSettings, Settings
from freehold.shell.cli import answers

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTE = "Written by `python scripts/reference.py` out of the code; change the code, not this page.\n"


def every_error() -> list[type[FreeholdError]]:
    for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[FreeholdError]] = []
    waiting = [FreeholdError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(
        (kind for kind in found if kind.__module__.startswith("freehold.")), key=lambda kind: kind.code
    )


def causes() -> dict[str, list[str]]:
    """Code -> what usually leads to the error, and what to do."""
    return tomllib.loads((Path(__file__).parent / "error_causes.toml").read_text())


def errors() -> str:
    why = causes()
    lines = ["# Errors", "", NOTE]
    lines += [
        "Every error has a stable code, a sentence, and a hint. The command line prints sentence and hint and exits with the",
        "code below; HTTP answers carry all of it as problem details (RFC 9457), under the status below. The hint knows the",
        "case: read it first. What usually leads there stands here; by what one sees, in [troubleshooting](../troubleshooting.md).",
    ]
    for family, kinds in itertools.groupby(every_error(), key=lambda kind: kind.code.partition(".")[0]):
        lines += ["", f"## {family}", ""]
        lines += [
            "| code | exit, HTTP | meaning | usual cause | what to do |",
            "| --- | --- | --- | --- | --- |",
        ]
        for kind in kinds:
            meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
            if kind.code not in why:
                sys.exit(f"{kind.code}: say its usual cause and what to do in scripts/error_causes.toml")
            cause, act = why[kind.code]
            lines.append(
                f"| `{kind.code}` | {kind.exit_code}, {kind.http_status} | {meaning} | {cause} | {act} |"
            )
    return "\n".join(lines) + "\n"


def settings() -> str:
    tree = ast.parse(inspect.getsource(sys.modules[OwnSettings.__module__]))
    body = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "OwnSettings"
    ).body
    notes = {one.name: one.meaning for one in ADDED}
    for statement, following in itertools.pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            notes[statement.target.id] = str(following.value.value)
    lines = ["# Settings", "", NOTE]
    lines += [
        "What counts, first to last: what `freehold up` is told on the command line (its options, or `--set NAME=VALUE`);",
        "the environment (`FREEHOLD_` and the setting's name in capitals, lists with commas); `HOME/config.toml`; the default.",
        "What the command line says is kept in `config.toml`, beside what was chosen before; what the environment says is not. `freehold config show`",
        "says where each value comes from, and an error about a value names its source. The passphrase is no setting.",
        "",
        "| setting | environment | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for field in fields(Settings):
        lines.append(
            f"| `{field.name}` | `{variable(field.name)}` | `{field.default!r}` | {notes[field.name]} |"
        )
    return "\n".join(lines) + "\n"


class _Anything:
    """Stands where routes only keep a reference: this page needs their paths, not their effects."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: Any) -> Any:
        return _Anything()


def http() -> str:
    from freehold.kernel.http import operations, peer, public
    from freehold.kernel.registry import everything

    nobody: Any = _Anything()
    registry = everything()
    control_routes = operations.router(nobody, registry, "token").routes
    groups = {
        "Public: anyone may read": public.router(nobody, registry).routes,
        "Operations: ready or not; metrics as the setting `metrics` says": public.monitoring(nobody).routes,
        "Paid: answered with a receipt": [r for add in registry.every("routes") for r in add(nobody).routes],
        "Peers: signed requests (RFC 9421, Ed25519 log key, one nonce once)": peer.router(
            nobody, registry
        ).routes,
        "Control: the owner, with the bearer token in HOME/api-token": control_routes,
    }
    lines = ["# HTTP API", "", NOTE, "Every node describes its own API at `/openapi.json`.", ""]
    for title, found in groups.items():
        lines += [f"## {title}", "", "| method | path |", "| --- | --- |"]
        routes = sorted((route.path_format, *sorted(route.methods)) for route in found)
        lines += [f"| {methods[0]} | `{path}` |" for path, *methods in routes]
        lines.append("")
    return "\n".join([*lines, *headers(), ""])


def headers() -> Iterator[str]:
    """The headers that are not what every HTTP client sends."""
    from freehold.features.payments.rules.payment import HEADER, MAX_HEADER_CHARS, Transfer, Voucher

    yield from (
        "## Headers",
        "",
        "| header | of | holds |",
        "| --- | --- | --- |",
        f"| `{HEADER}` | `POST /v1/predict` | the payment: see below |",
        "| `Authorization` | `/api/...` | `Bearer` and the token in HOME/api-token |",
        (
            "| `Content-Digest`, `Signature-Input`, `Signature` | `/peer/...` | who asks, and that nothing was changed"
            " ([how](signed-requests.md)) |"
        ),
        "| `Retry-After` | answers 429, and 503 where it is known | whole seconds after which to ask again |",
        "",
        f"### `{HEADER}`",
        "",
        (
            f"Base64url (RFC 4648, with or without padding) of one JSON object in UTF-8, at most {MAX_HEADER_CHARS:,}"
            " characters in all. The object is"
        ),
        "one of these two; unknown fields, fields twice and numbers as text are refused (422, `payment.malformed`).",
        "How to make and send one, step by step: [paying by HTTP](../how-to/pay-by-http.md).",
    )
    for kind in (Transfer, Voucher):
        schema = kind.model_json_schema()
        yield from ("", f"**{kind.model_fields['kind'].default}**: {schema['description']}", "")
        yield from ("| field | type | bounds | meaning |", "| --- | --- | --- | --- |")
        for name, field in schema["properties"].items():
            said = next(iter(field.get("anyOf", ())), field)
            needed = "; may be left out" if "default" in field and "const" not in said else ""
            yield f"| `{name}` | {said['type']} | {_bounds(said)}{needed} | {field['description']} |"


def _bounds(said: dict[str, Any]) -> str:
    if "const" in said:
        return f"`{said['const']}`"
    if "pattern" in said:
        most = f", at most {said['maxLength']:,} characters" if "maxLength" in said else ""
        return f"`{said['pattern']}`{most}"
    return f"{said['minimum']} to 2^53 - 1"


def metrics() -> str:
    from freehold.kernel.metrics import catalogue

    lines = ["# Metrics", "", NOTE]
    lines += [
        "`GET /metrics` in the Prometheus text format, for whom the setting `metrics` admits: by default this machine,",
        "and nobody through a proxy. Beside these there are the usual `process_` and `python_info` metrics.",
        "",
        "| metric | kind | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |"
        for name, one in catalogue().items()
    ]
    return "\n".join(lines) + "\n"


def events() -> str:
    """What is announced on chain, what a log holds, and what claims there are."""
    from freehold.chain import deployments
    from freehold.core.documents import Document, Terms

    lines = ["# Events, log entries, claims", "", NOTE]
    lines += ["## Events of the contracts", "", "Indexed fields are topics: nodes filter by them.", ""]
    lines += ["| contract | event | fields | topic |", "| --- | --- | --- | --- |"]
    for name in sorted(deployments.names()):
        abi = [part for part in deployments.artifact(name).abi if part["type"] == "event"]
        for event in sorted(abi, key=lambda event: str(event["name"])):
            shown = ", ".join(
                f"{one['type']} {'indexed ' if one['indexed'] else ''}{one['name']}"
                for one in event["inputs"]
            )
            spelled = f"{event['name']}({','.join(one['type'] for one in event['inputs'])})"
            topic = "0x" + keccak(spelled.encode()).hex()
            lines.append(f"| `{name}` | `{event['name']}` | `{shown}` | `{topic}` |")
    kinds = sorted({kind.model_fields["type"].default for kind in _documents(Document) if kind is not Terms})
    lines += [
        "",
        "## Log entries",
        "",
        "Each is the canonical JSON of `{id, type}`, with one of these types:",
        "",
    ]
    lines += [f"- `{kind}`" for kind in kinds]
    lines += [
        "",
        "## Claims",
        "",
        "In the issuer's log, by `claim_kind`; what a statement holds as JSON Schema: [claims.json](claims.json).",
        "",
        *_claims(),
    ]
    return "\n".join(lines) + "\n"


def _documents(root: Any) -> Iterator[Any]:
    """Every kind of document; classes that several share have no type of their own."""
    for kind in root.__subclasses__():
        if "type" in kind.model_fields:
            yield kind
        yield from _documents(kind)


def claims() -> str:
    """The schema of each kind's statement."""
    from freehold.kernel.words import claim_kinds

    schemas = {name: one.schema for name, one in claim_kinds().items()}
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": schemas}, indent=1)
        + "\n"
    )


def _claims() -> list[str]:
    from freehold.kernel.words import claim_kinds

    lines = ["| kind | subject | statement |", "| --- | --- | --- |"]
    lines += [f"| `{one.name}` | {one.about} | {one.meaning} |" for one in claim_kinds().values()]
    files = (
        "by either side of the receipt, or the model's owner: `{chain_id, contracts, files: {path: sha256}}`"
    )
    return [
        *lines,
        f"| `evidence` | receipt or model | {files}: the signed manifest of an evidence directory |",
    ]


PAGES = {
    "errors.md": errors,
    "settings.md": settings,
    "limits.md": lambda: limits.page(NOTE),
    "http.md": http,
    "metrics.md": metrics,
    "events.md": events,
    "json.md": answers.page,
    "json-schema.json": answers.schemas,
    "claims.json": claims,
}


def main() -> int:
    stale = []
    for name, make in PAGES.items():
        text = make()
        path = TARGET / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    print(f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
