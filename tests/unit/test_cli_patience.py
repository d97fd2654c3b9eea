"""What is repeated while a node is started again, and what never is."""

import pytest

from freehold.core.errors import NotAllowed, Unavailable
from freehold.kernel.client import NodeRefused
from freehold.quickstart import world
from freehold.quickstart.world import ONCE, Patient, patiently


class Flaky:
    """A control API that is away for its first calls."""

    url, token = "http://127.0.0.1:1", "t"

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), []

    def get(self, path, **query):
        return self.answer(path, query)

    def post(self, path, body=None):
        return self.answer(path, body)

    def answer(self, *call):
        self.calls.append(call)
        if self.errors:
            raise self.errors.pop(0)
        return {"ok": True}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(world, "PAUSE_SECONDS", 0.01)


def test_it_waits_for_a_node_and_for_what_the_node_needs():
    flaky = Flaky(Unavailable("restarting"), NodeRefused(503, {"title": "the chain does not answer"}))
    assert Patient(flaky).get("/api/status", a="1") == {"ok": True}
    assert flaky.calls == [("/api/status", {"a": "1"})] * 3


def test_a_refusal_is_not_repeated():
    for error in (NotAllowed("no"), NodeRefused(403, {"title": "no"})):
        flaky = Flaky(error)
        with pytest.raises(type(error)):
            Patient(flaky).post("/api/claim", {})
        assert len(flaky.calls) == 1


@pytest.mark.parametrize("path", ONCE)
def test_an_act_that_counts_each_time_is_sent_once(path):
    flaky = Flaky(Unavailable("perhaps it arrived"))
    with pytest.raises(Unavailable):
        Patient(flaky).post(path, {})
    assert len(flaky.calls) == 1


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(world, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(Unavailable, match="away for good"):
        patiently(_always_away)


def _always_away():
    raise Unavailable("away for good")
