"""Lists on pages are whole: what takes gas, routes of peers, fields of documents, networks."""

import ast
import json
import re
from collections.abc import Iterator

import doc_pages
import pytest
from doc_pages import ROOT
from test_names import routes

from freehold.chain import deployments, sending
from freehold.chain.embedded import calls
from freehold.chain.networks import NETWORKS
from freehold.core.documents import Asset, Claim, Grant, Party, Receipt, Terms
from freehold.kernel import ceiling
from freehold.kernel.databases import copying
from freehold.kernel.web.places import FACETS
from freehold.kernel.web.words import FILTERS
from freehold.shell.web import places


def test_every_transaction_that_a_node_sends_is_in_the_list_of_what_takes_gas():
    page = doc_pages.text(ROOT / "docs" / "security" / "gas.md")
    listed = re.findall(r"^\| `(\w+)\.(\w+)` \| .* \| ([^|]*) \|$", page, re.MULTILINE)
    assert {(contract, function) for contract, function, _ in listed} == set(sent())
    measured = {f"{one['gas']:,}" for one in json.loads((ROOT / "bench" / "gas.json").read_text()).values()}
    for contract, function, gas in listed:
        figures = re.findall(r"(?<!about )\b\d+,\d+", gas)
        assert set(figures) <= measured, f"{contract}.{function}: {gas}"


def test_a_transfer_that_fills_a_nonce_is_in_the_list_too():
    page = doc_pages.text(ROOT / "docs" / "security" / "gas.md")
    (row,) = re.findall(r"^\| a transfer of nothing to itself \|.*$", page, re.MULTILINE)
    assert row.endswith(f"| {sending._PLUG_GAS:,} |")


def test_what_a_node_says_that_a_purchase_takes_is_what_was_measured():
    measured = json.loads((ROOT / "bench" / "gas.json").read_text())
    for kind, act in ceiling._CALLS.items():
        assert measured[act]["gas"] <= ceiling.GAS[kind] <= measured[act]["gas"] * 1.05, act


def test_closing_a_channel_is_said_to_take_two_calls():
    """The first asks; what is left moves only with the second, a day later."""
    for path in [
        *(ROOT / "docs").rglob("*.md"),
        *(one for one in (ROOT / "src").rglob("*.py") if "/library/operations" not in str(one)),
        *(ROOT / "src").rglob("*.html"),
    ]:
        for part in re.split(r"\n\s*\n|\n\| ", path.read_text()):
            about = re.search(
                r"freehold channels close|closing (it|the channel)\b.{0,40}takes|comes back a day", part
            )
            if about and re.search(r"\b(back|rest|money out)\b", part):
                assert re.search(r"\bagain\b|\btwice\b|once more", part), f"{path.name}: {part[:120]}"


def test_pages_of_the_reference_that_are_written_by_a_program_say_so():
    said = {
        path.name
        for path in (ROOT / "docs" / "reference").glob("*.md")
        if "Written by `python" in path.read_text()
    }
    by_hand = {"chain.md", "contract-errors.md", "contracts.md", "networks.md", "signed-requests.md"}
    assert said == {path.name for path in (ROOT / "docs" / "reference").glob("*.md")} - by_hand


def test_verifying_without_us_names_every_exit_code_of_its_program():
    page = doc_pages.text(ROOT / "docs" / "how-to" / "verify-without-us.md")
    program = (ROOT / "examples" / "verify_standalone.py").read_text()
    main = program[program.index("\ndef main(") :]
    ends = [line for line in main.splitlines() if line.strip().startswith("return ")]
    codes = {code for line in ends for code in re.findall(r"(?<![\w.])\d+", line)}
    assert codes == {"0", "2", "4", "9", "11", "12"}
    (said,) = re.findall(r"^It ends with 0.*$", page, re.MULTILINE)
    assert codes <= set(re.findall(r"\b\d+\b", said))


def test_files_that_stay_outside_a_database_are_in_the_list_of_what_is_kept():
    """Names of files that the package makes beside its home or copies within it: each holds what somebody may ask to erase."""
    page = doc_pages.text(ROOT / "docs" / "legal.md")
    named = {copying.FILE + "-version-", "freehold-fault-", "/uploads"}
    assert "freehold-fault-" in (ROOT / "src/freehold/kernel/faults.py").read_text()
    assert not {one for one in named if one not in page}


