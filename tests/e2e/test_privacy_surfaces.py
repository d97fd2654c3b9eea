"""What a privacy budget means and what was spent of it: on the command line, over HTTP and from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import json_answers
import pytest
from node_tables import LABEL, make, write
from node_world import TOKEN, Party, World

import freehold
from freehold.features.privacy import budget
from freehold.features.privacy.rules import privacy, promises
from freehold.kernel.client import NodeClient, NodeRefused
from freehold.shell.cli.main import main

HOLDER = "0x" + "ab" * 20
ONE = privacy.rho_nano_for(1_000_000, 5)
Says = Callable[..., str]


@pytest.fixture
def owner(world: World) -> Party:
    made = world.party("north")
    made.found()
    return made


@pytest.fixture
def says(owner: Party, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Says]:
    opened: list[NodeClient] = []
    start = NodeClient.__init__

    def opening(client: NodeClient, *given: Any, **more: Any) -> None:
        start(client, *given, **more)
        opened.append(client)

    monkeypatch.setattr(NodeClient, "__init__", opening)

    def said(*words: object, code: int = 0) -> str:
        done = main([*map(str, words), "--home", str(owner.home)])
        found = capsys.readouterr()
        assert done == code, found.out + found.err
        return found.out + found.err

    yield said
    for client in opened:
        client._client.close()


@pytest.fixture
def node(owner: Party) -> Iterator[freehold.Node]:
    with freehold.connect(owner.home) as connected:
        yield connected


def charge(owner: Party, asset: str, run: str, rho: int = ONE) -> None:
    with owner.node.store.transaction() as tx:
        budget.charge(owner.node, tx, asset, run, rho, 1_000_000 if rho else 0, HOLDER)


def only(owner: Party) -> Any:
    (envelope,) = owner.node.store.find("asset", "dataset")
    return envelope.document


def test_the_command_line_publishes_with_a_budget_and_shows_what_was_spent(
    owner: Party, says: Says, tmp_path: Path
) -> None:
    table = write(tmp_path / "north.csv", make(30, seed=1))
    assert "no dataset here has a privacy budget yet" in says("privacy")
    looked = says("publish", table, "--label", LABEL, "--inspect", "--epsilon", "0.5", "--epsilon-life", "2")
    assert "at most 63 times in 100" in looked
    assert "at most 89 times in 100" in looked
    assert "30 rows alone" in looked
    assert owner.node.store.find("asset") == []
    said = says("publish", table, "--label", LABEL, "--epsilon", "0.5", "--epsilon-life", "2")
    assert "epsilon of 0.5, all runs together 2" in said
    asset = only(owner)
    assert (asset.terms.epsilon_run_micro, asset.terms.epsilon_life_micro) == (500_000, 2_000_000)
    charge(owner, asset.id, "0x" + "01" * 32)
    shown = says("privacy", "--runs")
    assert "north" in shown
    assert "at most 74 times in 100 (a coin: 50), and 89 when all is spent" in shown
    assert promises.EPSILON[1:] in shown
    assert HOLDER in shown
    answer = json_answers.documented(["privacy", "--json"], says("privacy", asset.id[:10], "--json"))
    assert answer["lines"][0]["run_count"] == 1
    assert answer["lines"][0]["left_micro"] < 2_000_000
    again = says("publish", table, "--label", LABEL)
    assert "note: rows of this table were published before" in again
    assert "epsilon of 2 in all was promised" in again
    (line,) = budget.overview(owner.node)
    assert len(line["assets"]) == 2


def test_a_smaller_budget_for_life_lowers_that_of_a_run(owner: Party, says: Says, tmp_path: Path) -> None:
    says("publish", write(tmp_path / "t.csv", make(12, seed=2)), "--label", LABEL, "--epsilon-life", "0.25")
    assert only(owner).terms.epsilon_run_micro == 250_000


def test_subjects_and_bounds_from_the_command_line(owner: Party, says: Says, tmp_path: Path) -> None:
    table, listed = tmp_path / "t.csv", tmp_path / "bounds.csv"
    table.write_text("who,a=b,c,y\nann,1,2,0\nann,3,4,1\nbob,5,6,0\nbob,5,6,0\n")
    listed.write_text("column,low,high\na=b,-1.5,10\n\nc,0,7\n")
    said = says(
        "publish", table, "--label", "y", "--subject", "who", "--rows-each", "2", "--bounds", "a=b=-1.5:10",
        "--bounds", "c=0:7",
    )  # fmt: skip
    assert "1 row repeats another and counts once" in said
    asset = only(owner)
    assert asset.schema_["bounds"] == {"a=b": [-1_500_000, 10_000_000], "c": [0, 7_000_000]}
    assert (asset.schema_["subject"], asset.schema_["rows_each"], asset.schema_["rows"]) == ("who", 2, 3)
    answer = json_answers.documented(
        ["publish", "--json"],
        says("publish", table, "--label", "y", "--subject", "who", "--bounds", listed, "--inspect", "--json"),
    )
    assert (answer["rows"], answer["left_out_rows"]) == (2, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bounds", "pulse"), "NAME=LOW:HIGH"),
        (("--bounds", "pulse=1"), "NAME=LOW:HIGH"),
        (("--bounds", "pulse=a:b"), "not numbers"),
        (("--bounds", "pulse=0:1", "--bounds", "pulse=0:1"), "twice"),
        (("--bounds", "pulse=9:1"), "Declare them for every column"),
        (("--epsilon", "0"), "above 0"),
        (("--epsilon", "-1"), "above 0"),
        (("--epsilon", "5"), "Lower the epsilon of a run"),
        (("--epsilon", "5", "--inspect"), "Lower the epsilon of a run"),
        (("--epsilon", "0.0000001"), "six decimals"),
        (("--epsilon", "1000"), "at most 100"),
        (("--price", "1000000000"), "less than a billion"),
        (("--epsilon-life", "1000"), "error: --epsilon-life: "),
        (("--reveals", "update"), "Rows can be rebuilt"),
        (("--reveals", "update", "--holder", "bob"), "error: --holder.0: "),
        (("--reveals", "all"), "reveals"),
        (("--subject", "nobody"), "Its columns are"),
        (("--subject", LABEL), "both label and subject"),
        (("--rows-each", "3"), "--subject"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_published(
    owner: Party, says: Says, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    table = write(tmp_path / "t.csv", make(12, seed=3))
    assert said in says("publish", table, "--label", LABEL, *words, code=2)
    assert owner.node.store.find("asset") == []
    assert budget.overview(owner.node) == []


def test_bounds_in_a_file_are_read_line_by_line(says: Says, tmp_path: Path) -> None:
    table, listed = write(tmp_path / "t.csv", make(12, seed=3)), tmp_path / "b.csv"
    listed.write_text("pulse,1,2\npressure,1\n")
    assert "line 2" in says("publish", table, "--label", LABEL, "--bounds", listed, code=2)
    listed.write_bytes(b"\xff\xfe\x00")
    assert "NAME=LOW:HIGH" in says("publish", table, "--label", LABEL, "--bounds", listed, code=2)


def test_exact_updates_are_named_as_such_everywhere(
    owner: Party, says: Says, node: freehold.Node, tmp_path: Path
) -> None:
    table = write(tmp_path / "t.csv", make(12, seed=4))
    said = says("publish", table, "--label", LABEL, "--reveals", "update", "--holder", HOLDER)
    assert promises.EXACT in said
    asset = only(owner)
    assert (asset.terms.reveals, asset.terms.holders) == ("update", (HOLDER,))
    charge(owner, asset.id, "0x" + "02" * 32, 0)
    shown = says("privacy", "--runs")
    assert "exact updates were given once, from which rows can be rebuilt" in shown
    (line,) = node.privacy()
    assert (line.exact_runs, line.runs[0].epsilon_micro) == (1, 0)
    refused = says("publish", write(tmp_path / "n.csv", make(12, seed=5)), "--label", LABEL)
    assert "error" not in refused
    assert "stays" in says(
        "publish", tmp_path / "n.csv", "--label", LABEL, "--reveals", "update", "--holder", HOLDER, code=6
    )


def test_the_library_knows_budgets(owner: Party, node: freehold.Node, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", make(30, seed=6))
    columns = ("pulse", "pressure", "glucose")
    found = node.inspect(table, LABEL, epsilon=0.5, bounds=dict.fromkeys(columns, (0, 10_000)))
    assert "at most 63 times in 100" in found.privacy[0]
    assert found.expected_loss_bps is not None
    asset = node.publish(
        table, LABEL, epsilon="0.5", epsilon_life=2, bounds=dict.fromkeys(columns, (0, 10_000))
    )
    assert (asset.reveals, asset.epsilon_run_micro, asset.epsilon_life_micro) == (
        "noised",
        500_000,
        2_000_000,
    )
    assert owner.node.asset(asset.id).schema_["bounds"]["pulse"] == [0, 10_000_000_000]
    charge(owner, asset.id, "0x" + "03" * 32)
    (line,) = node.privacy(asset)
    assert (line.assets, line.names, line.run_count) == ((asset.id,), ("t",), 1)
    assert line.spent_micro <= 1_000_000 < line.left_micro + 700_000
    assert "at most 74 times" in line.sentence
    assert "<table>" in line._repr_html_()
    with pytest.raises(NodeRefused) as refused:
        node.publish(table, LABEL, reveals="update", holders=[HOLDER])
    assert refused.value.code == "privacy.promise"


def test_budgets_are_paged_and_need_the_token(owner: Party) -> None:
    for seed in (7, 8, 9):
        owner.publish(make(12, seed=seed))
    import httpx

    address, known = f"{owner.url}/api/privacy", {"authorization": f"Bearer {TOKEN}"}
    assert httpx.get(address).status_code == 401
    assert len(httpx.get(address, headers=known, params={"limit": 2}).json()["lines"]) == 2
    assert httpx.get(address, headers=known, params={"limit": 0}).status_code == 422
    assert httpx.get(address, headers=known, params={"asset": "0xffff"}).status_code == 404
