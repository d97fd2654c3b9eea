"""Freehold from Python: `import freehold; node = freehold.connect("~/.freehold")`.

A `Node` is the running node of a home (`freehold up`), driven through its control API; `verify` checks
evidence and needs no node. Everything returned is a frozen value of `freehold.shell.library.values`. Errors are
those of `freehold.core.errors`: `Unavailable` if no node runs, `NodeRefused` with the node's own code
and hint otherwise.

>>> import freehold
>>> freehold.connect("/no/such/home")
Traceback (most recent call last):
    ...
freehold.kernel.client.NodeNotRunning: no node is running in /no/such/home
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from freehold.core import money
from freehold.core.errors import FreeholdError, InvalidInput, Unavailable
from freehold.kernel.cli.options import millionths
from freehold.kernel.client import NodeClient
from freehold.kernel.notebook import Rows
from freehold.shell.library.answers import (
    Row,
    asset_of,
    made,
    model_of,
    numbers,
    plan_of,
    progress_of,
    records,
)
from freehold.shell.library.operations import Operations
from freehold.shell.library.performing import Identified
from freehold.shell.library.permissions import GrantPending, Permissions, given, identifier, most, named
from freehold.shell.library.values import (
    Asset,
    Check,
    Evidence,
    Inspection,
    Model,
    Output,
    Plan,
    Prediction,
    Progress,
    Quote,
    Verification,
)

__all__ = ["GrantPending", "ModelWithheld", "Node", "Training", "TrainingHalted", "connect", "verify"]

PathLike = str | Path
Bounds = Mapping[str, tuple[float, float]]
"""Column -> (low, high)."""


class TrainingHalted(FreeholdError):
    """A training job stands still; `Node.resume` goes on with it."""

    code = "training.halted"


class ModelWithheld(TrainingHalted):
    """A model was trained and is not released by itself; `Node.release` releases it all the same."""

    code = "training.held_back"


def connect(home: PathLike = "~/.freehold") -> Node:
    """The running node of a home.

    Raises:
        NodeNotRunning: start it with `freehold up`.
    """
    node = Node(_Connection.of(Path(home)))
    node.status()
    return node


def verify(directory: PathLike, *, rpc_url: str | None = None, block_hash: str | None = None) -> Verification:
    """Check evidence offline, trusting no node; true if it holds.

    Everything hangs on the hash of one block: compare it with a chain of yours (`rpc_url`) or with a hash
    you know. Raises `NotFound` where there is no evidence.
    """
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415
    from freehold.kernel.evidence.verify import verify as check  # noqa: PLC0415

    if rpc_url is not None and block_hash is not None:
        raise InvalidInput("give rpc_url or block_hash, not both")
    bundle = Bundle.read(Path(directory).expanduser())
    if rpc_url is None:
        report = check(bundle, trusted_block_hash=block_hash)
    else:
        from freehold.chain.client import Chain  # noqa: PLC0415
        from freehold.chain.rpc import Rpc  # noqa: PLC0415

        with Rpc(rpc_url) as rpc:
            report = check(bundle, chain=Chain(rpc))
    checks = Rows(Check(one.name, one.ok, one.file, one.detail) for one in report.checks)
    return Verification(
        report.ok, report.verdict, report.chain_id, report.block_hash, report.trusted_by, checks
    )


class _Connection(NodeClient):
    """The control API's client with an end: a notebook lives longer than a command."""

    @classmethod
    def of(cls, home: Path) -> Self:
        """The node of a home."""
        found = super().of(home)
        assert isinstance(found, cls)
        return found

    def close(self) -> None:
        """Close what is open."""
        self._client.close()


