"""What strangers and peers put into lists, however much, leaves there what is this node's own."""

from __future__ import annotations

import re
import secrets
from contextlib import closing
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from inference_world import Shop
from node_tables import make
from node_world import TOKEN, Party, World
from test_node_schemas import api, sealed
from test_node_words import page

from freehold.core.documents import Asset, Grant
from freehold.core.errors import NotFound
from freehold.features.grants import granting
from freehold.features.models.pages import lists
from freehold.features.proof.pages import lineage
from freehold.kernel import pending
from freehold.kernel.cli.building import Call
from freehold.kernel.client import NodeClient
from freehold.kernel.rights.standing import authorise
from freehold.kernel.store import PEERS
from freehold.shell.cli import commands
from freehold.shell.web.pages import made

GOOD = {"rows": 1, "columns": ["a"], "label": "b"}


@pytest.fixture(scope="module")
def crowded(world: World) -> Party:
    victim, good, hostile = world.party("victim"), world.party("good"), world.party("hostile")
    with victim.node.store.transaction() as tx:
        tx.put(sealed(victim, "model", "MYMODEL", GOOD), public=True)
        tx.put(sealed(good, "model", "GOODMODEL", GOOD), logged=False)
        for number in range(130):
            tx.put(sealed(hostile, "model", f"spam{number}", GOOD), logged=False)
    return victim


@pytest.fixture(scope="module")
def sold(world: World) -> Party:
    """A builder with assets, grants and receipts."""
    made = Shop(world).builder
    made.publish(make(12, seed=1))
    return made


def test_its_own_models_stay_in_every_list(crowded: Party) -> None:
    names = [one["name"] for one in api(crowded, "/models")["models"]]
    assert "MYMODEL" in names
    for overview in (lists.overview, made.overview, lineage.overview):
        assert "MYMODEL" in page(crowded, overview), overview.__module__


def test_the_market_goes_on_where_it_ends(crowded: Party) -> None:
    shown, after, pages = page(crowded, lists.market), "", 0
    assert "GOODMODEL" not in shown
    while "GOODMODEL" not in shown:
        (after,) = set(re.findall(r"[?;&]after=([^&\"]+)", shown)) - {after}
        shown, pages = page(crowded, lists.market, after=unquote(after)), pages + 1
        assert pages < 4


def test_its_own_assets_are_listed_a_page_at_a_time(crowded: Party) -> None:
    with crowded.node.store.transaction() as tx:
        for number in range(3):
            tx.put(sealed(crowded, "dataset", f"own{number}", GOOD), public=True)
    last = api(crowded, "/assets?limit=2")["assets"]
    assert [one["name"] for one in last] == ["own1", "own2"]
    before = api(crowded, f"/assets?limit=1&before={last[0]['id']}")["assets"]
    assert [one["name"] for one in before] == ["own0"]


def test_a_page_begins_where_the_last_one_ended_though_what_stood_there_is_gone(crowded: Party) -> None:
    """As where a peer shows another catalogue at each look; only a first page looks."""
    node = crowded.node
    with node.store.transaction() as tx:
        tx.set(PEERS, {"http://127.0.0.1:9": "0x" + "12" * 20})
    page, names, looks = api(crowded, "/search?kind=model&limit=30"), [], []
    while True:
        names += [one["name"] for one in page["assets"]][::-1]
        looks.append(len(page["unreachable"]))
        if not page["earlier"]:
            break
        with node.store.transaction() as tx:
            for one in page["assets"]:
                tx.forget(one["id"])
        page = api(crowded, f"/search?kind=model&limit=30&before={page['earlier']}")
    assert names == [*(f"spam{number}" for number in reversed(range(130))), "GOODMODEL", "MYMODEL"]
    assert looks == [1, 0, 0, 0, 0]
    with node.store.transaction() as tx:
        tx.set(PEERS, {})


@pytest.mark.parametrize("path", ["/search", "/assets", "/grants", "/receipts"])
def test_a_page_begins_before_what_is_named_as_tables_show_it(sold: Party, path: str) -> None:
    name = {"/search": "assets"}.get(path, path[1:])
    every = api(sold, path)
    assert every["earlier"] == ""
    ids = [one["id"] for one in every[name]]
    assert len(ids) > 1
    last = api(sold, f"{path}?limit=1")
    assert [one["id"] for one in last[name]] == ids[-1:]
    named = [one["name"] for one in last.get("assets", ())]
    for before in (last["earlier"], ids[-1], ids[-1][:10], *named):
        assert [one["id"] for one in api(sold, f"{path}?before={before}")[name]] == ids[:-1], before
    assert api(sold, f"{path}?before={ids[0]}") == {**every, name: [], "earlier": ""}


