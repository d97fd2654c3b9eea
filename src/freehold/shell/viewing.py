"""Views: what lists, pages and reports show, folded from documents, log and chain."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args

from freehold.core import origins
from freehold.core.documents import Action, Asset, Claim, Party, Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotFound
from freehold.core.ids import Ambiguous, resolve, short
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data import publishing
from freehold.features.data.approval import approval_of, set_approval
from freehold.features.data.wire import Approval
from freehold.features.grants import granting
from freehold.features.models import releasing
from freehold.features.payments import settling
from freehold.features.privacy import budget
from freehold.features.privacy.rules import privacy
from freehold.features.training.rules import metrics
from freehold.features.training.rules.record import RunPlan
from freehold.kernel import custody, logbook, pending
from freehold.kernel.chain_identity import OtherChain
from freehold.kernel.continuity import RESTORED
from freehold.kernel.host import Host
from freehold.kernel.keeping import purse, subjects
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

MAX_CATALOGUE = 1_000
MAX_CATALOGUE_BYTES = 8 * 1024 * 1024
_MET = "met:"


def status(node: Node) -> dict[str, Any]:
    """This node at a glance."""
    with suppress(OtherChain):  # a notice says so
        node.continuity.require_same()
    with node.store.log() as log:
        size = log.size()
    return {
        "name": node.settings.name,
        "account": node.account,
        "url": node.party.document.body["endpoints"][0],
        "chain": {"id": node.chain_id, "block": node.chain.block_number(), "rpc_url": node.settings.rpc_url},
        "database": str(node.store),
        "balance_units": node.balance_units(),
        "log": {"size": size, "anchored": logbook.anchored_size(node)},
        "counts": {
            kind: len(node.store.find(kind)) for kind in ("party", "asset", "grant", "receipt", "claim")
        },
        "gas": purse.day(node).to_json(),
        "quarantined": sorted(subjects.quarantined(node)),
        "lost_units": sum(row["units"] for row in settling.lost(node)),
        "notices": notices(node),
    }


def notices(node: Node) -> list[dict[str, str]]:
    """What is wrong with this home: another chain, a log that must not grow, data that is gone, unknown budgets."""
    found: list[FreeholdError] = []
    if node.continuity.other is not None:
        found.append(node.continuity.other)
    if node.continuity.stopped is not None:
        found.append(node.continuity.stopped)
    found += custody.missing(node)
    restored = node.store.state(RESTORED)
    if restored and restored["budget"] == "unknown":
        found.append(budget.unknown())
    return [{"code": one.code, "title": one.message, "hint": one.hint} for one in found]


def action(text: str) -> Action:
    """One of the actions a grant can allow.

    Raises:
        InvalidInput.
    """
    actions: tuple[Action, ...] = get_args(Action)
    for known in actions:
        if known == text:
            return known
    raise InvalidInput(f"{text[:40]!r} is not an action", hint=f"Actions are: {', '.join(actions)}.")


def add_peer(host: Host, url: str) -> dict[str, Any]:
    """Meet another node and remember where it is."""
    node, url = host.node, str(origins.parse(url))
    party = host.peers.meet(url)
    peers, before = dict(node.store.state("peers", {})), _met(node, url)
    with node.store.transaction() as tx:
        tx.set("peers", {**peers, url: party.account})
        tx.set(f"{_MET}{url}", party.account)
        if before != party.account:
            _forget_offers(tx, before)
    read_catalogue(host, url, party.account)
    return party.body


def forget_peer(node: Node, url: str) -> None:
    """Look at a node no more; one named in the settings stays until it is taken out there."""
    known = {
        one: who
        for one, who in node.store.state("peers", {}).items()
        if origins.spelled(one) != origins.spelled(url)
    }
    with node.store.transaction() as tx:
        tx.set("peers", known)
        tx.delete(f"{_MET}{origins.spelled(url)}")


def _met(node: Node, url: str) -> str:
    """The account that was met at a peer's address; empty if none was."""
    added = {origins.spelled(one): who for one, who in node.store.state("peers", {}).items()}
    return str(node.store.state(f"{_MET}{url}") or added.get(url, ""))


def peers(node: Node) -> list[str]:
    """URLs of the nodes this one looks at, from settings and `peers add`."""
    return sorted({*node.settings.peers, *map(origins.spelled, node.store.state("peers", {}))})