class Node(Permissions, Operations):
    """One running node. Assets and models can be named by id, shortened id or name.

    Safe to use from several threads. `close`, or the end of a `with` block, closes its connections.
    """

    _client: _Connection

    def __init__(self, client: _Connection) -> None:
        self._client = client
        weakref.finalize(self, client.close)

    def close(self) -> None:
        """Close its connections; the node itself goes on."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Node({self._client.url!r})"

    # what is here

    def meet(self, url: str) -> str:
        """Search another node's catalogue from now on; returns its account."""
        return str(self._client.post("/api/peers", {"url": url})["party"]["account"])

    # data

    def inspect(
        self,
        path: PathLike,
        label: str,
        *,
        positive: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        bounds: Bounds | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
    ) -> Inspection:
        """What publishing a CSV or Parquet table would find, and what its epsilon means; nothing is changed."""
        asked = given(
            path=_file(path),
            label=label,
            positive=positive,
            **_counted(subject, rows_each, bounds, epsilon, epsilon_life),
        )
        return made(Inspection, self._client.post("/api/inspect", asked))

    def publish(
        self,
        path: PathLike,
        label: str,
        *,
        price: str = "0",
        name: str | None = None,
        description: str | None = None,
        positive: str | None = None,
        purposes: Sequence[str] | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        approval: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        bounds: Bounds | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
        reveals: str | None = None,
        holders: Sequence[str] | None = None,
    ) -> Asset:
        """Offer a table on your terms; it is sealed in the node's vault and never leaves it.

        `price` is dollars as text, for each grant. With `approval="ask"` you decide every request for a
        grant (`requests`). A run may cost a row `epsilon`, all runs together `epsilon_life`; of each
        `subject` (a column) `rows_each` rows count. `bounds` are (low, high) of every column. With
        `reveals="update"` the accounts in `holders` get exact updates, from which rows can be rebuilt.
        Raises `NodeRefused` (table.invalid) if the table cannot be trained on.
        """
        asked = given(
            path=_file(path),
            label=label,
            positive=positive,
            name=name,
            description=description,
            price_units=money.units(price),
            purposes=None if purposes is None else list(purposes),
            max_uses=max_uses,
            days=days,
            approval=approval,
            reveals=reveals,
            holders=None if holders is None else list(holders),
            **_counted(subject, rows_each, bounds, epsilon, epsilon_life),
        )
        return asset_of(self._client.post("/api/publish", asked)["asset"])

    def search(self, text: str = "", *, kind: str = "") -> Rows[Asset]:
        """What this node and its peers offer; `kind` is dataset, model or empty for both."""
        return Rows(asset_of(one) for one in self._client.get("/api/search", q=text, kind=kind)["assets"])

    # models

    def plan(
        self,
        assets: str | Asset | Iterable[str | Asset],
        *,
        test: PathLike,
        name: str = "model",
        price: str = "0",
        epsilon: str | float | None = None,
        exact: bool = False,
        rounds: int | None = None,
        compare: bool = True,
        positive: str | None = None,
    ) -> Plan:
        """What `train` with the same arguments would come to; nobody is asked and nothing is paid."""
        asked = _order(
            assets,
            test=test,
            name=name,
            price=price,
            epsilon=epsilon,
            exact=exact,
            rounds=rounds,
            compare=compare,
            positive=positive,
        )
        return plan_of(self._client.post("/api/plan", asked))

    def train(
        self,
        assets: str | Asset | Iterable[str | Asset],
        *,
        test: PathLike,
        name: str,
        price: str = "0",
        epsilon: str | float | None = None,
        exact: bool = False,
        rounds: int | None = None,
        quorum_bps: int | None = None,
        patience_seconds: int | None = None,
        weight_cap_bps: int | None = None,
        least_correct_bps: int | None = None,
        review: bool = False,
        compare: bool = True,
        positive: str | None = None,
        purpose: str | None = None,
        per: str | None = None,
        rows_per_call: int | None = None,
        round_to: int | None = None,
        at_most: str | None = None,
    ) -> Training:
        """Start training on others' datasets, buying grants where needed.

        `at_most` is the most dollars that the grants may cost together; the node's own limits count besides.
        The model's price is `per` "call" or "row"; a call has at most `rows_per_call` rows, and an answer
        `round_to` decimals (0 is the label alone).

        `price` is dollars as text, for each later prediction; `epsilon` the most that the run may cost each
        owner's rows, by default all that the owners allow; `exact` asks for updates without noise, where
        every owner offers them to you by name. With `review` the model is held back until you `release` it.
        Iterate over what comes back to see progress, or call its
        `wait`.
        """
        asked = _order(
            assets,
            test=test,
            name=name,
            price=price,
            epsilon=epsilon,
            exact=exact,
            compare=compare,
            rounds=rounds,
            quorum_bps=quorum_bps,
            patience_seconds=patience_seconds,
            weight_cap_bps=weight_cap_bps,
            least_correct_bps=least_correct_bps,
            review=review,
            positive=positive,
            purpose=purpose,
            per=per,
            rows_per_call=rows_per_call,
            round_to=round_to,
            at_most_units=most(at_most),
        )
        return Training(self, str(self._client.post("/api/train", asked)["job"]))

    def release(self, job: str) -> Training:
        """Release a model that was held back as no better than its baseline."""
        return Training(self, str(self._client.post(f"/api/jobs/{named(job)}/release")["id"]))

    def resume(self, job: str) -> Training:
        """Go on with a training job, or look at one that runs or is done."""
        return Training(self, str(self._client.post(f"/api/jobs/{named(job)}/resume")["id"]))

    def jobs(self) -> Rows[Progress]:
        """All training jobs, oldest first."""
        return Rows(progress_of(one) for one in self._client.get("/api/jobs")["jobs"])

    def progress(self, job: str) -> Progress:
        """Where one job stands now."""
        return progress_of(self._client.get(f"/api/jobs/{named(job)}"))

    def models(self) -> Rows[Model]:
        """Models known here; `model` tells more of one."""
        return Rows(model_of(one) for one in self._client.get("/api/models")["models"])

    def model(self, model: str | Asset | Model) -> Model:
        """One model with contributions and revenue."""
        return model_of(self._client.get(f"/api/models/{named(model)}"))

    def serve(
        self,
        model: str | Asset | Model,
        *,
        on: bool = True,
        calls_per_buyer: int | None = None,
        rows_per_buyer: int | None = None,
    ) -> None:
        """Sell answers of a model of this node by the call, or stop it; so many to one buyer account in 24 hours."""
        limits = given(calls_per_buyer=calls_per_buyer, rows_per_buyer=rows_per_buyer)
        self._client.post("/api/serve", {"model": identifier(model), "on": on, **limits})

    def quote(
        self,
        model: str | Asset | Model,
        rows: int = 1,
        *,
        at_most: str | None = None,
        deposit_calls: int | None = None,
    ) -> Quote:
        """What a call of so many rows would cost and set aside now, within `at_most` dollars; nothing is signed."""
        asked = given(
            model=identifier(model), rows=rows, at_most_units=most(at_most), deposit_calls=deposit_calls
        )
        return made(Quote, self._client.post("/api/quote", asked))

    def predict(
        self,
        model: str | Asset | Model,
        rows: Iterable[Row],
        *,
        at_most: str | None = None,
        deposit_calls: int | None = None,
        without_lineage: bool = False,
    ) -> Prediction:
        """Buy answers for rows of numbers: sequences in the model's order, mappings by column name, or a frame.

        `at_most` is the most dollars that the call may take, the deposit for it and later calls included; where
        neither it nor a setting says so, nothing is bought. Numbers travel as text, so give text or `Decimal`
        where exact digits matter. A model of which nothing shows where it came from is paid for only
        `without_lineage`.
        """
        known = self._columns(model)
        asked = given(
            model=identifier(model),
            rows=[numbers(row, known) for row in records(rows)],
            at_most_units=most(at_most),
            deposit_calls=deposit_calls,
            without_lineage=without_lineage,
        )
        answer = self._client.post("/api/predict", asked)
        from freehold.core.ids import document_id  # noqa: PLC0415

        receipt = answer["receipt"]["document"]
        paid = sum(-line["delta_units"] for line in receipt["money"] if line["delta_units"] < 0)
        outputs = Rows(made(Output, one) for one in answer["outputs"])
        return Prediction(str(receipt["inputs"][0]), outputs, document_id(receipt), paid)

    # proof

    def evidence(self, receipt: str | Identified | Prediction, directory: PathLike) -> Evidence:
        """Write the public files that prove one answer into a new directory; "last" is the newest answer."""
        from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415

        name = receipt.receipt if isinstance(receipt, Prediction) else receipt
        bundle = Bundle.from_json({"files": self.evidence_files(name).files})
        target = Path(directory).expanduser()
        bundle.write(target)
        return Evidence(str(target), len(bundle.files), sum(map(len, bundle.files.values())))

    def _columns(self, model: str | Asset | Model) -> tuple[str, ...]:
        if isinstance(model, str):
            return self.model(model).columns
        return model.columns