def test_the_terminal_says_that_a_list_goes_on_and_when_it_does_not(
    sold: Party, capsys: pytest.CaptureFixture[str]
) -> None:
    sold.found()
    for words in ("grants list", "receipts", "assets list", "search"):
        path = f"/{words.split()[0]}"
        ids = [one["id"] for one in api(sold, path)["assets" if path == "/search" else path[1:]]]
        assert said(sold, capsys, words, limit=1).count("there are older ones: --before ") == 1
        assert "there are" not in said(sold, capsys, words, before=ids[-1][:10])
        assert said(sold, capsys, words, before=ids[0][:10]).strip() == "there are no older ones"


def said(party: Party, capsys: pytest.CaptureFixture[str], words: str, **given: Any) -> str:
    command = next(made for _, name, made in commands.every() if name == words)
    typed = {one.face: given.get(one.face) for one in command.operation.fields.values()}
    with closing(NodeClient(party.url, TOKEN, home=party.home)) as node:
        command.run(Call(node, party.home, as_json=False, given=typed, more={"receipt": None}))
    return capsys.readouterr().out


def test_a_search_takes_no_text_without_bound(crowded: Party) -> None:
    for query in ({"q": "x" * 101}, {"kind": "x" * 65}, {"before": "x" * 67}):
        answer = httpx.get(
            f"{crowded.url}/api/search",
            params=query,
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code in (400, 422), answer.text
    wordy = sealed(crowded, "dataset", "wordy", {"columns": ["y" * 900 for _ in range(200)]})
    with crowded.node.store.transaction() as tx:
        tx.put(wordy, logged=False)
    with crowded.node.store.reading() as connection:
        (words,) = connection.execute(
            "SELECT words FROM assets WHERE id = ?", (wordy.document.id,)
        ).fetchone()
    assert len(words) <= 8_192


def test_the_newest_grant_is_one_that_was_used(crowded: Party) -> None:
    """What a stranger gets for asking, and leaves, is neither `last` nor on the first page."""
    node = crowded.node
    asset = sealed(crowded, "model", "sold", GOOD).document
    assert isinstance(asset, Asset)

    def granted(number: int) -> str:
        made = Grant(
            issuer=node.account,
            holder="0x" + f"{number + 1:040x}",
            asset=asset.id,
            terms=asset.terms,
            revocation_index=number,
            nonce="0x" + f"{number:064x}",
            issued_at=node.now(),
        )
        with node.store.transaction() as tx:
            tx.put(node.seal(made), logged=False)
            pending.add(tx, pending.GRANTS, made.id, made.holder, 1_000)
        return made.id

    friends = granted(0)
    with node.store.transaction() as tx:
        authorise(node, tx, friends)
    strangers = granted(1)
    assert granting.find(node, "last") == friends
    listed = [one["id"] for one in granting.overview(node)]
    assert friends in listed
    assert strangers not in listed


def test_the_last_grant_is_one_that_can_be_taken_back(world: World) -> None:
    """A grant that it bought is newer, and no word of its own takes that back."""
    owner, seller = world.party("lends"), world.party("sells")
    lent = owner.publish(make(12, seed=1))
    with pytest.raises(NotFound, match="no grant was issued here yet"):
        granting.find(owner.node, "last")

    def granted(issuer: Party, holder: str, asset: Asset) -> str:
        made = Grant(
            issuer=issuer.account, holder=holder, asset=asset.id, terms=asset.terms, revocation_index=0,
            nonce="0x" + secrets.token_hex(32), issued_at=owner.node.now(),
        )  # fmt: skip
        with owner.node.store.transaction() as tx:
            tx.put(issuer.node.seal(made), public=True)
        return made.id

    given = granted(owner, seller.account, lent)
    bought = granted(seller, owner.account, sealed(seller, "model", "sold", GOOD).document)
    assert [one["id"] for one in granting.overview(owner.node)] == [given, bought]
    assert granting.revoke(owner.node, granting.find(owner.node, "last"))["grant"] == given