def refresh(host: Host) -> list[dict[str, str]]:
    """Read the catalogues of all peers; says which did not answer, and why.

    A peer is the party that was met at its address first, until the owner adds the address again.
    """
    node, failed = host.node, []
    for url in peers(node):
        try:
            before = _met(node, url)
            party = host.peers.meet(url, before)
            if not before:
                with node.store.transaction() as tx:
                    tx.set(f"{_MET}{url}", party.account)
            read_catalogue(host, url, party.account)
        except FreeholdError as error:
            failed.append({"url": url, "reason": error.message})
    return failed


def read_catalogue(host: Host, url: str, account: str) -> None:
    """Keep the assets that the node of `account` offers, each its own and checked, or none of them."""
    node = host.node
    answer = host.peers.get(url, "/catalogue", most_bytes=MAX_CATALOGUE_BYTES)
    asks_first = _listed(url, answer, "asks_first", [])
    fresh: list[Envelope] = []
    approvals: dict[str, Approval] = {}
    for value in _listed(url, answer, "assets", None):
        envelope = parse_envelope(value)
        if not isinstance(envelope.document, Asset) or envelope.document.owner != account:
            raise InvalidDocument(f"{url} offers something that is not an asset of its own")
        if _is_news(node, envelope):
            fresh.append(envelope)
        if account != node.account:
            approvals[envelope.document.id] = "ask" if envelope.document.id in asks_first else "automatic"
    heard = {key: said for key, said in approvals.items() if said != approval_of(node, key)}
    with node.store.transaction() as tx:
        for envelope in fresh:
            tx.put(envelope, logged=False)
            pending.add(tx, pending.ASSETS, envelope.document.id, account, len(envelope.to_bytes()))
        while oldest := pending.surplus(tx.connection, pending.ASSETS, account):
            _forget_offer(tx, oldest)
        for asset_id, approval in heard.items():
            set_approval(tx, asset_id, approval)


def _listed(url: str, answer: Any, name: str, otherwise: list[Any] | None) -> list[Any]:
    values = answer.get(name, otherwise) if isinstance(answer, dict) else None
    if not isinstance(values, list) or len(values) > MAX_CATALOGUE:
        raise InvalidDocument(f"{url} has no readable catalogue")
    return values


def _is_news(node: Node, envelope: Envelope) -> bool:
    """Whether an asset is not here yet; checked, unless it is here with these signatures.

    Raises:
        InvalidSignature.
    """
    known = node.store.get(envelope.document.id) if node.store.has(envelope.document.id) else None
    if known is None or known.signatures != envelope.signatures:
        node.check(envelope)
    return known is None


def _forget_offers(tx: Transaction, account: str) -> None:
    """Nothing came of what a party offered, and its address is another's now."""
    offers = tx.connection.execute(
        "SELECT name FROM pending WHERE kind = ? AND party = ?", (pending.ASSETS.kind, account)
    ).fetchall()
    for (asset_id,) in offers:
        _forget_offer(tx, str(asset_id))


def _forget_offer(tx: Transaction, asset_id: str) -> None:
    """A catalogue that goes on changing keeps its newest offers here, and those that something came of."""
    pending.remove(tx, pending.ASSETS.kind, asset_id)
    if (
        tx.connection.execute("SELECT 1 FROM documents WHERE about = ? LIMIT 1", (asset_id,)).fetchone()
        is None
    ):
        tx.forget(asset_id)
        set_approval(tx, asset_id, "automatic")


def find_asset(host: Host, text: str, kind: str = "") -> str:
    """The id of an asset by shortened id or by name; looks at the peers' catalogues where it is unknown.

    Raises:
        NotFound, Ambiguous.
    """
    try:
        return _find_asset(host.node, text, kind)
    except NotFound:
        refresh(host)
        return _find_asset(host.node, text, kind)


def _find_asset(node: Node, text: str, kind: str) -> str:
    found = publishing.search(node, "", kind)
    named = sorted({item["id"] for item in found if item["name"] == text})
    if len(named) > 1:
        raise Ambiguous(
            f"{len(named)} assets are called {text}", hint="Use the id: " + ", ".join(map(short, named))
        )
    if named:
        return str(named[0])
    try:
        return resolve(text, (item["id"] for item in found), kind or "asset")
    except InvalidInput as error:
        if isinstance(error, Ambiguous):
            raise
        raise NotFound(
            f"nothing here is called {text[:80]!r}", hint="List what there is with search."
        ) from None