class Training:
    """A training job. Iterating yields `Progress` at each change until the model is released."""

    def __init__(self, node: Node, job: str) -> None:
        self._node = node
        self.id = job
        """Of the job."""

    def __repr__(self) -> str:
        return f"Training({self.id!r})"

    @property
    def progress(self) -> Progress:
        """Where it stands now."""
        return self._node.progress(self.id)

    def __iter__(self) -> Iterator[Progress]:
        """Progress whenever it changes.

        Raises:
            TrainingHalted: it stands still; its message says why. ModelWithheld.
        """
        return self._watch(None)

    def wait(self, timeout_seconds: float | None = None) -> Model:
        """The released model.

        Raises:
            TrainingHalted: it stands still. ModelWithheld: it is no better than its baseline. Unavailable: not
            done in time; the job goes on.
        """
        *_, last = self._watch(timeout_seconds)
        assert last.model is not None
        return self._node.model(last.model)

    def _watch(self, timeout_seconds: float | None) -> Iterator[Progress]:
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        seen: Progress | None = None
        while True:
            found = self.progress
            if found != seen:
                seen = found
                yield found
            if found.step == "done":
                return
            if found.step == "withheld":
                raise ModelWithheld(
                    f"the model is held back: right on {found.correct} of {found.test_rows} test rows,"
                    f" the commoner label alone on {found.majority_correct}",
                    hint=f"Release it all the same: node.release({self.id[:10]!r})",
                    job=self.id,
                )
            if not found.running:
                raise TrainingHalted(
                    f"training stands still at {found.step}: {found.error or 'no reason given'}",
                    hint=f"Mend it, then: node.resume({self.id[:10]!r})",
                    job=self.id,
                )
            if until is not None and time.monotonic() > until:
                raise Unavailable("training is not done yet; it goes on in the node", hint="Wait again.")
            time.sleep(0.1)


