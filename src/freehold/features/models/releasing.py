"""Releasing a trained model: an asset, ownership shares and a revenue pool that nobody can redirect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pydantic import ValidationError

from freehold.core.canonical import MAX_SAFE_INTEGER
from freehold.core.documents import Asset, Claim, Content, Source, Terms, invalid, parse_document
from freehold.core.errors import Conflict, FreeholdError, InvalidDocument, NotAllowed, Unavailable
from freehold.core.fixed import IntArray
from freehold.core.ids import hash_bytes, keyed_id
from freehold.core.money import BPS
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.terms import meet
from freehold.core.texts import Text, said
from freehold.features.models import kept
from freehold.features.models.kept import Share
from freehold.features.models.rules.model import model_hash
from freehold.features.models.rules.scaling import Scaling
from freehold.features.models.rules.split import SplitTree, earlier_runs
from freehold.features.models.wire import Scores
from freehold.kernel import logbook
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.registry import everything

MAX_USES = 1_000_000
"""Of one grant of a model."""
MAX_CLAIMS = 2
"""Of an announcement: the release and the values behind it."""
SALE = ("price_units", "per", "rows_per_call", "round_to")
"""On what terms answers of a model are sold."""
MAX_RELEASES = 8
"""Models of one run that a co-owner remembers."""
_WIDEST = dict.fromkeys(Scores.model_fields, MAX_SAFE_INTEGER)
"""Scores that take as much room as any."""


@dataclass(frozen=True)
class Granted:
    """What this party, as an owner of data, granted a run and agreed to of it."""

    builder: str = ""
    """To whom; empty where nothing was granted."""
    contribution: str = ""
    """The claim whose values it agreed to; empty where it did not."""
    two_histories: bool = False
    """Whether the builder signed two accounts of the run."""


@dataclass(frozen=True)
class GrantedRun(Question[Granted]):
    """What was granted to a run."""

    run: str


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training run made, as far as its release says it."""

    job: str
    """The builder's name for its making."""
    name: str
    """Of the model."""
    sale: Mapping[str, Any]
    """Of `SALE`, as terms name it."""
    contribution: str
    """The claim that says who brought what."""
    grants: Mapping[str, str]
    """Grant of each account that took part."""
    agreements: Mapping[str, str]
    """Claim of each account that agrees to the shares."""
    run: str
    label: str
    columns: tuple[str, ...]
    recipe: dict[str, Any]
    """How it was trained."""
    scaling: Scaling
    weights: IntArray
    """(columns + 1,) Q16."""
    owners: dict[str, str]
    """Dataset of each account that was to take part."""


def release(node: Node, peers: Peers, trained: Trained) -> Asset:
    """Make the model an asset owned by its contributors, and return it; safe to repeat after a crash."""
    contribution = node.typed(trained.contribution, Claim)
    grants = [node.grant(grant) for grant in trained.grants.values()]
    inherited, shares = reduce(meet, (grant.terms for grant in grants)), _stated(contribution.statement)
    owners = {account: asset for account, asset in trained.owners.items() if account in trained.grants}
    # the time is fixed by the run, so that a repeated release makes the same asset
    at, scores = contribution.issued_at, contribution.statement["scores"]
    asset = _made(node, trained, inherited, owners, dict(shares), scores, at)
    envelope = node.seal(asset)
    tree = SplitTree(shares)
    _on_chain(node, asset, shares, tree)
    statement: dict[str, object] = {
        "run": trained.run,
        "pool": "0x" + pool_of(asset).hex(),
        "split_root": "0x" + tree.root.hex(),
        "shares": [{"account": account, "shares": share} for account, share in shares],
        "agreements": sorted(trained.agreements.values()),
        "silent": sorted(set(trained.grants) - set(trained.agreements)),
        "earlier": earlier_runs(grants),
    }
    claim = node.claim("release", asset.id, statement)
    with node.store.transaction() as tx:
        if not node.store.has(asset.id):
            tx.put(envelope, public=True)
            tx.put(claim, public=True)
        made = {
            "weights": trained.weights.tolist(),
            "scaling": trained.scaling.to_json(),
            "columns": list(trained.columns),
        }
        kept.release(tx, asset.id, trained.job, made, (account for account, _ in shares))
    logbook.anchor(node)
    tell_owners(node, peers)
    return asset


def _stated(contribution: dict[str, Any]) -> list[tuple[str, int]]:
    """(account, share) of those that have one, as a contribution claim says it."""
    stated = zip(contribution["accounts"], contribution["shares_bps"], strict=True)
    return [(account, share) for account, share in stated if share]


def pool_of(asset: Asset) -> bytes:
    """The id of a model's revenue pool."""
    return keyed_id(asset.owner, hash_bytes(asset.id))


