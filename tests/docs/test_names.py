"""Names on pages are names in the code: tests, files, routes, commands, settings, errors, metrics, Python, contracts."""

import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import doc_pages
from doc_pages import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import reference

from freehold.chain import deployments
from freehold.kernel.metrics import catalogue
from freehold.kernel.registry import everything
from freehold.kernel.setting_sources import variable
from freehold.kernel.settings import Settings
from freehold.shell.cli import reference as commands
from freehold.shell.library.node import Node
from freehold.shell.web import pages as own_pages

NOT_OURS = {
    *("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "SERIALIZABLE"),
    *("worker_connections 16384;", "worker_rlimit_nofile 40000;", "limit_conn", "sha256sum", "systemd-analyze verify"),
    *("/etc/nftables.conf", "cp1252", "invalid opcode: INVALID", "ssh -L 7400:127.0.0.1:7400 server", "systemctl stop freehold", "timedatectl set-ntp true"),
    # what the reference node has and the local chain has not
    *("4byteTracer", "muxTracer", "StackUnderflow", "StateChangeDuringStaticCall", "blobGasPrice", "eth_sendTransaction"),
    *("debug_*", "trace_*", "txpool_*"),
    # stands for a name of the reader's
    *("part.NAME", "node.show()", "templates/things.html", "documents/<id>.json", "logs/<account>.json"),
    *("src/freehold/chain/artifacts/<Name>.json", "SomethingHappened", "everything().tell(node, SomethingHappened(...))", 'data-busy="Working…"'),
}  # fmt: skip
"""Names of other programs, and of what is not here."""


def each(look: str) -> list[tuple[str, str]]:
    """(page, span) of every span that looks so."""
    return [
        (doc_pages.named(page), span)
        for page in doc_pages.PAGES
        for span in doc_pages.spans(page)
        if re.fullmatch(look, span) and span not in NOT_OURS
    ]


def untrue(found: list[tuple[str, str]], true: Callable[[str], object]) -> list[str]:
    """Those that are not so, with their pages."""
    assert found, "nothing looks so any more: this test looks for the wrong thing"
    return sorted({f"{page}: {span}" for page, span in found if not true(span)})


def test_tests_that_pages_name_exist():
    assert not list(missing_tests())


def missing_tests() -> Iterator[str]:
    texts = {
        path: (ROOT / path).read_text()
        for path in doc_pages.tracked()
        if path.startswith(("tests/", "bench/", "contracts/")) and path.endswith(".py")
    }
    functions = {name: path for path, text in texts.items() for name in re.findall(r"def (test_\w+)\(", text)}
    for page in doc_pages.PAGES:
        for span in doc_pages.spans(page):
            found = re.fullmatch(r"([\w/]*\.py)?(?:::)?(test_\w{9,}|[A-Za-z]+)?(\.\.\.)?", span)
            if "test_" not in span or not found or (found[2] and found[2] in doc_pages.words_of_code()):
                continue
            path, name, cut = found.groups()
            files = [one for one in texts if one == path or one.endswith(f"/{path}")] if path else list(texts)
            known = [one for one in functions if name and one.startswith(name)] if cut else [name]
            if not files or (
                name and not any(f"def {one}(" in texts[file] for file in files for one in known)
            ):
                yield f"{doc_pages.named(page)}: {span}"


def test_files_that_pages_name_exist():
    """By their whole path or the end of one; `HOME/...` and files of evidence by their names in the code."""
    ends = {
        path.split("/", depth)[-1] for path in doc_pages.tracked() for depth in range(path.count("/") + 1)
    }
    globs = [re.compile(one) for one in (r"features/[*]/once\.py", r"features/<name>/words\.py")]

    def there(span: str) -> bool:
        span = span.rstrip("/")
        named = span.rsplit("/", 1)[-1]
        if any(one.fullmatch(span) for one in globs):
            return any(path.endswith(named) for path in doc_pages.tracked())
        return span in ends or f"{span}.py" in ends or (
            not span.endswith(".py") and any(re.search(rf'"(?:\w+/)?{re.escape(part)}"', strings()) for part in (span, named, named.removesuffix(".json")))
        )  # fmt: skip

    look = r"(?!https?:|s3:|postgres|python |freehold|text/)[\w./<>*-]*/[\w./<>*-]*[a-z]/?|[\w-]+\.(?:py|html|css|md|svg|mjs)"
    found = [
        (page, span)
        for page, span in each(look)
        if not span.startswith(("/", "~", ".", "<", "application/", "dist/"))
    ]
    assert not untrue(found, there)


@cache
def strings() -> str:
    """Every text of the package."""
    return "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py")) + '"site/index.html"'