def _order(
    assets: str | Asset | Iterable[str | Asset],
    *,
    test: PathLike,
    price: str,
    epsilon: str | float | None,
    exact: bool,
    **more: object,
) -> dict[str, Any]:
    """A training order as the control API takes it."""
    if exact and epsilon is not None:
        raise InvalidInput("exact updates have no epsilon", hint="Give one of the two.")
    return given(
        assets=[identifier(one) for one in ([assets] if isinstance(assets, str | Asset) else assets)],
        test=_file(test),
        price_units=money.units(price),
        epsilon_micro=None if epsilon is None else millionths(str(epsilon)),
        level="update" if exact else None,
        **more,
    )


def _counted(
    subject: str | None,
    rows_each: int | None,
    bounds: Bounds | None,
    epsilon: str | float | None,
    epsilon_life: str | float | None,
) -> dict[str, Any]:
    """How rows count and what they may cost, as the control API takes it."""
    return given(
        subject=subject,
        rows_each=rows_each,
        bounds=None if bounds is None else {name: [*pair] for name, pair in bounds.items()},
        epsilon_run_micro=None if epsilon is None else millionths(str(epsilon)),
        epsilon_life_micro=None if epsilon_life is None else millionths(str(epsilon_life)),
    )


def _file(path: PathLike) -> str:
    return str(Path(path).expanduser().resolve())