def require_possible(node: Node, trained: Trained, inherited: Terms) -> None:
    """A model of this order could be said as an asset, however it turns out: seen before anything is paid.

    Raises InvalidDocument: naming the field.
    """
    whole = dict.fromkeys(trained.owners, BPS)
    try:
        made = _made(node, trained, inherited, trained.owners, whole, _WIDEST, node.now())
    except ValidationError as error:
        raise invalid(error) from None
    parse_document(made.body)


def words_for(label: str, datasets: int) -> Text:
    """What a model is described by that was trained here; a description is signed as it reads in English."""
    return said.many(
        "logistic regression for {label}, trained on {n} dataset",
        "logistic regression for {label}, trained on {n} datasets",
        n=datasets,
        label=label,
    )


def _made(
    node: Node,
    trained: Trained,
    inherited: Terms,
    owners: Mapping[str, str],
    shares: Mapping[str, int],
    scores: Mapping[str, int],
    at: int,
) -> Asset:
    return Asset(
        asset_kind="model",
        name=trained.name,
        description=str(words_for(trained.label, len(owners))),
        owner=node.account,
        content=Content(
            commitment=model_hash(trained.weights, trained.scaling, trained.recipe, trained.columns),
            media_type="application/vnd.freehold.logistic-v2",
            size_bytes=8 * len(trained.weights),
        ),
        schema_={
            "columns": list(trained.columns),
            "label": trained.label,
            "recipe": trained.recipe,
            "run": trained.run,
            "metrics": {"test_rows" if name == "rows" else name: score for name, score in scores.items()},
        },
        derived_from=tuple(
            Source(asset=asset, role="training-data", weight=shares.get(account, 0))
            for account, asset in owners.items()
        ),
        terms=Terms(
            purposes=inherited.purposes,
            actions=("infer",),
            not_before=0,
            expires_at=inherited.expires_at,
            max_uses=MAX_USES,
            price_per="use",
            **trained.sale,
            token=node.token,
            duties=inherited.duties,
        ),
        created_at=at,
    )


def _on_chain(node: Node, asset: Asset, shares: list[tuple[str, int]], tree: SplitTree) -> None:
    model_id = hash_bytes(asset.id)
    token_id = int.from_bytes(pool_of(asset), "big")
    if not node.chain.read("ModelShares", "totalSupply", token_id):
        accounts, counts = zip(*shares, strict=True)
        node.send("ModelShares", "release", model_id, list(accounts), list(counts))
    pool_token = str(node.chain.read("Revenue", "poolOf", pool_of(asset))[0])
    if not int(pool_token, 16):
        node.send("Revenue", "open", model_id, node.token, tree.root, BPS)


def tell_owners(node: Node, peers: Peers) -> None:
    """Tell co-owners of their share; who is away is told at a later call."""
    for model, accounts in kept.untold(node):
        body = announcement(node, node.asset(model))
        away = []
        for account in accounts:
            try:
                peers.ask(account, "/peer/releases", body)
            except Unavailable:
                away.append(account)
            except FreeholdError:
                # refused: its own node says why, and telling it again would change nothing
                continue
        with node.store.transaction() as tx:
            kept.tell(tx, model, away)


def announcement(node: Node, asset: Asset) -> dict[str, Any]:
    """What a co-owner needs to find its share: the asset and the claims about it."""
    run = str(asset.schema_["run"])
    claims: list[Envelope] = [
        *node.store.find("claim", "contribution", run),
        *node.store.find("claim", "release", asset.id),
    ]
    return {"asset": node.store.get(asset.id).to_json(), "claims": [claim.to_json() for claim in claims]}


def accept_release(node: Node, sender: str, body: dict[str, Any]) -> dict[str, Any]:
    """Remember a model in which this party has a share.

    Raises InvalidDocument: the split is not the one on chain, or does not name this party.
    """
    asset_envelope, claims = _announced(node, sender, body)
    asset = asset_envelope.document
    assert isinstance(asset, Asset)
    release_claim = _release_claim(asset, claims)
    shares = shares_of(release_claim)
    if SplitTree(shares).root != node.chain.read("Revenue", "poolOf", pool_of(asset))[1]:
        raise InvalidDocument("the split announced is not the one on chain")
    known = kept.share(node, asset.id)
    if known is not None:
        if known.claim != release_claim.id:
            raise Conflict("another release of that model was announced before", hint="That one stays.")
        return {"accepted": asset.id}
    if node.account not in dict(shares):
        raise InvalidDocument("this party has no share in that model")
    _require_agreed(node, asset, claims, shares)
    run = str(asset.schema_.get("run"))
    with node.store.transaction() as tx:
        tx.put(asset_envelope, logged=False)
        for envelope in claims:
            tx.put(envelope, logged=False)
        kept.keep_share(tx, run, Share(asset.id, release_claim.id, dict(shares)[node.account]))
    return {"accepted": asset.id}


