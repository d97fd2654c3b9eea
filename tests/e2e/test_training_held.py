"""A training job that its owner stopped stays stopped, also over a restart, until it is resumed by hand."""

from typing import Any

from node_world import World, finished, order, rounds_of, until

from freehold.features.training.jobs import Jobs
from freehold.features.training.retrying import Retries
from freehold.kernel.node import Node

ROUNDS = 40


def shown(node: Node, run: str) -> list[dict[str, Any]]:
    return [made.to_json() for made in rounds_of(node, run)]


def test_a_held_job_waits_for_its_owner(world: World) -> None:
    owners, builder = world.owners(2), world.party("builder")
    jobs = builder.jobs
    job_id = jobs.start(order(builder, owners, rounds=ROUNDS))
    until(lambda: jobs.get(job_id)["round"] >= 2, "training is under way")
    jobs.hold(job_id)
    until(lambda: not jobs.get(job_id)["running"], "the step in flight ends")
    found = jobs.get(job_id)
    assert found["held"]
    assert found["step"] == "rounds"
    kept = shown(builder.node, found["run"])
    assert 2 <= len(kept) < ROUNDS

    assert Retries(builder.node, jobs).go_on() == 0
    again = Jobs(builder.node, builder.services.peers)
    again.begin()
    assert not again.get(job_id)["running"], "a restart does not take it up"
    assert shown(builder.node, found["run"]) == kept

    jobs.resume(job_id)
    done = finished(builder, job_id)
    assert (done["step"], done["held"], done["error"]) == ("done", False, None)
    assert shown(builder.node, found["run"])[: len(kept)] == kept, "what was trained was not trained again"
