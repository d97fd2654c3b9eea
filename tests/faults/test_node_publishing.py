"""Publishing what cannot be used, and publishing when the machine fails: all of it or nothing is kept."""

import contextlib
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from node_tables import COLUMNS, LABEL, Cells, make, write
from node_world import Party, World, begin, order, require_sound

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, InvalidTable, NotFound
from freehold.features.data import finding, publishing
from freehold.features.data.rules.table import commitment
from freehold.features.data.wire import Publish
from freehold.features.privacy import budget
from freehold.features.privacy.lines import PromiseBroken
from freehold.features.training import kept as jobs_kept
from freehold.features.training.wire import Order
from freehold.kernel.node import Node
from freehold.kernel.settings import Settings
from freehold.shell import daemon

SUPPORT = Path(__file__).parents[1] / "support"


def plain(path: Path, **chosen: Any) -> Publish:
    """A table on the terms that nobody chose."""
    return Publish.of(**{"path": str(path), "label": LABEL, **chosen})


@pytest.fixture(scope="module")
def owner(world: World) -> Party:
    return world.party("owner")


def kept(party: Party) -> tuple[int, int, int, list[str]]:
    """Everything a publication could leave behind."""
    with party.node.store.reading() as connection:
        (epochs,) = connection.execute("SELECT count(*) FROM vault_epochs").fetchone()
    blobs = sorted(str(path) for path in (party.home / "blobs").rglob("*") if path.is_file())
    return require_sound(party.node), len(party.node.store.find("asset")), epochs, blobs


def offer(party: Party, cells: Cells) -> Asset:
    """Published on the terms that nobody chose."""
    path = write(party.home / "offered.csv", cells)
    return party.node.asset(publishing.publish(party.node, plain(path)).document.id)