def find_receipt(node: Node, text: str) -> str:
    """The id of a receipt, shortened, or the newest answer's by the word "last".

    Raises:
        NotFound, Ambiguous.
    """
    if text != "last":
        return node.store.resolve(text, "receipt")
    answers = node.store.find("receipt", "infer")
    if not answers:
        raise NotFound("no answer was bought or sold here yet", hint="Call predict first.")
    return max(
        answers, key=lambda item: (item.document.body["issued_at"], item.document.body["sequence"])
    ).document.id


def find_grant(node: Node, text: str) -> str:
    """The id of a grant, shortened, or the newest one's by the word "last".

    Raises:
        NotFound, Ambiguous.
    """
    if text != "last":
        return node.store.resolve(text, "grant")
    grants = granting.own(node)
    if not grants:
        raise NotFound("no grant was issued or obtained here yet")
    return grants[-1].id


def models(node: Node) -> list[dict[str, Any]]:
    """Every known model."""
    found = publishing.search(node, "", "model")
    return [{**item, "serving": bool(node.store.state(f"serving:{item['id']}"))} for item in found]


def model(node: Node, model_id: str) -> dict[str, Any]:
    """One model with its contributors, metrics and pool."""
    asset = node.asset(model_id)
    if asset.asset_kind != "model":
        raise InvalidInput(f"{asset.name} is a {asset.asset_kind}, not a model")
    run = str(asset.schema_.get("run"))
    contributions = _claims(node, "contribution", run, asset.owner)
    releases = _claims(node, "release", asset.id, asset.owner)
    found: dict[str, Any] = publishing.describe(node, asset)
    found |= {"metrics": _metrics(asset), "run": run, "recipe": asset.schema_.get("recipe")}
    found["serving"] = bool(node.store.state(f"serving:{asset.id}"))
    if contributions:
        found |= _measured(node, asset, contributions[0], releases)
    if releases:
        _, root, _, total_in, paid_out = node.chain.read("Revenue", "poolOf", releasing.pool_of(asset))
        found["pool"] = {
            "id": "0x" + releasing.pool_of(asset).hex(),
            "split_root": "0x" + bytes(root).hex(),
            "in_units": total_in,
            "paid_out_units": paid_out,
            "held_units": total_in - paid_out,
        }
    return found


def _metrics(asset: Asset) -> dict[str, Any] | None:
    """Scores of a released model with their intervals; None for what an earlier Freehold measured otherwise."""
    said = asset.schema_.get("metrics")
    names = {field.name for field in fields(metrics.Scores)} - {"rows"}
    if not isinstance(said, dict) or not all(type(said.get(name)) is int for name in {*names, "test_rows"}):
        return None
    rows, right = said["test_rows"], said["correct"]
    if not 0 <= right <= rows or not rows:
        return None
    # the interval is widest where the rarer label is ranked, so that is what it is taken for
    positives = rows - said["majority_correct"] if 0 < said["majority_correct"] < rows else 0
    return {
        **{name: said[name] for name in names},
        "rows": rows,
        "accuracy_bps": list(metrics.interval_bps(right, rows)),
        "auc_bps": list(metrics.auc_interval_bps(said["auc_ppm"], positives, rows))
        if positives
        else [0, 10_000],
    }


def _measured(node: Node, asset: Asset, claim: Claim, releases: list[Claim]) -> dict[str, Any]:
    """What each owner brought, what it cost its rows, and what would change without it."""
    statement, run = claim.statement, str(asset.schema_.get("run"))
    if "values" not in statement:
        # measured by an earlier Freehold, in another way
        return {}
    values, errors = ([int(one) for one in statement[name]] for name in ("values", "errors"))
    total = sum(max(0, value) for value in values)
    release = releases[0].statement if releases else {}
    job = node.store.state(f"job:{node.store.state(f'run_of:{asset.id}')}") or {}
    plan = _plan(node, run)
    silent, away = release.get("silent", []), job.get("absent", {})
    without = job.get("without", {})
    found: dict[str, Any] = {
        "contribution": [
            {
                "account": account,
                "name": _name(node, account),
                "share_bps": share,
                "value_ppm": value * 1_000_000 // total if total else 0,
                "error_ppm": error * 1_000_000 // total if total else 0,
                "agreed": account not in silent,
                "away": len(away.get(account, {}).get("rounds", [])),
                "without_correct": without.get(account),
                "rows": rows,
            }
            for account, share, value, error, rows in zip(
                statement["accounts"],
                statement["shares_bps"],
                values,
                errors,
                _rows(node, asset),
                strict=True,
            )
        ],
        "earlier_runs": release.get("earlier", []),
    }
    if plan:
        found["privacy"] = {
            "level": plan.level,
            "epsilon_micro": plan.epsilon_micro,
            "delta_exponent": plan.delta_exponent,
            "guess_ppm": privacy.guess_ppm(plan.epsilon_micro) if plan.epsilon_micro else 1_000_000,
        }
    return found


