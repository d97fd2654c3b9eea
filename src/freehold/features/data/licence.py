"""What an owner chose when publishing, as terms of a document; what was left out is as before, or as usual."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from freehold.core.documents import Asset, Terms, invalid
from freehold.core.errors import InvalidInput
from freehold.core.texts import Epsilon, said
from freehold.core.times import DAY_SECONDS, whole_days
from freehold.features.data import schemas
from freehold.features.data.offering import who_decides
from freehold.features.data.wire import Inspect, Publish, Usual
from freehold.kernel.node import Node
from freehold.kernel.shape import alike

_USUAL = "usual_terms"
_ALIKE = Publish.model_fields.keys() & Terms.model_fields.keys()
"""What is chosen and licensed in the same words."""
Asked = TypeVar("Asked", bound=Inspect)


def usual(node: Node) -> Usual:
    """What this owner chooses where nothing is said."""
    kept = node.store.state(_USUAL, {})
    return Usual(**{name: kept[name] for name in Usual.model_fields if name in kept})


def set_usual(node: Node, chosen: Usual) -> Usual:
    """Keep what is said of it; the rest stays."""
    made = usual(node).model_copy(update=chosen.model_dump(exclude_unset=True))
    with node.store.transaction() as tx:
        tx.set(_USUAL, made.model_dump())
    return made


def completed(node: Node, asked: Asked) -> Asked:
    """What was asked, with what was left out as in the version that it supersedes, or as usual."""
    known = _of(node, node.asset(asked.supersedes)) if asked.supersedes else usual(node).model_dump()
    left_out = type(asked).model_fields.keys() - asked.model_fields_set
    return asked.model_copy(update={name: known[name] for name in left_out & known.keys()})


def _of(node: Node, asset: Asset) -> dict[str, Any]:
    """What was chosen for a version; nothing of budgets where it had none."""
    terms, told = asset.terms, schemas.said(asset)
    before = alike(Publish, terms)
    chosen = {name: value for name, value in before.items() if value or not name.startswith("epsilon")}
    if terms.reveals == "answers":
        del chosen["reveals"]
    return {
        **chosen,
        "name": asset.name,
        "description": asset.description,
        "days": whole_days(terms.expires_at - asset.created_at),
        **who_decides(node, asset.id),
        "subject": told.subject,
        "rows_each": told.rows_each or 1,
    }


def terms(node: Node, asked: Publish) -> Terms:
    """As a document; results may be used and sold. Raises InvalidInput: out of range, or contradictory."""
    _check(asked)
    told = {name: _sorted(name, getattr(asked, name)) for name in _ALIKE}
    try:
        return Terms(
            **{**told, "epsilon_run_micro": asked.epsilon_run},
            actions=("derive", "infer", "train"),
            expires_at=node.now() + asked.days * DAY_SECONDS,
            token=node.token,
        )
    except ValidationError as error:
        raise invalid(error) from None


def _sorted(name: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(sorted({one if name == "purposes" else one.lower() for one in value}))


def checked(node: Node, asked: Inspect) -> Inspect:
    """What is to be looked at, if publishing would not refuse its epsilons. Raises `InvalidInput`."""
    _check_epsilons(completed(node, asked))
    return asked


def _check(asked: Publish) -> None:
    _check_epsilons(asked)
    if asked.reveals == "update" and not asked.holders:
        raise InvalidInput(
            said("exact updates are for holders that are named"),
            hint=said("Rows can be rebuilt from them: name the accounts that you trust with the rows."),
            field="holders",
        )


def _check_epsilons(asked: Inspect) -> None:
    run, life = asked.epsilon_run, asked.epsilon_life_micro
    if run < 1:
        raise InvalidInput(
            said("a run that may cost no epsilon can learn nothing"),
            hint=said("Choose an epsilon for one run, such as 1."),
            field="epsilon_run_micro",
        )
    if run > life:
        raise InvalidInput(
            said(
                "one run may cost {run}, which is more than the {life} that all runs together may",
                run=Epsilon(run),
                life=Epsilon(life),
            ),
            hint=said("Lower the epsilon of a run, or raise that of all runs."),
            field="epsilon_life_micro",
        )
