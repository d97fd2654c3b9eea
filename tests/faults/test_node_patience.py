"""A party that asks too often is told when to come back, and a node that is told so comes back; stopped jobs too."""

import time
from typing import Any

import httpx
import pytest
from node_world import World, finished, order, until
from peer_calls import call, introduce

from freehold.core.errors import Unavailable
from freehold.features.training import retrying
from freehold.kernel.limits import Buckets
from freehold.kernel.peers import PeerBusy


def test_each_party_has_a_rate_of_its_own(world: World) -> None:
    owner, eager, other = world.party("owner"), world.party("eager"), world.party("other")
    for caller in (eager, other):
        introduce(caller, owner)
    owner.services.callers = Buckets(30)
    found = [call(eager, owner, "/peer/proofs", {"ids": []}) for _ in range(5)]
    assert [answer.status_code for answer in found] == [200] * 5
    while not owner.services.callers.take(eager.account):
        pass
    found.append(call(eager, owner, "/peer/proofs", {"ids": []}))
    assert found[-1].status_code == 429
    assert found[-1].json()["code"] == "http.rate_limited"
    assert int(found[-1].headers["retry-after"]) >= 1
    assert call(other, owner, "/peer/proofs", {"ids": []}).status_code == 200
    assert owner.services.tally.refusals()["peer"] >= 1
    # a stranger's guess at a name takes nothing from who bears it
    with httpx.Client(trust_env=False) as client:
        for _ in range(30):
            assert client.post(f"{owner.url}/peer/proofs").status_code == 401
    assert call(other, owner, "/peer/proofs", {"ids": []}).status_code == 200


def test_a_node_that_is_told_to_wait_waits_and_asks_again(world: World) -> None:
    owner, asker = world.party("slow-owner"), world.party("asker")
    asker.knows(owner)
    owner.services.callers = Buckets(60)
    asker.services.peers.ask(owner.account, "/peer/proofs", {"ids": []})
    while owner.services.callers.take(asker.account) < 0.9:
        pass
    began = time.monotonic()
    asker.services.peers.ask(owner.account, "/peer/proofs", {"ids": []})
    assert time.monotonic() - began > 0.5
    owner.services.callers = Buckets(6)
    asker.services.peers.ask(owner.account, "/peer/proofs", {"ids": []})
    with pytest.raises(PeerBusy) as busy:
        asker.services.peers.ask(owner.account, "/peer/proofs", {"ids": []}, timeout=0.3)
    assert busy.value.fields["retry_after_seconds"] >= 1


def test_a_job_that_met_a_silent_owner_is_taken_up_again_by_itself(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE_SECONDS", 1)
    builder, owners = world.party("builder"), world.owners(2)
    job_id, retries = None, builder.retries
    asked = order(builder, owners, patience_seconds=1)
    ask, silent = builder.services.peers.ask, [True]

    def unreliable(*given: Any, **more: Any) -> Any:
        if silent[0]:
            raise Unavailable("nobody answers")
        return ask(*given, **more)

    monkeypatch.setattr(builder.services.peers, "ask", unreliable)
    job_id = builder.jobs.start(asked)
    assert finished(builder, job_id)["error"]["code"] == "unavailable"
    assert retries.go_on() == 0
    (shown,) = retries.overview()
    assert (shown["id"], shown["state"], shown["attempts"]) == (job_id, "waiting", 1)
    assert shown["last_error"]["title"] == "nobody answers"
    assert shown["next_try_at"] >= int(time.time())
    until(lambda: retries.go_on() == 1, "it is taken up again", 5)
    finished(builder, job_id)
    until(lambda: retries.go_on() >= 0 and retries.overview()[0]["attempts"] == 2, "it failed again", 5)
    silent[0] = False
    until(lambda: retries.go_on() == 1, "and again", 10)
    assert finished(builder, job_id)["step"] == "done"
    assert retries.overview()[0]["state"] == "done"


@pytest.mark.slow
def test_attempts_are_bounded(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE_SECONDS", 0)
    builder, owners = world.party("patient"), world.owners(1)
    asked = order(builder, owners, patience_seconds=1)

    def never(*_: Any, **__: Any) -> Any:
        raise Unavailable("nobody answers")

    monkeypatch.setattr(builder.services.peers, "ask", never)
    job_id = builder.jobs.start(asked)
    began = 0
    for _ in range(retrying.MOST_ATTEMPTS + 5):
        finished(builder, job_id)
        began += builder.retries.go_on()
    assert began == retrying.MOST_ATTEMPTS
    (shown,) = builder.retries.overview()
    assert (shown["state"], shown["next_try_at"]) == ("stopped", None)
