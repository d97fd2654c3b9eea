"""A node that meets what a later program signed keeps and shows it under its own word, and never acts upon it."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import Markup
from node_tables import make
from node_world import Party, World
from peer_calls import granted, introduce

from freehold.core.documents import Asset, Receipt
from freehold.core.errors import InvalidInput, NewerFormat, NotFound
from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data import catalogue, finding
from freehold.features.data.pages import market
from freehold.features.data.wire import AssetRow
from freehold.features.grants import granting
from freehold.features.identity.peers import CatalogueRead
from freehold.features.proof.pages import log, uses
from freehold.features.proof.pages.uses import happened
from freehold.kernel import countersigning, listed, words
from freehold.kernel.registry import everything
from freehold.kernel.web.forms import Form
from freehold.kernel.web.visit import Visit
from freehold.shell.web.pages import assets
from freehold.shell.web.rendering import Rendering
from freehold.shell.web.sessions import Session


@pytest.fixture(scope="module")
def owner(world: World) -> Party:
    made = world.party("owner")
    made.publish(make(20, seed=1))
    return made


@pytest.fixture(scope="module")
def holder(world: World, owner: Party) -> Party:
    made = world.party("holder")
    introduce(made, owner)
    made.knows(owner)
    return made


def table_of(owner: Party) -> Asset:
    return next(one for one in listed.assets(owner.node) if one.asset_kind == "dataset")


def agent(owner: Party) -> Envelope:
    """What a later program of the owner offers."""
    made = table_of(owner).model_copy(update={"asset_kind": "agent", "name": "helpful"})
    return owner.node.seal(made)


def offers(owner: Party, *envelopes: Any) -> CatalogueRead:
    return CatalogueRead(owner.url, owner.account, {"assets": list(envelopes)})


def page(party: Party, show: Any, **params: str) -> str:
    """As the console shows it to its owner, without what only acting needs."""
    session: Any = Session("", 0, 0)
    made = Rendering()
    door: Any = None
    visit = Visit(door, party.services, session, "/", params, params, Form(), made, "")
    return bytes(show(visit).body).decode()


def test_an_asset_of_an_unknown_kind_is_kept_and_no_grant_of_it_is_asked_for(
    owner: Party, holder: Party
) -> None:
    offered = agent(owner)
    catalogue.keep(holder.node, offers(owner, offered.to_json()))
    kept = holder.node.asset(offered.document.id)
    assert kept.asset_kind == "agent"
    assert [one.id for one in listed.assets(holder.node, kind="agent")] == [kept.id]
    assert words.unknown(kept) == "asset_kind.agent"
    row = AssetRow.model_validate(finding.describe(holder.node, kept))
    assert (row.kind, row.rows, row.columns, row.label) == ("agent", None, None, None)
    with pytest.raises(InvalidInput, match="agent"):
        granting.obtain(holder.node, holder.services.peers, kept, "train")
    (search,) = (one for one in everything().operations if one.operation.name == "search")

    def searched(kind: str) -> Any:
        return everything().perform(holder.services, search, search.operation.asks(kind=kind))["assets"]

    # both are kinds that are known here, whatever is on offer now
    assert searched("agent") == searched("model") == []
    with pytest.raises(NotFound, match="no asset of that kind") as refused:
        searched("bogus")
    assert "dataset and model" in refused.value.hint


def test_an_asset_of_a_later_version_leaves_the_rest_of_a_catalogue_as_good_as_it_was(
    owner: Party, holder: Party
) -> None:
    later = agent(owner).to_json()
    later["document"] |= {"version": 2, "name": "later", "more": {}}
    with pytest.raises(NewerFormat) as caught:
        parse_envelope(later)
    assert (caught.value.code, caught.value.exit_code) == ("document.newer", 12)
    other_form = {"document": later["document"], "seal": {"by": "another way"}}
    other = agent(owner).document.model_copy(update={"name": "beside it"})
    catalogue.keep(holder.node, offers(owner, later, other_form, owner.node.seal(other).to_json()))
    assert holder.node.asset(other.id).name == "beside it"


def test_the_market_shows_it_by_its_own_word_and_leads_nowhere(owner: Party, holder: Party) -> None:
    strange = agent(owner).document.model_copy(update={"name": "strange <b>", "schema_": {"rows": "<b>"}})
    catalogue.keep(holder.node, offers(owner, owner.node.seal(strange).to_json()))
    shown = page(holder, market.overview)
    assert "agent: unknown to this program" in shown
    assert "strange &lt;b&gt;" in shown
    assert '<b>"' not in shown
    assert strange.id not in shown
    own = page(holder, assets.overview, asset=strange.id)
    assert "strange &lt;b&gt;" in own
    assert '<form method="post"' not in own.split("<main")[1].split("</main")[0], (
        "nothing can be done with it"
    )
    assert "/train" not in own


def test_a_receipt_of_an_unknown_action_is_not_signed(owner: Party, holder: Party) -> None:
    grant = granted(holder, owner, table_of(owner))
    receipt = Receipt(
        grant=grant.id,
        action="teleport",
        provider=owner.account,
        holder=holder.account,
        inputs=(grant.asset,),
        output=NO_HASH,
        sequence=1,
        issued_at=owner.node.now(),
    )
    shown = owner.node.seal(receipt, "provider").to_json()
    with pytest.raises(InvalidInput, match="teleport"):
        countersigning.read(holder.node, shown, grant)


def test_a_receipt_of_the_farthest_date_is_shown_and_takes_no_page_down(world: World, owner: Party) -> None:
    party = world.party("patient")
    receipt = Receipt(
        grant=NO_HASH,
        action="infer",
        provider=party.account,
        holder=party.account,
        inputs=(table_of(owner).id,),
        output=NO_HASH,
        sequence=1,
        issued_at=2**53 - 1,
    )
    with party.node.store.transaction() as tx:
        tx.put(party.node.seal(receipt, "provider"))
    assert "9999" in page(party, uses.overview)
    assert "9999" in page(party, uses.receipt, receipt=receipt.id)


def test_the_log_and_the_uses_say_what_they_do_not_know_by_its_own_word() -> None:
    assert log._said("claim", "vote") == "A statement of a kind unknown to this program: vote"
    assert log._said("claim", "release") == "A model released"
    assert log._said("asset", "agent") == "Something published of a kind unknown to this program: agent"
    it = Markup("<b>it</b>")
    assert happened("teleport", what=it) == (
        "You used <b>it</b> in a way unknown to this program (<bdi>teleport</bdi>)"
    )
    assert happened("train", who=Markup("Ada"), what=it) == "Ada trained on <b>it</b>"


def test_whatever_hangs_behaviour_on_an_action_says_its_word() -> None:
    assert everything().actions.keys() <= words.actions().keys()
    assert {heading.split(".")[0] for heading in words.known()} == {"action", "asset_kind", "claim_kind"}
