"""Training jobs as the database keeps them, and which of them their owner holds; nobody else spells these names."""

from __future__ import annotations

from typing import Any

from freehold.core.errors import NotFound
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

_JOB, _HELD, _RUN_OF = "job:", "held:", "run_of:"
Job = dict[str, Any]


def job(node: Node, job_id: str) -> Job | None:
    """One job; None where there is none."""
    found: Job | None = node.store.state(f"{_JOB}{job_id}")
    return found


def require(node: Node, job_id: str) -> Job:
    """One job.

    Raises:
        NotFound.
    """
    found = job(node, job_id)
    if found is None:
        raise NotFound("no such job", hint="List them: freehold jobs.")
    return found


def jobs(node: Node) -> dict[str, Job]:
    """Every job by its id."""
    return {name.removeprefix(_JOB): one for name, one in node.store.states(_JOB).items()}


def job_of(node: Node, model_id: str) -> Job | None:
    """The job that a model came from."""
    return job(node, str(node.store.state(f"{_RUN_OF}{model_id}")))


def keep(tx: Transaction, job_id: str, as_it_stands: Job) -> None:
    """Write a job."""
    tx.set(f"{_JOB}{job_id}", as_it_stands)


def is_held(node: Node, job_id: str) -> bool:
    """Whether its owner stopped a job until it is resumed by hand."""
    return bool(node.store.state(f"{_HELD}{job_id}"))


def hold(tx: Transaction, job_id: str, *, held: bool) -> None:
    """Stop a job so, or no more."""
    if held:
        tx.set(f"{_HELD}{job_id}", value=True)
    else:
        tx.delete(f"{_HELD}{job_id}")
