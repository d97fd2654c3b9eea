"""What features say is put together; two that say the same thing do not start."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from freehold.kernel import wire
from freehold.kernel.cli.building import Command
from freehold.kernel.feature import Action, Card, Feature, MenuEntry, Metric, PeerCall, Question
from freehold.kernel.installed import FeaturesClash
from freehold.kernel.operation import Effect, Nothing, Operation
from freehold.kernel.registry import Registry, everything
from freehold.kernel.web.visit import acts, shows
from freehold.shell.cli import commands


def operation(name, path, **more):
    asked = type("Asked", (Nothing,), {"__doc__": "Nothing."})
    return Operation(name, asked, wire.GasDay, path, Effect.READS, **more).does(print)


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
    "menu entry": (
        {"menu": (MenuEntry("/bells", "Bells", 1),)},
        {"menu": (MenuEntry("/bells", "Chimes", 2),)},
    ),
    "act on chain": ({"once": {"Bells.ring": print}}, {"once": {"Bells.ring": repr}}),
    "finder": ({"finders": {"bell": print}}, {"finders": {"bell": repr}}),
    "topic": ({"topics": {"bells": print}}, {"topics": {"bells": repr}}),
    "action": ({"actions": (Action("ring", "rings"),)}, {"actions": (Action("ring", "chimes"),)}),
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
    with pytest.raises(FeaturesClash, match=f"^{what} .* is said twice"):
        Registry((one, other))


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
    with pytest.raises(FeaturesClash, match="command bell is said twice"):
        commands.of("bells")


def test_what_is_installed_starts():
    assert {one.operation.name: one.operation.path for one in everything().operations}[
        "spending"
    ] == "/spending"
