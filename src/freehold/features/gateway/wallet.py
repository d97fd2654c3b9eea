"""A buyer without a node: a wallet's key, the address of a seller, and a folder that remembers what was signed.

```
with freehold.Buyer(key="wallet.key", url="http://127.0.0.1:7403", rpc_url="http://127.0.0.1:8545") as buyer:
    answer = buyer.predict("Tumour model", [[1.0, 2.5, 3.0]])
```

It buys as a node does (`buying.Buyer`), with the same store behind it. It serves nobody and does nothing by itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, Self

from freehold import durable, plain_file
from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core import causes, origins
from freehold.core.canonical import canonical_bytes
from freehold.core.causes import PathUnusable
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound, VerificationFailed
from freehold.core.ids import Ambiguous, is_id_shaped, resolve, sha256_hex
from freehold.core.money import dollars, units
from freehold.core.signing import Envelope, parse_envelope
from freehold.core.terms import price_of
from freehold.features.data import schemas
from freehold.features.gateway import buying, keyed
from freehold.features.gateway.library import Row, plain_rows
from freehold.features.gateway.rules.answer import request_body
from freehold.features.gateway.rules.rows import ordered
from freehold.features.gateway.wire import DEPOSIT_CALLS, KEY_PATTERN, AskPrice, Prediction
from freehold.features.payments import closing
from freehold.features.payments.once import ONCE
from freehold.features.payments.wire import Channel, Closing
from freehold.kernel import ceiling, continuity, home_lock
from freehold.kernel.anchored_head import LogBehind
from freehold.kernel.ceiling import SpendingRefused
from freehold.kernel.client import Closed, Identified
from freehold.kernel.databases.errors import DatabaseDamaged, DatabaseMismatch
from freehold.kernel.evidence import proving
from freehold.kernel.home_lock import HomeInUse
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.peers import PeerChanged
from freehold.kernel.settings import Settings
from freehold.kernel.shape import Account, Count, Id, Rows, Shape, Units
from freehold.kernel.store import PEERS
from freehold.vault import account_key, home_folder
from freehold.vault.account_key import Passphrase

STATE = "~/.freehold-buyer"
"""Holds a folder for each account, where nothing else is said."""
MAX_LISTED_BYTES = 4 * 1024 * 1024
MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_SHOWN_BYTES = 64 * 1024 * 1024
"""Of documents that a seller shows, in memory; only those that are bought from are kept."""
MOST_LISTED = 1_000
LIST_SECONDS = 60.0
_ID = re.compile(r"0x[0-9a-f]{64}")
_CALLED = "called:"
_MARK = "buyer-state"
"""A file in a state, there before anything else is: no other folder is taken for one."""
_ARGUMENTS = "See help(freehold.Buyer)."
_HINTS: dict[type[FreeholdError], str] = {
    PeerChanged: "If that is right, give another state=: this one is for the seller that was there before.",
    continuity.OtherChain: "Give the rpc_url of the chain that this state was used on, or another state=.",
    LogBehind: "A node has this key: give the buyer one of its own.",
    DatabaseDamaged: "Put a copy of the state back, or give another state=: what was signed and not answered is then forgotten.",
    DatabaseMismatch: "That state is another wallet's: give another state=.",
}
"""Where a node's owner would be told a command."""
_STATE = home_folder.Called("state", "state=")
_NAME = "buyer"
"""As which sellers know it: an account says who pays."""

Pay = Literal["transfer", "channel"]


class OnSale(Shape):
    """A model that the seller answers for, as its owner signed it."""

    id: Id
    """The model."""
    name: str
    """As its owner calls it."""
    description: str
    """What its owner says of it."""
    columns: tuple[str, ...]
    """What a row holds, in this order."""
    label: str
    """What an answer is about."""
    owner: Account
    """Who sells it."""
    price_units: Units
    """Of a call, or of a row."""
    per: Literal["call", "row"]
    """What its price is for."""
    rows_per_call: Count
    """Most rows that one call may have."""


