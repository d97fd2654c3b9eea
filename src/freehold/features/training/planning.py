"""Planning a training run: an order becomes the plan that owners agree to, and what it would come to is said."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from freehold.core.documents import REVEALS, Asset, Claim, parse_document
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed, NotFound
from freehold.core.ids import require_name
from freehold.core.late import np
from freehold.core.terms import meet, require_within
from freehold.core.texts import said
from freehold.features.data import offering, publishing, schemas
from freehold.features.data.rules import reading
from freehold.features.data.rules.names import difference
from freehold.features.data.rules.table import Table
from freehold.features.data.rules.ways import Ways
from freehold.features.grants.issuing import narrowed
from freehold.features.models import releasing
from freehold.features.models.rules.scaling import Scaling, from_bounds
from freehold.features.privacy.rules import privacy
from freehold.features.training import holding
from freehold.features.training.holding import TestShown
from freehold.features.training.rules import expected, sketch, updates
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.record import PlannedOwner, RunPlan, Sketch
from freehold.features.training.rules.updates import Noise, TooLittleBudget
from freehold.features.training.wire import MAX_OWNERS, Order
from freehold.kernel import ceiling
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.people import known_as

MAX_TEST_CELLS = 1_500_000
"""Cells of an opened test table, label included: some 30 MB as it is sent."""
SKETCH_PERCENT = 25
"""Part of a run's budget that comparing rows takes, where copies would show at all."""
MOST_MICRO = 100_000_000
"""Epsilon at which noise hardly shows: for runs without any."""


def check(node: Node, peers: Peers, order: Order) -> tuple[list[Asset], TestShown, Table | None]:
    """What the order names, by owner, the test, and its table unless a validator keeps it; nothing is sealed.

    Raises InvalidInput, InvalidTable, NotFound, TermsConflict, NotAllowed; what the validator's node says.
    """
    require_name(order.name)
    assets = sorted((node.asset(asset_id) for asset_id in order.assets), key=lambda asset: asset.owner)
    _check_assets(node, assets, order)
    gone = next((asset for asset in assets if offering.is_withdrawn(node, asset.id)), None)
    if gone is not None:
        raise NotFound(
            said("{name} is off offer: its owner took it back", name=gone.name),
            hint=said("Search again for what is on offer, and order without it."),
            owner=gone.owner,
        )
    first = schemas.table(assets[0])
    columns, label = first.columns, first.label
    most = MAX_TEST_CELLS // (len(columns) + 1)
    if order.validator is not None:
        shown = holding.ask(node, peers, order.validator, order.test)
        differs, column = difference(shown.columns, columns, shown.label, label)
        if differs:
            raise InvalidInput(
                said(
                    "the validator's table has other columns than {owner}: it {differs}",
                    owner=_of(node, assets[0]),
                    differs=differs,
                ),
                hint=said("Ask for a test table with the columns of the data."),
                owner=order.validator,
                column=column,
            )
        _require_shown(shown.planned.rows, most)
        return assets, shown, None
    table = reading.read(
        Path(order.test),
        label,
        positive=order.positive,
        expected=columns,
        limits=publishing.limits(node),
        ways=Ways.of(order.read_as),
    )
    _require_shown(table.rows, most)
    return assets, TestShown.of(table, "0x" + bytes(32).hex(), node.account), table


def _require_shown(rows: int, most: int) -> None:
    """The opened table can be sent to owners, who recompute every value from it."""
    if rows > most:
        raise InvalidInput(
            said(
                "a test table of {rows} rows is too large to show to every owner; at most {most} of so many columns",
                rows=rows,
                most=most,
            ),
            hint=said("Leave rows out; no setting raises it."),
        )


_AS_ORDERED = ("level", "quorum_bps", "patience_seconds", "weight_cap_bps", "least_correct_bps", "judge")
"""What a plan says as the order does."""


