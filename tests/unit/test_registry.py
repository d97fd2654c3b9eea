"""What features say is put together; two that say the same thing do not start."""

import re
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import create_model

from freehold.core.errors import InvalidInput
from freehold.kernel import registry, wire
from freehold.kernel.cli.building import Command
from freehold.kernel.databases import migrations
from freehold.kernel.databases.steps import Step
from freehold.kernel.feature import Action, Card, Feature, Metric, PeerCall, Question
from freehold.kernel.http import operations as http
from freehold.kernel.installed import FeaturesClash
from freehold.kernel.operation import Bound, Effect, Nothing, Operation
from freehold.kernel.registry import Registry, everything
from freehold.kernel.shape import Shape
from freehold.kernel.web.places import Facet, Head, Place, Tab
from freehold.kernel.web.visit import acts, shows
from freehold.shell.cli import commands


def operation(name, path, effect=Effect.READS, asks=None, **more):
    fields = dict.fromkeys(re.findall(r"{(\w+)}", path), str) if asks is None else asks
    asked = create_model("Asked", __base__=Nothing, __doc__="Nothing.", **fields)
    return Operation(name, asked, more.pop("answers", wire.GasDay), path, effect, **more).does(print)


SAME = {
    "feature": ({"name": "bells"}, {"name": "bells"}),
    "operation": (
        {"operations": (operation("bell.ring", "/bells", method="ring"),)},
        {"operations": (operation("bell.ring", "/bell", method="ring_it"),)},
    ),
    "route": (
        {"operations": (operation("bell", "/bells/{bell}"),)},
        {"operations": (operation("chime", "/bells/{chime}"),)},
    ),
    "method": (
        {"operations": (operation("bell", "/bells"),)},
        {"operations": (operation("chime", "/chimes", method="bell"),)},
    ),
    "peer call": ({"peer_calls": (PeerCall("/ring", print),)}, {"peer_calls": (PeerCall("/ring", repr),)}),
    "page": ({"pages": (shows("/bells/{bell}", print),)}, {"pages": (shows("/bells/{chime}", repr),)}),
    "tab": (
        {"tabs": (Tab(Place.ASSETS, "/bells", "Bells", 1),)},
        {"tabs": (Tab(Place.TRUST, "/bells", "Chimes", 2),)},
    ),
    "facet": (
        {"facets": (Facet("bells", "Bells", 1),)},
        {"facets": (Facet("bells", "Chimes", 2),)},
    ),
    "head of an asset's page": (
        {"heads": (Head(("bell",), print),)},
        {"heads": (Head(("chime", "bell"), repr),)},
    ),
    "act on chain": ({"once": {"Bells.ring": print}}, {"once": {"Bells.ring": repr}}),
    "finder": ({"finders": {"bell": print}}, {"finders": {"bell": repr}}),
    "topic": ({"topics": {"bells": print}}, {"topics": {"bells": repr}}),
    "action": (
        {"actions": (Action("ring", "rings", ("bell",)),)},
        {"actions": (Action("ring", "chimes", ("bell",)),)},
    ),
    "metric": (
        {"metrics": (Metric("bells", "gauge", "Bells.", dict),)},
        {"metrics": (Metric("bells", "counter", "Chimes.", dict),)},
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_two_features_that_say_the_same_do_not_start(what):
    one, other = (
        Feature(**{"name": name, "about": "Bells.", **said})
        for name, said in zip(("bells", "chimes"), SAME[what], strict=True)
    )
    Registry((one,))
    Registry((other,))
    with pytest.raises(FeaturesClash, match=f"^{what} .* is said twice, by bells( and chimes)?$"):
        Registry((one, other))


CANNOT_BE = {
    "a path field that is not asked": (
        "its path has bell, which Asked",
        {"path": "/bells/{bell}", "asks": {}},
    ),
    "a list in the path": ("bell stands in the path", {"path": "/bells/{bell}", "asks": {"bell": list[str]}}),
    "a path field left out": (
        "bell stands in the path",
        {"path": "/bells/{bell}", "asks": {"bell": (str, "")}},
    ),
    "no limit": ("it spends, so Asked asks at_most_units", {"effect": Effect.SPENDS}),
    "no name for Python": ("Python has no method 'ring-it'", {"method": "ring-it"}),
    "a word of Python": ("Python has no method 'import'", {"method": "import"}),
}


@pytest.mark.parametrize("what", CANNOT_BE)
def test_an_operation_that_some_face_cannot_have_is_refused_where_it_is_said(what):
    why, said = CANNOT_BE[what]
    with pytest.raises(FeaturesClash, match=f"test_registry: operation bell.ring: {why}"):
        operation("bell.ring", **{"path": "/bells", **said})


def test_a_number_may_stand_in_the_path():
    answers = create_model("Rung", __base__=Shape, bell=int)
    ring = operation("bell.ring", "/bells/{bell}", asks={"bell": int}, answers=answers)
    app = FastAPI()
    http.add(app.router, None, Registry(()), Bound(ring.operation, lambda _, asked: {"bell": asked.bell}))
    client = TestClient(app)
    assert client.get("/bells/3").json() == {"bell": 3}
    for strange in ("three", "3.0", "3/4", "+3"):
        with pytest.raises(InvalidInput, match=r"bell: .* is no whole number"):
            client.get(f"/bells/{strange}")


def test_operations_of_wire_and_registration_are_the_same(monkeypatch):
    bell = operation("bell", "/bells")
    for offered, done in (((bell.operation,), ()), ((), (bell,))):
        feature = Feature("bells", "Bells.", operations=done)
        monkeypatch.setattr(registry.installed, "owners", lambda: ("bells",))
        monkeypatch.setattr(registry.installed, "registration", lambda _, found=feature: found)
        monkeypatch.setattr(
            registry.installed, "part", lambda *_, found=offered: SimpleNamespace(OPERATIONS=found)
        )
        with pytest.raises(FeaturesClash, match="bells: operation bell belongs into OPERATIONS"):
            everything.__wrapped__()


def test_a_table_is_one_owners(monkeypatch):
    mine = {"bells": (Step("bells", ("CREATE TABLE bells (x TEXT)", "CREATE TABLE bells (y TEXT)"), ()),)}
    monkeypatch.setattr(migrations, "owners", lambda: mine)
    assert len(migrations.known.__wrapped__()) == 1
    mine["chimes"] = (Step("chimes", ("CREATE TABLE IF NOT EXISTS bells (x TEXT)",), ()),)
    with pytest.raises(FeaturesClash, match="table or index bells is said twice, by bells and chimes"):
        migrations.known.__wrapped__()


def test_what_looks_alike_and_is_not_starts():
    pages = (shows("/bells/{bell}", print), acts("/bells/{bell}", print), shows("/bells", print))
    operations = (operation("bell", "/bells/{bell}"), operation("bells", "/bells"))
    assert Registry((Feature("bells", "Bells.", pages=pages, operations=operations),))


@dataclass(frozen=True)
class Rang:
    """A bell rang."""

    times: int


@dataclass(frozen=True)
class HowLoud(Question[int]):
    """How loud a bell is."""

    bell: str


def test_events_reach_those_who_listen_and_questions_those_who_know():
    heard = []
    registry = Registry(
        (
            Feature("silence", "Hears nothing."),
            Feature("bells", "Bells.", answers={HowLoud: lambda where, asked: len(where) + len(asked.bell)}),
            Feature("ears", "Ears.", listens={Rang: lambda where, event: heard.append((where, event.times))}),
            Feature("walls", "Walls.", answers={HowLoud: lambda _, asked: -len(asked.bell)}),
        )
    )
    registry.tell("tower", Rang(3))
    registry.tell("tower", HowLoud("Ben"))
    assert heard == [("tower", 3)], "an event of another class is another's"
    assert registry.ask("tower", HowLoud("Ben")) == [8, -3]
    assert Registry(()).ask("tower", HowLoud("Ben")) == []


def test_cards_stand_on_their_page_in_their_order():
    cards = (Card("b.html", print, 2), Card("a.html", print, 1), Card("c.html", print, 0, "/settings"))
    registry = Registry((Feature("bells", "Bells.", cards=cards),))
    assert [one.template for one in registry.cards("/")] == ["a.html", "b.html"]
    assert [one.template for one in registry.cards("/settings")] == ["c.html"]


def test_a_plan_comes_with_what_asks_for_one():
    registry = everything()
    assert registry.plans(["derive", "infer"]) is None
    assert registry.plans(["no such action"]) is None
    assert registry.plans(["derive", "infer", "train"]) is registry.actions["train"].plans is not None


def test_a_feature_that_needs_what_is_not_there_does_not_start():
    bells, chimes = Feature("bells", "Bells.", needs=("chimes",)), Feature("chimes", "Chimes.")
    assert Registry((chimes, bells))
    for features in ((bells,), (bells, chimes)):
        with pytest.raises(FeaturesClash, match="bells needs chimes"):
            Registry(features)


def test_the_first_word_of_a_command_is_one_owners():
    ring = SimpleNamespace(help="Ring a bell.\n\nLoudly.")
    assert commands.indexed([("bells", {"ring": ring})]) == {"ring": ("bells", "Ring a bell.")}
    with pytest.raises(FeaturesClash, match="command ring is said twice"):
        commands.indexed([("bells", {"ring": ring}), ("chimes", {"ring": ring})])


def test_a_command_by_hand_is_not_one_of_an_operation_too(monkeypatch):
    bell = operation("bell", "/bells").operation
    parts = {
        "wire": SimpleNamespace(OPERATIONS=(bell,)),
        "terminal": SimpleNamespace(VIEWS={bell: print}, COMMANDS={"bell": Command(bell, print)}),
    }
    monkeypatch.setattr(commands.installed, "part", lambda _, name: parts[name])
    with pytest.raises(FeaturesClash, match="command bell is said twice, by bells"):
        commands.of("bells")


def test_a_command_of_two_words_says_what_the_first_is_about(monkeypatch):
    bell = operation("bell.ring", "/bells").operation
    parts = {"wire": SimpleNamespace(OPERATIONS=(bell,)), "terminal": SimpleNamespace(VIEWS={bell: print})}
    monkeypatch.setattr(commands.installed, "part", lambda _, name: parts[name])
    with pytest.raises(
        FeaturesClash, match=r"bells: GROUPS of wire\.py does not say what 'bell' of 'bell ring'"
    ):
        commands.built.__wrapped__("bells")


def test_what_is_installed_starts():
    assert {one.operation.name: one.operation.path for one in everything().operations}[
        "spending"
    ] == "/spending"