def _granted(node: Node, run: str) -> Granted:
    return next(iter(everything().ask(node, GrantedRun(run))), Granted())


def _require_own_run(node: Node, builder: str, asset: Asset) -> None:
    """This party granted that run to that builder, and has not heard of as many models of it as it remembers."""
    run = str(asset.schema_.get("run"))
    if _granted(node, run).builder != builder:
        raise NotAllowed("this node granted no such run to the sender", hint="Announce it to its owners.")
    if kept.share(node, asset.id) is None and kept.announced(node, run) >= MAX_RELEASES:
        raise NotAllowed(f"{MAX_RELEASES} models of that run were announced here", hint="Those stay.")


def _require_agreed(node: Node, asset: Asset, claims: list[Envelope], shares: list[tuple[str, int]]) -> None:
    """Where this owner agreed to values, the release is of those; it recomputed them itself."""
    granted = _granted(node, str(asset.schema_.get("run")))
    if granted.two_histories:
        raise InvalidDocument("the builder signed two accounts of that run")
    if not granted.contribution:
        # it was away at the end; its evidence says the same, and anyone can recompute it
        return
    expected = dict(_stated(node.typed(granted.contribution, Claim).statement))
    named = {claim.document.id for claim in claims if claim.document.body.get("claim_kind") == "contribution"}
    if dict(shares) != expected or named - {granted.contribution}:
        raise InvalidDocument("the split is not the one that this owner recomputed and agreed to")


def _release_claim(asset: Asset, envelopes: list[Envelope]) -> Claim:
    """The release among an announcement's claims, which are about nothing else."""
    about = {"release": asset.id, "contribution": str(asset.schema_.get("run"))}
    found = []
    for envelope in envelopes:
        claim = envelope.document
        # what is kept here is believed later, a revocation most of all
        if not isinstance(claim, Claim) or about.get(claim.claim_kind) != claim.about:
            raise InvalidDocument("a release holds claims about that model and its run only")
        if claim.claim_kind == "release":
            found.append(claim)
        else:
            _check_contribution(claim, asset)
    if len(found) != 1:
        raise InvalidDocument("a release has one release claim")
    return found[0]


def _check_contribution(claim: Claim, asset: Asset) -> None:
    statement, owners = claim.statement, len(asset.derived_from)
    kinds = {"accounts": str, "values": str, "errors": str, "shares_bps": int}
    if not all(
        isinstance(statement.get(name), list)
        and len(statement[name]) == owners
        and all(type(item) is kind for item in statement[name])
        for name, kind in kinds.items()
    ):
        raise InvalidDocument("a contribution claim has a value and a share for each source")
    scores = statement.get("scores")
    if not isinstance(scores, dict) or not all(type(number) is int for number in scores.values()):
        raise InvalidDocument("a contribution claim says how good the model is, in whole numbers")


def _announced(node: Node, sender: str, body: dict[str, Any]) -> tuple[Envelope, list[Envelope]]:
    asset_envelope = parse_envelope(body.get("asset"))
    claims = [parse_envelope(value) for value in list(body.get("claims") or [])[:MAX_CLAIMS]]
    if any(
        next(iter(envelope.document.signers().values())) != sender for envelope in (asset_envelope, *claims)
    ):
        raise InvalidDocument("a release holds only the sender's own documents")
    if not isinstance(asset_envelope.document, Asset):
        raise InvalidDocument("a release is of an asset")
    _require_own_run(node, sender, asset_envelope.document)
    for envelope in (asset_envelope, *claims):
        # last: where an account is a contract, it is called
        node.check(envelope)
    return asset_envelope, claims


def shares_of(claim: Claim) -> list[tuple[str, int]]:
    """(account, shares) of a release claim. Raises InvalidDocument."""
    try:
        shares = [(str(item["account"]), int(item["shares"])) for item in claim.statement["shares"]]
    except (KeyError, TypeError, ValueError):
        raise InvalidDocument("a release claim lists account and shares") from None
    if (
        not shares
        or len(shares) > 256
        or not all(re.fullmatch("0x[0-9a-f]{40}", account) for account, _ in shares)
        or sum(count for _, count in shares) != BPS
        or min(c for _, c in shares) <= 0
    ):
        raise InvalidDocument("the shares of a release do not sum to 10,000")
    return shares


def releases_of(node: Node, asset: Asset) -> list[Claim]:
    """Release claims of a model by its owner, where they are known here."""
    return claims_of(node, "release", asset.id, asset.owner)


def claims_of(node: Node, kind: str, subject: str, issuer: str) -> list[Claim]:
    """Claims of a kind and issuer about something, those that are here."""
    documents = [item.document for item in node.store.find("claim", kind, subject)]
    return [item for item in documents if isinstance(item, Claim) and item.issuer == issuer]
