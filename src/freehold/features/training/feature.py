"""Training together: a builder plans and runs it, owners lend noised updates, validators and judges look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from freehold.core.texts import said
from freehold.features.data.publishing import NoiseCost
from freehold.features.data.rules.ways import Ways
from freehold.features.grants.asking import Ordered, Settled, WhatFor
from freehold.features.grants.consent import GrantRefused
from freehold.features.models.releasing import GrantedRun
from freehold.features.models.shown import RunOf
from freehold.features.training import admitting, auditing, holding, kept, planning, wire
from freehold.features.training.jobs import Jobs
from freehold.features.training.known import evidence_of, granted_run, known_run
from freehold.features.training.lending import Lender
from freehold.features.training.pages import jobs, train
from freehold.features.training.retrying import Retries
from freehold.features.training.rules.record import RunPlan
from freehold.kernel.account import Once
from freehold.kernel.feature import Action, Feature, Metric, PeerCall, Reminder
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import readable
from freehold.kernel.recurring import Piece
from freehold.kernel.web.places import Place, Tab

RETRY_SECONDS = 2.0
MOST_REMINDED = 100
"""Things of one kind that the inbox shows one by one."""
Body = dict[str, Any]


def _recurring(host: Host) -> tuple[Piece, ...]:
    def go_on() -> None:
        host.node.continuity.require_going()
        host.part(Retries).go_on()

    return (Piece("jobs", "go on with jobs whose pause is over", RETRY_SECONDS, go_on),)


def _news(host: Host) -> object:
    # one that ends leaves the list
    return [(job["id"], job["step"], job["round"], job["running"]) for job in host.part(Jobs).going_on()]


def _states(host: Host) -> dict[tuple[str, ...], float]:
    return {(state,): count for state, count in host.part(Retries).counted().items()}


def _resume(host: Host, asked: wire.ResumeJob) -> dict[str, Any]:
    jobs = host.part(Jobs)
    return jobs.get(jobs.resume(asked.job, asked.at_most_units))


def _release(host: Host, asked: wire.OneJob) -> dict[str, Any]:
    jobs = host.part(Jobs)
    return jobs.get(jobs.release(asked.job))


def _hold(host: Host, asked: wire.HoldTest) -> dict[str, Any]:
    ways = Ways.of(asked.read_as)
    return holding.hold(
        host.node, Path(asked.path), asked.label, asked.builder, positive=asked.positive, ways=ways
    )


def _ordered(node: Node, question: WhatFor) -> Ordered | None:
    job = kept.job(node, question.once_for)
    if not job:
        return None
    plan = RunPlan.from_json(job["plan"]) if job.get("plan") else None
    return Ordered(plan, kept.at_most_units(node, question.once_for))


def _remind(host: Host) -> Iterator[Reminder]:
    """Disputes, and jobs that need a word."""
    yield from jobs.to_look_at(host.node, MOST_REMINDED)
    still = host.part(Jobs).standing_still(MOST_REMINDED)
    for job in still:
        if job["waiting"] or job["error"]["code"] == GrantRefused.code:
            # for others; what they offer or refused is in the inbox by itself
            continue
        why = readable(host.node, job["error"]["title"])
        text = said("Training of {what} stands still: {why}.", what=job["name"], why=why)
        yield _about(job["id"], text, job["error"]["code"])
    for job_id, name in kept.withheld(host.node, MOST_REMINDED):
        if not any(job["id"] == job_id for job in still):
            text = said(
                "{what} is trained and held back. Look at its scores before it is released.", what=name
            )
            yield _about(job_id, text, "withheld")


def _about(job_id: str, text: str, state: str) -> Reminder:
    return Reminder(text, f"/jobs/{job_id}", said("Look"), f"job:{job_id}:{state}", "job")


def _lender(answer: Callable[[Lender, str, Body], Body]) -> Callable[[Host, str, Body], Body]:
    return lambda host, sender, body: answer(host.part(Lender), sender, body)


FEATURE = Feature(
    name="training",
    about="A builder plans and runs it, owners lend noised updates, validators and judges look.",
    needs=("models",),
    once={
        "Timestamps.stamp": Once(
            ("AlreadyStamped",), lambda node, args: bool(node.chain.read("Timestamps", "stampedAt", args[0]))
        )
    },
    evidence=(evidence_of,),
    operations=(
        wire.PLAN.does(lambda host, order: planning.preview(host.node, host.peers, order)),
        wire.TRAIN.does(lambda host, order: {"job": host.part(Jobs).start(order)}),
        wire.JOBS.does(lambda host, _: {"jobs": host.part(Jobs).overview()}),
        wire.PROGRESS.does(lambda host, asked: host.part(Jobs).get(asked.job)),
        wire.RESUME.does(_resume),
        wire.RELEASE.does(_release),
        wire.HOLD.does(_hold),
        wire.TESTS.does(lambda host, _: {"tests": holding.held(host.node)}),
        wire.AUDIT.does(lambda host, asked: auditing.audit(host, asked.model, asked.owner)),
    ),
    parts=(
        lambda host: Lender(host.node),
        lambda host: Jobs(host.node, host.peers),
        lambda host: Retries(host.node, host.part(Jobs)),
    ),
    peer_calls=(
        PeerCall("/rounds/commit", _lender(Lender.commit), heavy=True, numbers=True),
        PeerCall("/rounds/reveal", _lender(Lender.reveal), heavy=True),
        PeerCall("/agreements", _lender(Lender.agree), heavy=True, numbers=True),
        PeerCall("/audits", lambda host, sender, body: auditing.open_to(host.node, sender, body)),
        PeerCall("/tests", lambda host, sender, body: holding.show(host.node, sender, body), heavy=True),
        PeerCall(
            "/tests/open",
            lambda host, sender, body: holding.open_for(host.node, sender, body),
            heavy=True,
            numbers=True,
        ),
    ),
    recurring=(_recurring,),
    actions=(
        Action("train", "trains on it together with others, where it lies", ("dataset",), plans=admitting),
    ),
    answers={
        WhatFor: _ordered,
        NoiseCost: planning.noise_cost,
        RunOf: known_run,
        GrantedRun: granted_run,
    },
    listens={Settled: lambda host, event: host.part(Jobs).look_again(event.once_for)},
    metrics=(
        Metric(
            "freehold_jobs",
            "gauge",
            "Training jobs: running, waiting, stopped, done.",
            _states,
            labels=("state",),
        ),
    ),
    tasks=(lambda host: host.part(Retries).overview(),),
    reminders=(_remind,),
    pages=(*train.PAGES, *jobs.PAGES),
    searches=(jobs.search,),
    tabs=(Tab(Place.ASSETS, "/jobs", said("Under way"), 30, also=("/train",)),),
    topics={"jobs": _news},
)