class Buyer:
    """Buys answers of one seller's models, with a wallet's key and no node.

    `key` is 64 hex digits, the path of a file that holds them, of a keystore (version 3, with its `passphrase`), or an
    eth_account LocalAccount. Use a key of its own, not that of a node. `url` is the seller's node, `rpc_url` a chain
    that you trust.

    A call may cost `max_per_call` dollars, and all calls together, deposits included, `max_total`; what was signed and
    can still be taken counts. `pay="transfer"` pays each call by itself and needs no coin for gas; `pay="channel"`
    sets money aside for `deposit_calls` calls first, for which the wallet needs some.

    `state` is a folder that remembers what was signed and bought, for one process at a time. Keep it: without it, a
    payment under way is not known, and `max_total` begins anew.

    Raises `InvalidKey`, `UnsafeHome`, `PathUnusable`: the folder is none of a buyer's and not empty; `HomeInUse`, `ChainUnreachable`, `ContractNotDeployed`, `PeerUnreachable`,
    `PeerChanged`: another party answers at `url` than before.
    """

    _is_closed = False

    def __init__(
        self,
        *,
        key: object,
        url: str,
        rpc_url: str,
        passphrase: Passphrase | None = None,
        max_per_call: str | float = "0.01",
        max_total: str | float = "1",
        pay: Pay = "transfer",
        deposit_calls: int = DEPOSIT_CALLS,
        without_lineage: bool = False,
        token: str = "",
        state: str | Path | None = None,
    ) -> None:
        for name, value in (("pay", pay), ("url", url), ("rpc_url", rpc_url), ("token", token)):
            if not isinstance(value, str):
                raise InvalidInput(f"{name} is text, not {type(value).__name__}", hint=_ARGUMENTS)
        if pay not in ("transfer", "channel"):
            raise InvalidInput(
                f"pay is transfer or channel, not {pay[:40]!r}",
                hint='pay="transfer" pays each call by itself; pay="channel" sets money aside first.',
            )
        _require_bounds(deposit_calls=deposit_calls)
        self._most_units, self._in_all_units = units(max_per_call), units(max_total)
        self._by_transfer, self._deposit_calls = pay == "transfer", deposit_calls
        self._without_lineage = without_lineage
        self._given: set[str] = set()
        self._shown: dict[str, Envelope] = {}
        self._shown_bytes = 0
        self.url = str(origins.parse(url))
        keys = account_key.wallet_keys(account_key.read(key, passphrase))
        self.account = keys.account
        folder = plain_file.named(f"{STATE}/{keys.account}" if state in (None, "") else state)
        settings = Settings(name=_NAME, rpc_url=rpc_url, peers=(self.url,), token=token)
        with _in_words_of_its_own(), ExitStack() as opened:
            _make(folder)
            opened.enter_context(_held(folder))
            chain = Chain(opened.enter_context(Rpc(rpc_url)))
            deployments.check(chain)
            node = Node(folder, keys, settings, chain)
            opened.callback(node.store.close)
            home_folder.tighten(folder)
            node.require_own_database(served=False)
            node.once.update(ONCE)
            continuity.require_same_chain(node)
            node.continuity.begin()
            node.continuity.require_going()
            node.ensure_party()
            self._opened_by, self._opened = (
                os.getpid(),
                Host(node, (lambda made: buying.Buyer(made.node, made.peers, made.countersigner),), ()),
            )
            opened.callback(self._host.peers.close)
            self.seller = self._meet()
            self._close = weakref.finalize(self, _closed, self._opened_by, opened.pop_all())

    @property
    def _host(self) -> Host:
        if self._is_closed:
            raise Closed("this buyer was closed", hint="Open another one: freehold.Buyer(...)")
        if os.getpid() != self._opened_by:
            raise InvalidInput(
                "this buyer was opened in another process, which it cannot be shared with",
                hint="Open a Buyer in the process that uses it, with a state= of its own. Nothing was paid.",
            )
        return self._opened

    @property
    def _node(self) -> Node:
        return self._host.node

    def _meet(self) -> str:
        known = dict(self._node.store.state(PEERS, {}))
        party = self._host.peers.meet(self.url, known.get(self.url, ""))
        with self._node.store.transaction() as tx:
            tx.set(PEERS, {**known, self.url: party.account})
        return party.account

    def models(self) -> Rows[OnSale]:
        """What the seller answers for, at the prices that it signed."""
        return Rows(
            OnSale(
                id=asset.id,
                name=asset.name,
                description=asset.description,
                columns=schemas.columns(asset),
                label=str(asset.schema_.get("label", "")),
                owner=asset.owner,
                price_units=asset.terms.price_units,
                per=asset.terms.per,
                rows_per_call=asset.terms.rows_per_call,
            )
            for asset in self._served()
        )

    def price(self, model: str | Identified, rows: int = 1) -> int:
        """What a call of so many rows costs, in units of the dollar token: what the model's owner signed."""
        _require_bounds(rows=rows)
        asset = self._model(model)
        buying.require_rows(asset, rows)
        return price_of(asset.terms, rows)

    def predict(self, model: str | Identified, rows: Iterable[Row], *, key: str | None = None) -> Prediction:
        """Buy answers for rows of numbers: sequences in the model's order, mappings by column name, or a frame.

        What a crash or a silent seller kept from you is given when the same rows are asked again, and is paid once:
        they are another purchase only once this buyer gave you the answer, or that had to make room.
        `key` is your name for a purchase: asking again with it, also after you had the answer, pays nothing. What you
        began without one and did not get is the purchase of the key that you ask it with next.
        A name is what the seller says it is now: rows that may be paid are not asked of another model by it (`Ambiguous`).

        The answer's receipt is checked: signed by the seller, for these rows, this answer and this payment. At most
        the price of the call is signed away for a purchase, whatever the seller does and however often you ask.

        Raises `SpendingRefused`, `NoLineage`, `VerificationFailed`, `OtherToken`, `NotEnoughDollars`: nothing was
        signed. `KeyReused`: the key is another question's. `AnswerPruned`. `PaymentRefused` and what else the seller
        refuses with. `WrongAnswer`: that is what was bought, and asking again says so again. `Unavailable`: ask again.
        """
        if key is not None and not (isinstance(key, str) and re.fullmatch(KEY_PATTERN, key)):
            raise InvalidInput("a key is 1 to 100 printable ASCII characters without spaces")
        asset = self._model(model)
        asked = plain_rows(rows)
        cost = price_of(asset.terms, len(asked))
        if cost > self._most_units:
            raise SpendingRefused(
                f"this call takes {dollars(cost)}; at most {dollars(self._most_units)} a call are allowed",
                hint="Nothing was paid. Ask fewer rows, or give a larger max_per_call.",
                limit="max_per_call",
                most_units=self._most_units,
                units=cost,
            )
        # whoever dies, this is one purchase until the caller surely had its answer
        unnamed = keyed.hidden(request_body(asset.id, ordered(asked, schemas.columns(asset)).cells))
        if unnamed in self._given or keyed.is_pruned(self._node, unnamed):
            self._forget(unnamed)
        with self._called(_named(model), asked, asset, unnamed) if key is None else nullcontext():
            answer = self._host.part(buying.Buyer).predict(
                asset.id,
                asked,
                key=key or unnamed,
                by_transfer=self._by_transfer,
                deposit_calls=self._deposit_calls,
                in_all_units=self._in_all_units,
                without_lineage=self._without_lineage,
            )
        bought = Prediction.model_validate(answer, strict=False)
        if key is None:
            self._given.add(unnamed)
        return bought

    def evidence(self, answer: str | Identified, directory: str | Path) -> Path:
        """Write the public files that prove an answer into a new directory, for `freehold.verify`.

        They are checked against your chain first. Raises `NotAnchored`: its seller has not anchored its log yet, and
        when that is due.
        """
        receipt = self._node.store.resolve(_named(answer), "receipt")
        target = plain_file.named(directory)
        files = proving.evidence(self._host, receipt)
        with causes.explained("write the evidence"):
            files.write(target)
        return target

    def spent_units(self) -> int:
        """What all calls took from the wallet, deposits and what can still be taken included."""
        ceiling.reconcile(self._node)
        return ceiling.in_all(self._node)

    def balance_units(self) -> int:
        """Dollars in the wallet."""
        return self._node.balance_units()

    def channels(self) -> Rows[Channel]:
        """Money set aside for calls."""
        return Rows(Channel(**one) for one in closing.overview(self._node))

    def close_channels(self) -> Rows[Closing]:
        """Ask to close every channel; a day later, again: what is left comes back."""
        standing = [one for one in self.channels() if one.status != "closed"]
        return Rows(Closing(**closing.close(self._host, one.channel)) for one in standing)

    def close(self) -> None:
        """Hand the seller the receipts that are signed, and let go of the state; channels stay open."""
        if os.getpid() != self._opened_by:
            return
        try:
            if self._close.alive:
                # where nothing can be written, what was told is told again to who asks it, and is paid once
                with contextlib.suppress(FreeholdError):
                    self._host.countersigner.flush()
                    for name in tuple(self._given):
                        self._forget(name)
        finally:
            self._is_closed = True
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise InvalidInput(
            "a Buyer cannot be pickled or copied: it holds a key, and its state is held by one process",
            hint="Open a Buyer in the process that uses it, with a state= of its own.",
        )

    def __repr__(self) -> str:
        return f"Buyer(account={self.account!r}, url={self.url!r})"

    @contextlib.contextmanager
    def _called(self, text: str, asked: list[Any], found: Asset, purchase: str) -> Iterator[None]:
        """Rows asked again by a name are the purchase that they were, or none: its seller says which model a name is.

        Raises Ambiguous: the name was another model's when something was signed for these rows, and no answer came.
        """
        if _ID.fullmatch(text):
            yield
            return
        store = self._node.store
        called = f"{_CALLED}{sha256_hex(canonical_bytes([text, asked]))}"
        before = store.state(called)
        if before and before["model"] != found.id and keyed.is_bound(self._node, before["purchase"]):
            raise Ambiguous(
                f"the seller calls another model {text[:80]!r} than when these rows were asked before, and they may be paid",
                hint=f"By its id {before['model']} that purchase goes on, by {found.id} another begins.",
            )
        with store.transaction() as tx:
            tx.set(called, {"model": found.id, "purchase": purchase})
        is_told = False
        try:
            yield
            is_told = True
        finally:
            if is_told or not keyed.is_bound(self._node, purchase):
                with store.transaction() as tx:
                    tx.delete(called)

    def _forget(self, name: str) -> None:
        """The caller has the answer and goes on: the same rows again are another purchase."""
        keyed.forget(self._node, name)
        self._given.discard(name)

    def _model(self, model: str | Identified) -> Asset:
        """A model by id, or one that is on sale by the beginning of its id or its name. Raises NotFound, Ambiguous."""
        text = _named(model)
        found = self._read(text) if _ID.fullmatch(text) else self._named(text)
        if not self._node.store.has(found.id):
            with self._node.store.transaction() as tx:
                tx.put(self._shown[found.id], logged=False)
        return found

    def _named(self, text: str) -> Asset:
        served = {asset.id: asset for asset in self._served()}
        if is_id_shaped(text):
            return served[resolve(text, served, "model")]
        called = [asset for asset in served.values() if asset.name == text]
        if len(called) > 1:
            hint = "Use the id: " + ", ".join(asset.id for asset in called)
            raise Ambiguous(f"{len(called)} models are called {text[:80]}", hint=hint)
        if not called:
            raise NotFound(f"the seller serves no model called {text[:80]!r}", hint="models() lists them.")
        return called[0]

    def _served(self) -> list[Asset]:
        """All that the seller lists. Raises VerificationFailed: it lists more than anybody sells, or takes too long."""
        ends = time.monotonic() + LIST_SECONDS
        answer = self._host.peers.get(self.url, "/v1/models", most_bytes=MAX_LISTED_BYTES)
        listed = answer.get("models") if isinstance(answer, dict) else None
        if not isinstance(listed, list) or len(listed) > MOST_LISTED:
            raise VerificationFailed("the seller lists no models", hint="Is that a Freehold node?")
        ids = dict.fromkeys(one.get("id") if isinstance(one, dict) else None for one in listed)
        found = []
        for one in ids:
            if isinstance(one, str) and _ID.fullmatch(one):
                found.append(self._read(one))
            if time.monotonic() > ends or self._shown_bytes > MAX_SHOWN_BYTES:
                raise VerificationFailed(
                    "the seller lists too much to read through", hint="Ask for a model by its whole id."
                )
        return found

    def _read(self, model_id: str) -> Asset:
        """A model as its owner, who is the seller, signed it. Raises VerificationFailed, InvalidSignature, NotFound."""
        node = self._node
        if node.store.has(model_id):
            asset = node.store.get(model_id).document
        else:
            asset = self._looked_at(model_id).document
        if not isinstance(asset, Asset) or asset.asset_kind != "model" or asset.owner != self.seller:
            raise VerificationFailed(f"{model_id[:10]} is not a model that the seller owns")
        return asset

    def _looked_at(self, model_id: str) -> Envelope:
        if model_id not in self._shown:
            envelope = parse_envelope(
                self._host.peers.get(self.url, f"/documents/{model_id}", most_bytes=MAX_DOCUMENT_BYTES)
            )
            if envelope.document.id != model_id:
                raise VerificationFailed(f"the seller shows another document than {model_id[:10]}")
            self._node.check(envelope)
            self._shown[model_id] = envelope
            self._shown_bytes += len(envelope.to_bytes())
        return self._shown[model_id]


