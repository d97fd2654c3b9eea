"""Offering data and meeting peers: the same acts, defaults and bounds by command, over HTTP, from Python, in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import json_answers
import pytest
from node_tables import LABEL, make, write
from node_world import TOKEN, Party, World

import freehold
from freehold.core.errors import InvalidInput, NotFound
from freehold.features.data import wire
from freehold.features.data.pages.publish import FIELDS
from freehold.features.grants import granting
from freehold.kernel import settings
from freehold.kernel.client import NodeClient, NodeRefused
from freehold.shell.cli.main import main

Says = Callable[..., dict[str, Any]]
DAY_SECONDS = 86_400
KNOWN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def owner(world: World) -> Party:
    made = world.party("north")
    made.found()
    return made


@pytest.fixture
def node(owner: Party) -> Iterator[freehold.Node]:
    with freehold.connect(owner.home) as connected:
        yield connected


@pytest.fixture
def says(owner: Party, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Says]:
    """A command's `--json`, held against its schema."""
    opened: list[NodeClient] = []
    start = NodeClient.__init__

    def opening(client: NodeClient, *given: Any, **more: Any) -> None:
        start(client, *given, **more)
        opened.append(client)

    monkeypatch.setattr(NodeClient, "__init__", opening)

    def said(*words: object, code: int = 0) -> dict[str, Any]:
        given = [*map(str, words), "--json"]
        done = main([*given, "--home", str(owner.home)])
        found = capsys.readouterr()
        assert done == code, found.out + found.err
        return json_answers.documented(given, found.out)

    yield said
    for client in opened:
        client._client.close()


def table(folder: Path, seed: int = 1, rows: int = 20) -> Path:
    return write(folder / "patients.csv", make(rows, seed=seed))


def test_a_dataset_goes_off_offer_and_on_again_on_every_face(
    owner: Party, node: freehold.Node, says: Says, world: World, tmp_path: Path
) -> None:
    asset, buyer = node.publish(table(tmp_path), LABEL), world.party("buyer")
    buyer.knows(owner)
    (mine,) = says("assets", "list")["assets"]
    assert (mine["id"], mine["offered"], mine["version"]) == (asset.id, True, 1)

    assert says("assets", "withdraw", "patients")["offered"] is False
    assert [one.offered for one in node.assets()] == [False]
    with pytest.raises(NotFound):
        granting.obtain(buyer.node, buyer.services.peers, buyer.node.asset(asset.id), "infer")
    assert node.offer(asset).offered
    assert granting.obtain(buyer.node, buyer.services.peers, buyer.node.asset(asset.id), "infer")

    asking = httpx.post(
        f"{owner.url}/api/assets/{asset.id}/approval", headers=KNOWN, json={"approval": "ask"}
    )
    assert (asking.status_code, asking.json()["approval"]) == (200, "ask")
    assert [one.approval for one in node.assets()] == ["ask"]
    assert says("assets", "approval", asset.id[:10], "automatic")["approval"] == "automatic"
    says("assets", "approval", asset.id[:10], "sometimes", code=2)
    with pytest.raises(NodeRefused):
        node.set_approval(asset, "perhaps")  # type: ignore[arg-type]


def test_what_is_anothers_is_not_offered_here(owner: Party, node: freehold.Node, world: World) -> None:
    other = world.party("other")
    theirs = other.publish(make(12, seed=4))
    node.meet(other.url)
    for act in (node.withdraw, node.offer):
        with pytest.raises(NodeRefused) as refused:
            act(theirs.id)
        assert refused.value.status == 404
    with pytest.raises(NodeRefused, match="another party"):
        node.publish(table(owner.home), LABEL, supersedes=theirs.id)
    assert node.assets() == ()


def test_a_new_version_takes_over_what_is_not_said_and_the_place_of_the_old(
    owner: Party, node: freehold.Node, says: Says, tmp_path: Path
) -> None:
    first = node.publish(
        table(tmp_path), LABEL, name="Patients", description="Of the north.", price="2.50", max_uses=7, days=30,
        approval="ask", epsilon="0.5", epsilon_life=2, purposes=["research"],
    )  # fmt: skip
    more = table(tmp_path, seed=2, rows=40)
    looked = says("publish", more, "--label", LABEL, "--supersedes", "Patients", "--inspect")
    assert "63 times in 100" in looked["privacy"][0]
    second = says("publish", more, "--label", LABEL, "--supersedes", "Patients", "--price", "3")["asset"]
    asset, before = owner.node.asset(second["id"]), owner.node.asset(first.id)
    assert (asset.supersedes, asset.asset_version, asset.name) == (first.id, 2, "Patients")
    assert (asset.description, asset.terms.price_units) == ("Of the north.", 3_000_000)
    for name in ("max_uses", "purposes", "epsilon_run_micro", "epsilon_life_micro"):
        assert getattr(asset.terms, name) == getattr(before.terms, name)
    assert second["approval"] == "ask"
    assert asset.terms.expires_at - asset.created_at == 30 * DAY_SECONDS
    assert [(one.version, one.offered) for one in node.assets()] == [(1, False), (2, True)]