@cache
def routes() -> frozenset[str]:
    """Every path that a node answers, with anything where a path has a variable."""
    listed = re.findall(r"^\| (?:GET|POST) \| `([^`]+)` \|", reference.http(), re.MULTILINE)
    own = [
        importlib.import_module(f"{own_pages.__name__}.{one.name}")
        for one in pkgutil.iter_modules(own_pages.__path__)
    ]
    pages = [*(one for module in own for one in getattr(module, "PAGES", ())), *everything().every("pages")]
    return frozenset(
        [*listed, "/openapi.json", "/console", "/console/events", *(f"/console{one.path}" for one in pages)]
    )


def test_routes_that_pages_name_exist():
    known = [re.compile(re.sub(r"\{[^}]*\}", "[^/]+", one)) for one in routes()]

    def there(span: str) -> bool:
        path = span.removeprefix("GET ").removeprefix("POST ").split()[0]
        if path.endswith(("...", "*", "/")):
            return any(one.startswith(path.rstrip(".*")) for one in routes())
        if path.startswith("/api") and path.split("{")[0].rstrip("/") == "/api":
            return True
        filled = re.sub(r"\{[^}]*\}", "x", path)
        return any(one.fullmatch(filled) for one in known)

    found = [
        (page, span)
        for page, span in each(r"(?:GET |POST )?/(?!(?:var|etc|opt|tmp|home|run|usr|dev|proc|srv)\b)[a-z.].*")
        if "add-a-feature" not in page
    ]
    assert not untrue(found, there)


def test_options_that_pages_name_exist():
    """Of a command here, of a measurement, or of the chain."""
    known = {"--help", "--version"} | {
        flag
        for _, command in commands.commands()
        for one in command.params
        for flag in (*one.opts, *one.secondary_opts)
    }
    scripts = "\n".join(
        (ROOT / path).read_text()
        for path in doc_pages.tracked()
        if path.startswith(("bench/", "scripts/", "examples/")) and path.endswith(".py")
    )
    assert not untrue(
        each(r"--[a-z].*"),
        lambda span: (flag := re.split(r"[ =]", span)[0]) in known or f'"{flag}"' in scripts,
    )


def test_environment_variables_that_pages_name_are_read():
    known = {variable(name) for name in Settings.__dataclass_fields__}
    assert not untrue(
        each(r"(?:FREEHOLD|PG|AWS)_?[A-Z_]+"),
        lambda span: span in known or f'"{span}"' in strings() or span == "FREEHOLD_",
    )


def test_settings_that_pages_set_or_call_one_exist():
    said = re.compile(
        r"\bsettings? `(\w+)`|`(\w+)` is (?:a|no) setting|config set (\w+)|FREEHOLD_([A-Z_]+)=|^(\w+) = .*config\.toml",
        re.MULTILINE,
    )
    known = set(Settings.__dataclass_fields__)
    found = {
        (doc_pages.named(page), name.lower())
        for page in doc_pages.PAGES
        for one in said.findall(doc_pages.text(page))
        for name in one
        if name
    }
    assert len(found) > 15
    assert not [one for one in found if one[1] not in known]


def test_metrics_that_pages_name_exist():
    assert not untrue(each(r"freehold_[a-z_]+"), lambda span: span in catalogue())


def test_measurements_and_modules_that_pages_run_exist():
    """`python -m bench NAME`, `make bench ARGS=NAME`, `python bench/NAME.py`, `python -m freehold.X`, `make TARGET`."""
    makefile = (ROOT / "Makefile").read_text()
    for page in doc_pages.PAGES:
        text = doc_pages.text(page)
        for name in re.findall(r"(?:python -m bench|make bench ARGS=)[\" ]?(\w+)", text) + re.findall(
            r"bench/(\w+)\.py", text
        ):
            assert (ROOT / "bench" / f"{name}.py").is_file(), f"{doc_pages.named(page)}: {name}"
        for name in re.findall(r"python -m (freehold[\w.]*)", text):
            assert importlib.util.find_spec(name), f"{doc_pages.named(page)}: {name}"
        for target in re.findall(r"(?:`|^    |^\$ )make ([a-z-]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (
                f"{doc_pages.named(page)}: make {target}"
            )