def _closed(opened_by: int, opened: ExitStack) -> None:
    # a child has its parent's connections and locks open, and they are not its own to close
    if os.getpid() == opened_by:
        opened.close()


def _make(folder: Path) -> None:
    """The folder as a buyer's. Raises PathUnusable: something else is in it, and it is left as it was; UnsafeHome."""
    mark = folder / _MARK
    try:
        is_made = mark.is_file()
        names = [] if is_made or not folder.exists() else [one.name for one in folder.iterdir()]
    except OSError as error:
        raise causes.of(error, "use that state", "Choose another state=.") from error
    # one that is being made, or was when its process was killed
    if others := [name for name in names if not name.startswith(f".{_MARK}.")]:
        raise PathUnusable(
            f"{folder} is no buyer's state and holds {min(others)[:80]!r}",
            hint="Give an empty folder as state=, or one that a buyer made. Nothing in it was changed.",
        )
    home_folder.make(folder, _STATE)
    if not is_made:
        durable.write(
            mark, b"The state of a Freehold buyer: what its wallet signed and bought.\n", replace=True
        )


@contextlib.contextmanager
def _in_words_of_its_own() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # a folder that may only be read, or is another user's
        raise causes.of(error, "use that state", "Choose another state=.") from error
    except tuple(_HINTS) as error:
        error.hint = next(hint for kind, hint in _HINTS.items() if isinstance(error, kind))
        raise


def _named(thing: object) -> str:
    text = getattr(thing, "id", thing)
    if not isinstance(text, str) or text.encode(errors="ignore").decode() != text:
        raise InvalidInput(
            f"{type(thing).__name__} names nothing",
            hint="Give an id, the beginning of one, a name, or a value that you got.",
        )
    return text


def _require_bounds(**said: object) -> None:
    """Those of a node's `quote`."""
    try:
        AskPrice.of(model="", **said)
    except InvalidInput as error:
        error.hint = _ARGUMENTS
        raise


def _held(folder: Path) -> BinaryIO:
    try:
        return home_lock.lock(folder)
    except HomeInUse:
        hint = "Close it, or wait for its process; or choose another state= for another wallet."
        raise HomeInUse(f"another buyer has the state in {folder}", hint=hint) from None