def _plan(node: Node, run: str) -> RunPlan | None:
    """The plan of a run, where this node made it or agreed to it."""
    claims = node.store.find("claim", "training_plan", run)
    stored = (
        claims[0].document.body["statement"].get("plan") if claims else node.store.state(f"planned:{run}")
    )
    try:
        return RunPlan.from_json(stored) if stored else None
    except InvalidInput:
        return None


def _rows(node: Node, asset: Asset) -> list[int | None]:
    sources = [node.asset(item.asset) if node.store.has(item.asset) else None for item in asset.derived_from]
    return [source.schema_.get("rows") if source else None for source in sources]


def _claims(node: Node, kind: str, subject: str, issuer: str) -> list[Claim]:
    documents = [item.document for item in node.store.find("claim", kind, subject)]
    return [item for item in documents if isinstance(item, Claim) and item.issuer == issuer]


def _name(node: Node, account: str) -> str:
    known = node.store.state(f"party:{account}")
    return node.typed(known, Party).name if known else account[:10]


def receipts(node: Node, limit: int) -> dict[str, Any]:
    """The newest receipts in which this party is on either side."""
    found, anchored = [], logbook.anchored_size(node)
    envelopes = node.store.find("receipt")
    for envelope in envelopes[-limit:]:
        receipt = envelope.document
        if not isinstance(receipt, Receipt):
            continue
        position = node.store.position(receipt.id)
        found.append(
            {
                "id": receipt.id,
                "action": receipt.action,
                "provider": receipt.provider,
                "provider_name": _name(node, receipt.provider),
                "holder": receipt.holder,
                "holder_name": _name(node, receipt.holder),
                "asset": receipt.inputs[0],
                "grant": receipt.grant,
                "units": sum(max(line.delta_units, 0) for line in receipt.money),
                "issued_at": receipt.issued_at,
                "position": position,
                "anchored": position is not None and position < anchored,
                "complete": envelope.is_complete,
            }
        )
    return {"receipts": found, "total": len(envelopes)}


def lineage(node: Node, text: str) -> dict[str, Any]:
    """From an asset or receipt back to the data: nodes and edges of the picture."""
    try:
        document_id = _find_asset(node, text, "")
        receipt = None
    except NotFound:
        receipt = node.receipt(find_receipt(node, text))
        document_id = receipt.inputs[0]
    asset = node.asset(document_id)
    nodes, edges = [{**publishing.describe(node, asset), "weight": 10_000}], []
    for source in asset.derived_from:
        if node.store.has(source.asset):
            described = publishing.describe(node, node.asset(source.asset))
        else:
            described = {"id": source.asset, "kind": "dataset", "name": source.asset[:10], "owner_name": ""}
        nodes.append({**described, "weight": source.weight})
        edges.append({"from": source.asset, "to": asset.id, "role": source.role, "weight": source.weight})
    if receipt is not None:
        nodes.append(
            {
                "id": receipt.id,
                "kind": "receipt",
                "name": receipt.action,
                "owner_name": _name(node, receipt.holder),
            }
        )
        edges.append({"from": asset.id, "to": receipt.id, "role": "answer", "weight": 10_000})
    return {"nodes": nodes, "edges": edges, "calls": len(node.store.find("receipt", "infer"))}


def log(node: Node) -> dict[str, Any]:
    """This party's log: size, root, what is anchored, the signed checkpoint."""
    with node.store.log() as store:
        size, root = store.size(), store.root()
    return {
        "origin": node.log_signer.key.name,
        "key": str(node.log_signer.key),
        "size": size,
        "root": "0x" + root.hex(),
        "anchored": logbook.anchored_size(node),
        "checkpoint": logbook.checkpoint(node),
    }