def test_usual_terms_count_wherever_nothing_else_is_said(
    owner: Party, node: freehold.Node, says: Says, tmp_path: Path
) -> None:
    assert says("terms", "show") == {"price_units": 0, "max_uses": 100, "days": 365, "approval": "automatic"}
    assert says("terms", "set", "--price", "2.50", "--approval", "ask")["max_uses"] == 100
    assert node.set_usual_terms(days=36_500).price_units == 2_500_000
    asset = node.publish(table(tmp_path), LABEL, max_uses=9)
    terms = owner.node.asset(asset.id).terms
    assert (terms.price_units, terms.max_uses, asset.approval) == (2_500_000, 9, "ask")
    assert terms.expires_at - owner.node.asset(asset.id).created_at == 36_500 * DAY_SECONDS
    free = says(
        "publish", table(tmp_path, seed=3), "--label", LABEL, "--price", "0", "--approval", "automatic"
    )
    assert (free["asset"]["price_units"], free["asset"]["approval"]) == (0, "automatic")


@pytest.mark.parametrize(
    ("field", "wrong"), [("days", 36_501), ("days", 0), ("max_uses", 0), ("rows_each", 1_001)]
)
def test_bounds_are_the_same_on_every_face(
    owner: Party, node: freehold.Node, says: Says, tmp_path: Path, field: str, wrong: int
) -> None:
    path = table(tmp_path)
    says("publish", path, "--label", LABEL, f"--{field.replace('_', '-')}", wrong, code=2)
    body = {"path": str(path), "label": LABEL, field: wrong}
    assert httpx.post(f"{owner.url}/api/publish", headers=KNOWN, json=body).status_code == 422
    with pytest.raises(NodeRefused):
        node.publish(path, LABEL, **{field: wrong})
    # the console's form reads its bounds here
    least, most = FIELDS[field].bounds
    assert least is not None
    assert most is not None
    assert not least <= wrong <= most
    assert owner.node.store.find("asset") == []


def test_nothing_said_means_the_same_as_the_request_says(
    node: freehold.Node, says: Says, tmp_path: Path
) -> None:
    plain = wire.Publish(path="", label="")
    for asset in (
        node.publish(table(tmp_path), LABEL),
        wire.AssetRow.model_validate(
            says("publish", table(tmp_path, 2), "--label", LABEL)["asset"], strict=False
        ),
    ):
        assert (asset.approval, asset.price_units) == (plain.approval, plain.price_units)
        assert (asset.reveals, asset.rows_each) == (plain.reveals, plain.rows_each)
        assert (asset.epsilon_run_micro, asset.epsilon_life_micro) == (
            plain.epsilon_run,
            plain.epsilon_life_micro,
        )


def test_peers_are_listed_and_forgotten(owner: Party, node: freehold.Node, says: Says, world: World) -> None:
    other = world.party("south")
    assert says("peers", "list")["peers"] == []
    assert says("peers", "add", other.url)["account"] == other.account
    (known,) = node.peers()
    assert (known.url, known.account, known.name, known.in_settings) == (
        other.url,
        other.account,
        "south",
        False,
    )
    assert says("peers", "forget", other.url) == {"url": other.url, "until_restart": False}
    assert node.peers() == ()
    says("peers", "forget", other.url, code=4)
    with pytest.raises(NodeRefused) as refused:
        node.forget_peer(other.url)
    assert refused.value.status == 404


def test_a_peer_that_the_settings_name_is_taken_out_of_them(world: World) -> None:
    other = world.party("south")
    owner = world.party("north", peers=(other.url,))
    settings.save(owner.home, owner.node.settings)
    listed = httpx.get(f"{owner.url}/api/peers", headers=KNOWN).json()["peers"]
    assert [(one["url"], one["in_settings"]) for one in listed] == [(other.url, True)]
    gone = httpx.post(f"{owner.url}/api/peers/forget", headers=KNOWN, json={"url": other.url})
    assert gone.json() == {"url": other.url, "until_restart": True}
    assert settings.load(owner.home).peers == ()


@pytest.mark.parametrize(
    ("said", "typed", "wrong"),
    [
        ({"name": "x" * 201}, ("--name", "x" * 201), "String should have at most 200 characters"),
        ({"judges": 5}, None, "Input should be a list"),
        ({"approval": "never"}, None, "Input should be 'automatic' or 'ask'"),
    ],
)
def test_an_error_names_the_field_as_each_face_calls_it(
    owner: Party, node: freehold.Node, says: Says, said: dict[str, Any], typed: tuple[str, ...], wrong: str
) -> None:
    (field,) = said
    body = {"path": "/none.csv", "label": LABEL, **said}
    over_http = httpx.post(f"{owner.url}/api/publish", headers=KNOWN, json=body).json()
    assert (over_http["title"], over_http["fields"]) == (f"{field}: {wrong}", {"field": field})
    for ask in (lambda: wire.PUBLISH.checked(body), lambda: wire.Publish.of(**body)):
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.problem() == over_http, "an assistant, and the console, are told the same"
    with pytest.raises(NodeRefused) as by_python:
        node.publish("/none.csv", label=LABEL, **said)
    assert by_python.value.problem()["title"] == f"{field}: {wrong}"
    if typed:
        problem = says("publish", "/none.csv", "--label", LABEL, *typed, code=2)["error"]
        assert (problem["title"], problem["fields"]) == (f"{typed[0]}: {wrong}", {"field": field})
        assert "--help" in problem["hint"]


def test_what_cannot_be_read_names_the_field_too(node: freehold.Node, says: Says) -> None:
    problem = says("publish", "/none.csv", "--label", LABEL, "--price", "dear", code=2)["error"]
    assert problem["title"].startswith("--price: 'dear' is not an amount")
    assert problem["fields"] == {"field": "price_units"}
    with pytest.raises(InvalidInput, match=r"^price: 'dear' is not an amount"):
        node.publish("/none.csv", label=LABEL, price="dear")