HEADER = ",".join([*COLUMNS, LABEL]) + "\n"
BAD_FILES = {
    "missing cell": (HEADER + "1,2,3,0\n1,,3,1\n", "row", 2),
    "words for a number": (HEADER + "1,2,3,0\n1,high,3,1\n", "column", COLUMNS[1]),
    "not a number": (HEADER + "1,2,NaN,1\n", "column", COLUMNS[2]),
    "endless": (HEADER + "1,inf,3,1\n", "column", COLUMNS[1]),
    "too large a number": (HEADER + "1,1e12,3,1\n", "column", COLUMNS[1]),
    "label of three kinds": (HEADER + "1,2,3,2\n", "column", LABEL),
    "no such label": ("a,b,sick\n1,2,0\n", "column", LABEL),
    "ragged": (HEADER + "1,2,3,0\n1,2\n", "row", 2),
    "two columns of one name": ("a,a,ill\n1,2,0\n", "column", "a"),
    "header only": (HEADER, "file", "bad.csv"),
    "empty": ("", "file", "bad.csv"),
    "binary": ("\x00\x01\x02" * 50, "file", "bad.csv"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_cannot_be_trained_on_is_named_and_nothing_is_kept(
    owner: Party, tmp_path: Path, kind: str
) -> None:
    content, field, value = BAD_FILES[kind]
    path = tmp_path / "bad.csv"
    path.write_text(content)
    before = kept(owner)
    with pytest.raises(InvalidTable) as refused:
        publishing.publish(owner.node, plain(path))
    assert refused.value.hint
    assert refused.value.fields[field] == value
    assert kept(owner) == before


@pytest.mark.parametrize("path", [Path("/nowhere/table.csv"), Path("/"), Path("/dev/null")], ids=str)
def test_what_is_no_file_is_refused(owner: Party, path: Path) -> None:
    before = kept(owner)
    with pytest.raises(InvalidTable):
        publishing.publish(owner.node, plain(path))
    assert kept(owner) == before


def test_a_gigabyte_is_refused_at_once_without_reading_it(owner: Party, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.write(HEADER.encode())
        stream.truncate(1 << 30)
    before, memory_kb = kept(owner), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(InvalidTable, match="limit") as refused:
        publishing.publish(owner.node, plain(path))
    assert time.monotonic() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 50_000
    assert refused.value.fields["limit"] == owner.node.settings.max_table_bytes
    assert kept(owner) == before


def test_repeated_rows_are_said_and_count_once(owner: Party, tmp_path: Path) -> None:
    cells = make(10, seed=1)
    twice = write(tmp_path / "t.csv", Cells(cells.micro * 2, cells.labels * 2))
    report = publishing.inspect(owner.node, plain(twice))
    assert (report["rows"], report["duplicate_rows"]) == (10, 10)
    said: list[str] = []
    envelope = publishing.publish(owner.node, plain(twice), warn=said.append)
    assert said == report["warnings"] == ["10 rows repeat others and count once"]
    asset = owner.node.asset(envelope.document.id)
    assert asset.schema_["rows"] == 10
    table, _ = publishing.open_table(owner.node, asset.id)
    assert table.rows == 10


def test_terms_say_what_updates_reveal_and_cost(owner: Party) -> None:
    asset = offer(owner, make(12, seed=21))
    assert (asset.terms.reveals, asset.terms.holders) == ("noised", ())
    assert (asset.terms.epsilon_run_micro, asset.terms.epsilon_life_micro) == (1_000_000, 4_000_000)
    shown = finding.describe(owner.node, asset)
    assert (shown["reveals"], shown["epsilon_life_micro"], shown["rows_each"]) == ("noised", 4_000_000, 1)


BAD_TERMS = {
    "no epsilon": ({"epsilon_run_micro": 0}, "epsilon_run_micro", "such as 1"),
    "a run above all": (
        {"epsilon_run_micro": 1_000_000, "epsilon_life_micro": 900_000},
        "epsilon_life_micro",
        "Lower",
    ),
    "nobody named": ({"reveals": "update"}, "holders", "Rows can be rebuilt"),
    "no account": ({"reveals": "update", "holders": ["bob"]}, "holders", "schema"),
    "too much": ({"epsilon_life_micro": 10**9}, "epsilon_life_micro", "schema"),
    "no purpose": ({"purposes": []}, "purposes", "schema"),
}


@pytest.mark.parametrize("kind", BAD_TERMS)
def test_terms_that_contradict_themselves_are_refused_and_nothing_is_kept(
    owner: Party, tmp_path: Path, kind: str
) -> None:
    chosen, field, hint = BAD_TERMS[kind]
    path = write(tmp_path / "t.csv", make(12, seed=22))
    before = kept(owner)
    with pytest.raises(InvalidInput) as refused:
        publishing.publish(owner.node, plain(path, **chosen))
    assert refused.value.fields["field"] == field
    assert hint in refused.value.hint
    assert kept(owner) == before


def test_a_table_that_shares_rows_shares_their_budget_and_says_so(owner: Party, tmp_path: Path) -> None:
    cells = make(30, seed=23)
    first = offer(owner, Cells(cells.micro[:20], cells.labels[:20]))
    more = write(tmp_path / "more.csv", Cells(cells.micro[19:], cells.labels[19:]))
    asked = plain(more, epsilon_life_micro=9_000_000)
    report = publishing.inspect(owner.node, asked)
    assert report["lines"] == [first.id]
    said: list[str] = []
    envelope = publishing.publish(owner.node, asked, warn=said.append)
    assert said == report["warnings"]
    assert "share" in said[0]
    assert "epsilon of 4 in all" in said[1]
    (line,) = budget.overview(owner.node, asset_id=envelope.document.id)
    assert (line["line"], line["epsilon_life_micro"]) == (first.id, 4_000_000)
    other = write(tmp_path / "other.csv", make(12, seed=24))
    assert publishing.inspect(owner.node, plain(other))["lines"] == []


def test_rows_published_noised_are_not_published_exact_and_nothing_is_kept(
    owner: Party, tmp_path: Path
) -> None:
    asset = owner.publish(make(12, seed=25))
    path = write(tmp_path / "t.csv", make(12, seed=25))
    asked = plain(path, reveals="update", holders=[owner.account])
    before = kept(owner)
    with pytest.raises(PromiseBroken, match="noised") as refused:
        publishing.publish(owner.node, asked)
    assert refused.value.fields["line"] == asset.id
    assert kept(owner) == before


def test_subject_and_bounds_are_said_and_the_subject_is_not_published(owner: Party, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("who,a,b,y\nann,1,2,0\nann,3,4,1\nann,5,6,1\nbob,7,8,0\n")
    asked = plain(path, label="y", subject="who", rows_each=2, bounds={"a": [0, 10], "b": [0, 6.5]})
    report = publishing.inspect(owner.node, asked)
    assert (report["rows"], report["left_out_rows"]) == (3, 1)
    assert any("column 'b'" in warning for warning in report["warnings"])
    assert any("all rows of one subject" in sentence for sentence in report["privacy"])
    asset = owner.node.asset(publishing.publish(owner.node, asked).document.id)
    assert asset.schema_ == {
        "columns": ["a", "b"], "label": "y", "rows": 3, "subject": "who", "rows_each": 2,
        "bounds": {"a": [0, 10_000_000], "b": [0, 6_500_000]},
    }  # fmt: skip
    table, _ = publishing.open_table(owner.node, asset.id)
    assert table.columns == ("a", "b")
    before = kept(owner)
    for wrong in ({"subject": "whom"}, {"rows_each": 2}, {"bounds": {"a": [1.0, 0.0]}}):
        with pytest.raises(InvalidInput):
            publishing.publish(owner.node, plain(path, label="y", **wrong))
    assert kept(owner) == before


def test_an_inspection_says_what_epsilon_buys_for_so_few_rows(owner: Party, tmp_path: Path) -> None:
    few, many = (
        write(tmp_path / "few.csv", make(10, seed=3)),
        write(tmp_path / "many.csv", make(3_000, seed=4)),
    )
    said = publishing.inspect(owner.node, plain(few))
    assert "at most 74 times in 100" in said["privacy"][0]
    assert "at most 99 times in 100" in said["privacy"][1]
    assert "swapping a row for another counts as two" in said["privacy"][2]
    assert "10 rows alone" in said["privacy"][3]
    assert said["expected_loss_bps"] > 1_000
    assert publishing.inspect(owner.node, plain(many))["expected_loss_bps"] < 100
    nothing = publishing.inspect(owner.node, plain(few, epsilon_run_micro=100))
    assert nothing["expected_loss_bps"] is None or nothing["expected_loss_bps"] > 1_000


def test_a_table_with_other_columns_is_refused_by_name_of_its_owner_before_anything_is_bought(
    world: World,
) -> None:
    fitting, odd, builder = world.party("fitting"), world.party("odd"), world.party("builder")
    fitting.publish(make(20, seed=1), price_units=1_000_000)
    odd.publish(make(20, seed=2), price_units=1_000_000, columns=(*COLUMNS[:2], "weight"))
    before = builder.node.balance_units()
    with pytest.raises(FreeholdError, match="other columns") as refused:
        begin(builder, order(builder, [fitting, odd]))
    assert refused.value.fields["owner"] in (odd.account, fitting.account)
    assert refused.value.fields["column"] in ("weight", COLUMNS[2])
    for told in (odd.node.settings.name, fitting.node.settings.name, "'weight'", f"'{COLUMNS[2]}'"):
        assert told in refused.value.message
    assert "columns" in refused.value.hint
    assert builder.node.balance_units() == before
    assert jobs_kept.jobs(builder.node) == {}


@pytest.mark.parametrize(
    "schema", [{}, {"columns": 5, "label": "ill", "rows": 1}, {"columns": ["a"], "label": None, "rows": 1}]
)
def test_an_asset_that_says_nonsense_about_its_table_is_refused_by_owner(
    world: World, owner: Party, schema: object
) -> None:
    asset = owner.publish(make(12, seed=3)).model_copy(update={"schema_": schema})
    with owner.node.store.transaction() as tx:
        tx.put(owner.node.seal(asset))
    wish = Order(assets=[asset.id], test=str(owner.home / "none.csv"), name="m", price_units=0)
    with pytest.raises(FreeholdError) as refused:
        begin(owner, wish)
    assert refused.value.fields["owner"] == owner.account


# when the machine fails


def test_a_full_disk_keeps_nothing_and_says_so(world: World, tmp_path: Path) -> None:
    """In a process of its own that may not write files beyond a size, as on a disk that is full."""
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(SUPPORT)!r})
from pathlib import Path
from node_tables import make, write
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.errors import FreeholdError
from freehold.features.data import publishing
from freehold.features.data.wire import Publish
from freehold.kernel.node import Node
from freehold.kernel.settings import Settings
from freehold.vault.keystore import Keys
home = Path({str(tmp_path)!r})
node = Node(home, Keys.generate(), Settings(name="o", rpc_url={world.rpc_url!r}), Chain(Rpc({world.rpc_url!r})))
table = write(home / "t.csv", make(20_000, seed=1))
offer = Publish(path=str(table), label="ill")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def count():
    blobs = [p for p in (home / "blobs").rglob("*") if p.is_file()]
    with node.store.log() as log:
        return len(blobs), log.verify()[0], len(node.store.find("asset"))
empty = count()
for limit in (100_000, (home / "node.sqlite-wal").stat().st_size + 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        publishing.publish(node, offer)
    except FreeholdError as error:
        print(error.code, "|", error.hint)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert count()[1:] == empty[1:], count()
publishing.publish(node, offer)
assert count()[2] == 1
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(" | ") for line in done.stdout.splitlines()]
    assert [len(line) for line in lines] == [2, 2], done.stdout
    assert all("space" in hint.lower() or "disk" in hint.lower() for _, hint in lines), lines


@pytest.mark.parametrize(
    "kills", [pytest.param(4, id="few"), pytest.param(40, id="many", marks=pytest.mark.slow)]
)
def test_a_publication_killed_at_any_instant_is_there_whole_or_not_at_all(
    world: World, tmp_path: Path, kills: int
) -> None:
    home, table = tmp_path / "home", write(tmp_path / "t.csv", make(3_000, seed=1))
    home.mkdir()
    draw = random.Random(kills)
    for _ in range(kills):
        command = [sys.executable, str(SUPPORT / "publish_forever.py"), str(home), world.rpc_url, str(table)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as publishing_process:
            assert publishing_process.stdout
            assert publishing_process.stdout.readline() == "one is published\n"
            time.sleep(draw.uniform(0.02, 0.4))
            publishing_process.kill()
    whole = require_whole(home, world.rpc_url)
    assert whole >= kills, "each was killed after at least one"


def require_whole(home: Path, rpc_url: str) -> int:
    """Every asset in the store opens to the table it commits to, and the log holds exactly these."""
    keys = daemon.open_keys(home, "a passphrase for a test")
    with Rpc(rpc_url) as rpc:
        node = Node(home, keys, Settings(name="owner", rpc_url=rpc_url), Chain(rpc))
        assets = [e.document for e in node.store.find("asset", public=True)]
        assert require_sound(node) == len(assets)
        for asset in assets:
            assert isinstance(asset, Asset)
            table, salt = publishing.open_table(node, asset.id)
            assert "0x" + commitment(table, salt).hex() == asset.content.commitment
            assert budget.overview(node, asset_id=asset.id), "no asset without its privacy line"
        with node.store.reading() as connection:
            (epochs,) = connection.execute("SELECT count(*) FROM vault_epochs").fetchone()
        assert epochs == len(assets), "no secret without its asset"
        node.store.close()
    return len(assets)


def test_a_damaged_blob_is_said_and_not_trained_on(owner: Party) -> None:
    asset = owner.publish(make(12, seed=9))
    blob = next(path for path in (owner.home / "blobs").rglob("*") if asset.content.blob in path.name)
    content = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(FreeholdError) as refused:
        publishing.open_table(owner.node, asset.id)
    assert refused.value.hint or refused.value.message
    with contextlib.suppress(OSError):
        blob.unlink()
    with pytest.raises(FreeholdError):
        publishing.open_table(owner.node, asset.id)
    with pytest.raises(NotFound):
        publishing.open_table(owner.node, "0x00")


def test_one_row_is_refused_and_few_are_not(owner: Party) -> None:
    held = len(owner.node.store.find("asset"))
    with pytest.raises(InvalidTable, match="at least 2") as refused:
        owner.publish(make(1, seed=30))
    assert "learned" in refused.value.hint
    assert len(owner.node.store.find("asset")) == held
    assert owner.publish(make(2, seed=31)).schema_["rows"] == 2