def plan(node: Node, order: Order, assets: Sequence[Asset], test: TestShown) -> RunPlan:
    """The plan of an order, every default chosen. Raises InvalidInput: the numbers do not go together."""
    told = [schemas.table(asset) for asset in assets]
    rows, rows_each = [one.rows for one in told], max(one.rows_each for one in told)
    delta_exponent = max(privacy.delta_exponent_for(count) for count in rows)
    noised = order.level == "noised"
    epsilon = _epsilon(order, assets) if noised else 0
    recipe = _recipe(order, rows, test, epsilon, delta_exponent)
    noise = Noise(0, updates.EXACT_BITS)
    compared = Sketch(sketch.MAX_BUCKETS if order.compare and len(rows) > 1 else 0, 0)
    if noised:
        rho = privacy.rho_nano_for(epsilon, delta_exponent)
        compared = _sketch(rho, rows, rows_each) if compared.buckets else compared
        spent = privacy.rho_nano(rows_each * sketch.STEP, compared.sigma, 1) if compared.sigma else 0
        noise = updates.noise_for(rho - spent, recipe.rounds, len(test.columns) + 1, rows_each)
    return RunPlan(
        nonce="0x" + secrets.token_hex(32),
        builder=node.account,
        owners=tuple(
            PlannedOwner(asset.owner, asset.id, count) for asset, count in zip(assets, rows, strict=True)
        ),
        columns=test.columns,
        label=test.label,
        scaling=_scaling(told, test),
        recipe=recipe,
        epsilon_micro=epsilon,
        delta_exponent=delta_exponent,
        noise=noise,
        rows_each=rows_each,
        sketch=compared,
        test=test.planned,
        **{name: getattr(order, name) for name in _AS_ORDERED},
    )


def require_allowed(assets: Sequence[Asset], order: Order, made: RunPlan) -> None:
    """Every owner's published terms allow what will be asked of it, so that nothing is refused after others were paid.

    Raises NotAllowed: naming the dataset.
    """
    for asset in assets:
        try:
            require_within(
                narrowed(asset.terms, {"action": "train", "purpose": order.purpose}, made), asset.terms
            )
        except FreeholdError as error:
            raise NotAllowed(
                said("{name}: {message}", name=asset.name, message=error.message),
                hint=said("Order within its terms, with fewer rounds or another purpose, or leave it out."),
                owner=asset.owner,
                **{key: value for key, value in error.fields.items() if key == "field"},
            ) from error


def require_releasable(node: Node, assets: Sequence[Asset], order: Order, made: RunPlan) -> None:
    """The plan and what is trained could be said as documents, so that no grant is paid for a model that nobody can have.

    Raises InvalidDocument: naming the field.
    """
    told, now = {"plan": made.to_json()}, node.now()
    parse_document(
        Claim(
            issuer=node.account, claim_kind="training_plan", about=made.run_id, statement=told, issued_at=now
        ).body
    )
    weights = np.zeros(len(made.columns) + 1, dtype=np.int64)
    trained = releasing.Trained(
        "", order.name, {name: getattr(order, name) for name in releasing.SALE}, "", {}, {},
        made.run_id, made.label, made.columns, made.recipe.to_json(), made.scaling, weights, {one.account: one.asset for one in made.owners},
    )  # fmt: skip
    releasing.require_possible(node, trained, reduce(meet, (asset.terms for asset in assets)))


def _scaling(told: Sequence[schemas.Table], test: TestShown) -> Scaling:
    """From the bounds that all owners declare; else from the test table, which is shown to all in the end."""
    declared = [one.bounds for one in told if one.bounds and set(one.bounds) == set(test.columns)]
    if len(declared) == len(told):
        return from_bounds(
            [
                (min(bounds[name][0] for bounds in declared), max(bounds[name][1] for bounds in declared))
                for name in test.columns
            ]
        )
    return test.scaling


def _epsilon(order: Order, assets: Sequence[Asset]) -> int:
    allowed = min(asset.terms.epsilon_run_micro for asset in assets)
    if order.epsilon_micro is None:
        return allowed
    if order.epsilon_micro > allowed:
        raise NotAllowed(
            f"the owners allow an epsilon of {allowed / 1e6:g} for one run, not {order.epsilon_micro / 1e6:g}",
            hint=said("Order with less, or leave out the owner that allows least."),
            epsilon_run_micro=allowed,
        )
    return order.epsilon_micro


def _recipe(order: Order, rows: list[int], test: TestShown, epsilon: int, delta_exponent: int) -> Recipe:
    suggested = expected.suggest(
        rows, len(test.columns), epsilon or None, delta_exponent, curvature=test.curvature_ppm / 1_000_000
    )
    if order.rounds is None:
        return suggested
    return Recipe(order.rounds, suggested.learning_rate_q16, suggested.l2_q16)