def sent() -> Iterator[tuple[str, str]]:
    """(contract, function) of every transaction in the code of a node."""
    for path in [*ROOT.glob("src/freehold/kernel/**/*.py"), *ROOT.glob("src/freehold/features/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and len(node.args) > 1:
                named = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
                called = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
                if called in {"send", "Errand"} and len(named) == 2:
                    yield named[0], named[1]


@pytest.mark.parametrize("page", ["architecture.md", "security/strangers.md"])
def test_every_peer_route_is_in_lists_of_them(page):
    text = doc_pages.text(ROOT / "docs" / page)
    known = {one for one in routes() if one.startswith("/peer/")}
    assert len(known) > 10
    missing = {one for one in known if f"`{one}`" not in text and f"`{one.rsplit('/', 1)[0]}/*`" not in text}
    assert not missing


def test_the_fields_of_documents_are_in_their_table():
    text = doc_pages.text(ROOT / "docs" / "architecture.md")
    for kind in (Party, Terms, Asset, Grant, Receipt, Claim):
        name = kind.model_fields["type"].default
        (row,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        fields = {field.alias or key for key, field in kind.model_fields.items()} - {"type", "version"}
        assert not {one for one in fields if not re.search(rf"`{one}\b", row)}, name


def test_the_networks_of_the_page_are_those_of_the_client():
    text = doc_pages.text(ROOT / "docs" / "reference" / "networks.md")
    found = re.findall(r"^\| ([\w ]+) \| (\d+) \| (\d+) \| ([\d.]+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    assert {int(row[1]): (row[0], *map(float, row[2:])) for row in found} == {
        number: (one.name, one.confirmations, one.block_seconds, one.stuck_seconds, one.wait_seconds)
        for number, one in NETWORKS.items()
    }


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_arrows_name_every_room(page):
    (arrows,) = re.findall(r"core +<- .*quickstart", doc_pages.text(ROOT / page))
    rooms = {path.name for path in (ROOT / "src" / "freehold").iterdir() if (path / "__init__.py").exists()}
    assert set(re.findall(r"[a-z]+", arrows.replace("/<name>", ""))) == rooms


def test_functions_and_events_of_contracts_have_the_arguments_that_are_written():
    text = doc_pages.text(ROOT / "docs" / "architecture.md")
    checked = 0
    for name in deployments.names():
        (row,) = re.findall(rf"^\| `{name}` \|(.*)$", text, re.MULTILINE)
        there: dict[str, list[list[str]]] = {}
        for part in deployments.artifact(name).abi:
            there.setdefault(str(part.get("name")), []).append(
                [one["type"] for one in part.get("inputs", [])]
            )
        for called, written in re.findall(r"(\w+)\(([^()]*)\)", row):
            types = [one.split()[0].replace("Offer", "tuple") for one in written.split(",") if one.strip()]
            if called in there and types and re.match(r"address|uint|bytes|tuple", types[0]):
                assert types in there[called], f"{name}.{called}({written})"
                checked += 1
    assert checked > 25
    (shape,) = re.findall(r"^Artifacts `\{([^}]*)\}`", text, re.MULTILINE)
    kept = json.loads((ROOT / "src/freehold/chain/artifacts/Market.json").read_text())
    assert set(shape.split(", ")) == set(kept)


def test_functions_of_the_package_take_what_is_written():
    """`name(this, that=...)` on the page of architecture: some function, or class, of that name takes these."""
    taken: dict[str, list[set[str]]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                made = [
                    one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"
                ]
                fields = {one.target.id for one in node.body if isinstance(one, ast.AnnAssign)}
                taken.setdefault(node.name, [fields]).extend(parameters(one) for one in made)
            if isinstance(node, ast.FunctionDef):
                taken.setdefault(node.name, []).append(parameters(node))
    checked = 0
    for span in doc_pages.spans(ROOT / "docs" / "architecture.md"):
        found = re.fullmatch(r"(?:[\w.]+\.)?(\w+)\(([^()]*)\)(?: ->.*)?", span)
        if found and found[1] in taken and found[1] != "charge":  # what a caller gives, under any name
            named = {re.split("[=:]", one)[0].strip(" *") for one in found[2].split(",")} - {"", "..."}
            if all(re.fullmatch(r"[a-z_]\w*", one) for one in named):
                assert any(named <= one for one in taken[found[1]]), span
                checked += 1
    assert checked > 20


def parameters(function: ast.FunctionDef) -> set[str]:
    given = function.args
    return {one.arg for one in (*given.args, *given.kwonlyargs, given.vararg, given.kwarg) if one}


def test_macros_and_filters_of_templates_are_in_the_guide():
    guide = set(doc_pages.spans(ROOT / "docs" / "how-to" / "add-a-feature.md"))
    template = (ROOT / "src/freehold/shell/web/templates/ui.html").read_text()
    macros = set(re.findall(r"macro (\w+)\(", template))
    assert len(macros) > 8
    assert not (macros | set(FILTERS)) - guide


def test_tables_of_a_feature_import_what_the_page_says():
    page = doc_pages.text(ROOT / "docs" / "architecture.md")
    (allowed,) = re.findall(r"its `tables\.py` \(`STEPS`\), which imports nothing but (.*?), so that", page)
    said = [one.replace("databases", "kernel.databases") for one in re.findall(r"`([\w.]+)`", allowed)]
    found = {
        node.module or ""
        for path in (ROOT / "src" / "freehold" / "features").glob("*/tables.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    ours = {one for one in found if one.startswith("freehold.")}
    assert ours
    assert all(any(one.startswith(f"freehold.{name}") for name in said) for one in ours), ours


def test_every_tab_stands_on_the_page_of_the_console_with_its_place():
    page = doc_pages.text(ROOT / "docs" / "how-to" / "console.md").split("## ")[0]
    listed = {
        place: names.split(", ")
        for names, place in re.findall(r"^\| ([^|]+) \| \*\*(\w+)\*\*[^|]* \|", page, re.MULTILINE)
    }
    assert listed == {name: [one.label for one in places.of(place)] for place, name in places.NAMES.items()}
    facets = re.findall(r"^\| (\w+) \| [^*|]+ \|$", page, re.MULTILINE)
    assert facets == [one.label for one in FACETS]


def test_the_overrides_of_a_block_are_those_that_the_chain_takes():
    page = doc_pages.text(ROOT / "docs" / "reference" / "chain.md")
    (row,) = re.findall(r"^\| block overrides that say .*$", page, re.MULTILINE)
    empty, others = row.split("The others:")
    assert set(re.findall(r"`(\w+)`", others)) == set(calls._BLOCK_FIELDS)
    assert set(re.findall(r"`(\w+)`", empty)) == set(calls._EMPTY_FIELDS)


def test_epsilons_of_the_attack_on_membership_are_those_that_were_measured():
    page = doc_pages.text(ROOT / "docs" / "security" / "training.md")
    (named,) = re.findall(r"one took part, at epsilon ([\d, and]+) \|", page)
    table = page.split("### Membership")[1].split("###")[0]
    measured = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"\d+", named)) == sorted(measured)


WHAT_LEAVES = re.compile(
    r"\b(?:one|a) (?:noised )?(?:sum|update|list of COLUMNS)\b[^.;|]{0,60}\b(?:each|every|once a|a) round"
    r"|\beach round one noised|\bIn each of ROUNDS rounds",
    re.IGNORECASE,
)


def test_what_leaves_in_training_is_said_with_the_sketch():
    """Where it is listed what an owner shows, the one sketch before large runs is not left out."""
    places = [
        ROOT / "README.md",
        *(path for path in (ROOT / "docs").rglob("*.md") if "decisions" not in path.parts),
        *(ROOT / "src" / "freehold").rglob("*.html"),
        *(ROOT / "src" / "freehold").rglob("wire.py"),
    ]
    said = [
        (path.name, part)
        for path in places
        for part in re.split(r"\n\s*\n|\n- |</ul>|</li>\s*</ul>", path.read_text())
        if WHAT_LEAVES.search(" ".join(part.split()).replace("> ", ""))
    ]
    assert len(said) > 5
    left_out = [one for one in said if not re.search("sketch|compares rows", one[1])]
    assert not left_out