@cache
def dotted_names() -> frozenset[str]:
    """What is called `group.word` and is no Python: errors, steps of verification, operations, words of evidence."""
    examples = "".join(path.read_text() for path in ROOT.glob("examples/**/*.py"))
    macros = "".join(path.read_text() for path in (ROOT / "src").rglob("*.html"))
    steps = set(re.findall(r'"([a-z]+\.[a-z_]+)"', strings() + examples))
    called = set(re.findall(r"\b((?:ui|chart|tables)\.\w+)\(", macros))
    return frozenset({kind.code for kind in reference.every_error()} | steps | called)


ROOMS = ("core", "log", "chain", "vault", "kernel", "features", "shell", "quickstart")


def resolves(span: str) -> bool:
    """Whether a dotted name is a module, class or value of the package, however much of its beginning is left out.

    What begins with no room, feature or class stands for a value, whose last name must be one of some class.
    """
    features = [one.name for one in everything().features]
    places = ["", "freehold.", *(f"freehold.{one}." for one in ROOMS), "freehold.kernel.databases."]
    places += [f"freehold.features.{one}{part}." for one in features for part in ("", ".rules")]
    owner, _, member = span.partition(".")
    if any(member in members().get(one, ()) for one in (owner, owner.title())) or hasattr(Node, member):
        return True
    if any(_held(f"{place}{span}") for place in places):
        return True
    valued = owner not in {*ROOMS, *features, *members()}
    return valued and any(member.split(".")[-1] in held for held in members().values())


@cache
def members() -> dict[str, set[str]]:
    """What each class of the package holds."""
    found: dict[str, set[str]] = {}
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("examples/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                named = {
                    getattr(one, "name", None) or getattr(getattr(one, "target", None), "id", "")
                    for one in node.body
                }
                found.setdefault(node.name, set()).update(named)
    return found


def _held(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: ModuleType | Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            fields = {**getattr(found, "__annotations__", {}), **getattr(found, "__dataclass_fields__", {})}
            if not hasattr(found, part) and part not in fields:
                return False
            found = getattr(found, part, fields.get(part))
        return found is not None
    return False


def test_dotted_names_exist():
    """`room.module.name` of Python, `Contract.function`, error codes, steps of verification."""
    contracts = {
        f"{name}.{part.get('name')}"
        for name in deployments.names()
        for part in deployments.artifact(name).abi
    }
    endings = ("py", "md", "json", "jwe", "toml", "zip", "html", "css", "key", "txt", "sqlite", "ipynb")
    found = [
        (page, span)
        for page, span in each(r"[A-Za-z_]+(?:\.[A-Za-z_]\w*)+(?:\(.*\))?")
        if not span.endswith(endings)
    ]
    assert not untrue(
        found,
        lambda span: (bare := span.split("(")[0]) in dotted_names() | contracts or resolves(bare),
    )


def test_every_other_word_stands_in_the_code():
    interface = " ".join(str(deployments.artifact(name).abi) for name in deployments.names())
    known = doc_pages.words_of_code() | set(re.findall(r"\w+", interface))
    generated = {"docs/reference/settings.md", "docs/reference/json.md", "docs/reference/cli.md"}
    said = {
        (page, span, word)
        for page, span in each(r"(?!::|test|0x|http|cast |jq |tests/|[0-9a-f]{7}$|[\w/.]+/$|.*\.ipynb).*")
        if page not in generated and "test_" not in span and "..." not in span.split("(")[0]
        for word in re.findall(r"[A-Za-z_]\w{2,}", span)
        if not re.fullmatch(r"FREEHOLD_\w*", word)
    }
    assert not sorted(one for one in said if one[2] not in known)


def test_output_that_pages_show_names_what_the_programs_check():
    """Lines of `verify` and `doctor`, as pages show them: each names a step or a finding that there is."""
    line = re.compile(r"^(?:ok|OPEN|warning|PROBLEM|FAILED|NEWER) +([a-z][\w.-]*)  ", re.MULTILINE)
    shown = {
        (doc_pages.named(page), name)
        for page in doc_pages.PAGES
        for body in doc_pages.blocks(page, "text")
        for name in line.findall(body)
    }
    assert len(shown) > 8
    assert not {one for one in shown if one[1] not in dotted_names() and f'"{one[1]}"' not in strings()}


def test_output_that_pages_show_says_where_nobody_vouched():
    """A block that nobody vouched for is open, and the verdict hangs on it; no page shows it as fine."""
    shown = [
        (doc_pages.named(page), body)
        for page in doc_pages.PAGES
        for body in doc_pages.blocks(page, "text")
        if "nobody vouches for block" in body
    ]
    assert shown
    for page, body in shown:
        assert re.search(r"^OPEN +chain\.block +nobody vouches for block", body, re.MULTILINE), page
        assert not re.search(r"^the evidence holds$", body, re.MULTILINE), page