def _sketch(rho: int, rows: list[int], rows_each: int) -> Sketch:
    """A sketch within its part of the budget; none where it could not tell copies from strangers anyway."""
    sigma = privacy.sigma_for(rows_each * sketch.STEP, 1, rho * SKETCH_PERCENT // 100)
    if not sketch.tells(rows, sigma):
        return Sketch()
    return Sketch(sketch.buckets_for(rows, sigma), sigma)


def _of(node: Node, asset: Asset) -> str:
    return f"{asset.name} of {known_as(node, asset.owner)}"


def _check_assets(node: Node, assets: list[Asset], order: Order) -> None:
    if not 1 <= len(assets) <= MAX_OWNERS:
        raise InvalidInput(
            said("choose 1 to {max_owners} datasets", max_owners=MAX_OWNERS),
            hint=said("Find them with search."),
        )
    if len({asset.owner for asset in assets}) != len(assets):
        raise InvalidInput(
            said("two of the datasets have one owner"), hint=said("Choose one dataset of each owner.")
        )
    for asset in assets:
        if asset.asset_kind != "dataset":
            raise InvalidInput(
                said("{name} is a {asset_kind}, not a dataset", name=asset.name, asset_kind=asset.asset_kind),
                owner=asset.owner,
            )
        told, first = schemas.table(asset), schemas.table(assets[0])
        differs, column = difference(told.columns, first.columns, told.label, first.label)
        if differs:
            raise InvalidInput(
                said(
                    "{owner} has other columns than {other}: it {differs}",
                    owner=_of(node, asset),
                    other=_of(node, assets[0]),
                    differs=differs,
                ),
                hint=said(
                    "All tables need the same columns in the same order, and the same label. Leave one of them out, or ask its owner for a version with the others' columns."
                ),
                owner=asset.owner,
                column=column,
            )
        if REVEALS.index(asset.terms.reveals) < REVEALS.index(order.level):
            raise NotAllowed(
                said(
                    "{name} is not offered for training at level {level}", name=asset.name, level=order.level
                ),
                hint=_HINTS[order.level],
                owner=asset.owner,
            )
    inherited = reduce(meet, (asset.terms for asset in assets))
    missing = {"train", "infer"} - set(inherited.actions)
    if missing:
        raise NotAllowed(
            said(
                "the owners' terms together do not allow to {missing}", missing=" and ".join(sorted(missing))
            )
        )


def grants_units(assets: Sequence[Asset]) -> int:
    """What the grants of a run cost together."""
    return sum(asset.terms.price_units for asset in assets if asset.terms.price_per == "grant")


_HINTS = {
    "noised": "Its owner can publish it again with a privacy budget.",
    "update": "Exact updates need an owner that offers them to you by name.",
}


def preview(node: Node, peers: Peers, order: Order) -> dict[str, Any]:
    """The plan's numbers, and what a public simulation says its noise costs. Raises as `check` and `plan`."""
    assets, test, _ = check(node, peers, order)
    made = plan(node, order, assets, test)
    require_allowed(assets, order, made)
    require_releasable(node, assets, order, made)
    rows, known = tuple(owner.rows for owner in made.owners), ceiling.overview(node)
    loss = expected.expected_loss(
        rows, len(made.columns), made.epsilon_micro or MOST_MICRO, made.delta_exponent, made.rows_each
    )
    return {
        "rounds": made.recipe.rounds,
        "uses": made.uses,
        **made.cost(),
        "compared": bool(made.sketch.buckets),
        "accuracy_without_bps": loss.accuracy_without_bps,
        "accuracy_with_bps": loss.accuracy_with_bps if made.epsilon_micro else loss.accuracy_without_bps,
        "share_error_bps": loss.share_error_bps if made.epsilon_micro else 0,
        "test_rows": made.test.rows,
        "positives": made.test.positives,
        "total_units": grants_units(assets),
        "gas": ceiling.gas(node, "purchase") * sum(1 for asset in assets if grants_units([asset])),
        **{name: known[name] for name in ("spend_per_act_micro", "spend_per_day_micro", "spent_units")},
    }


def noise_cost(_: Node, asked: publishing.NoiseCost) -> int | None:
    """What the noise of a run on one table alone costs; None where no noise of the sampler is enough."""
    try:
        found = expected.expected_loss(
            (asked.rows,), asked.columns, asked.epsilon_micro, asked.delta_exponent, asked.rows_each
        )
    except TooLittleBudget:
        return None
    return found.loss_bps
