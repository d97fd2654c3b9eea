"""What every feature of a node needs: identity, signatures, store, log, chain and vault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from freehold.chain import deployments
from freehold.chain.client import Chain, ContractRef
from freehold.chain.errors import ChainUnreachable, ContractReverted, RpcError
from freehold.core.connection import Connection
from freehold.core.documents import Asset, Claim, Document, Grant, Party, Receipt, require_parsable
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidSignature, Unavailable
from freehold.core.signing import TEST_DOLLAR_DOMAIN, Domain, Envelope, check, public_account, seal
from freehold.kernel import pending
from freehold.kernel.account import ONCE, Once
from freehold.kernel.continuity import NONCE, Continuity
from freehold.kernel.databases import opening
from freehold.kernel.databases.errors import DatabaseMismatch, foreign
from freehold.kernel.keeping import purse
from freehold.kernel.settings import Settings
from freehold.kernel.store import OWN_PARTY, Store, Transaction
from freehold.kernel.words import claim_kinds
from freehold.log.note import Signer
from freehold.vault.blobs import Blobs
from freehold.vault.keystore import Keys
from freehold.vault.vault import Vault

LOCAL_CHAIN_ID = 31337
LOCAL_GAS_WEI = 10**18
LOCAL_DOLLARS_UNITS = 1_000 * 10**6
"""What a new account on the local development chain starts with."""

_ERC1271 = [
    {
        "type": "function",
        "name": "isValidSignature",
        "stateMutability": "view",
        "inputs": [{"name": "hash", "type": "bytes32"}, {"name": "signature", "type": "bytes"}],
        "outputs": [{"name": "", "type": "bytes4"}],
    }
]
_GAS = "gas:"
_SIGNER_GAS = 1_000_000
"""What a contract may take to judge a signature: a passkey takes 264,000."""
_ERC1271_MAGIC = bytes.fromhex("1626ba7e")

D = TypeVar("D", bound=Document)


class NoDollarToken(FreeholdError, code="token.missing"):
    """This chain has no test dollar and no token is configured."""


class Node:
    """One party's running node; features take it as their first argument."""

    def __init__(
        self, home: Path, keys: Keys, settings: Settings, chain: Chain, clock: Callable[[], float] = time.time
    ) -> None:
        self.home, self.keys, self.settings, self.chain, self._clock = home, keys, settings, chain, clock
        self.account = keys.account
        self.store = Store(opening.for_writing(home, settings.database))
        self.continuity = Continuity(self.store, chain, self.account)
        self.store.before_append = self.continuity.require_going
        chain.rpc.before_asking = self.store.may_wait
        self.chain_id = chain.chain_id
        self.domain = Domain("Freehold", self.chain_id, self.contract("Revocations"))
        self.log_signer = Signer.from_seed(f"freehold/{self.account}", keys.log_seed)
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._locking = threading.Lock()
        self._blobs = Blobs(settings.blobs or str(home / "blobs"))
        self.once: dict[str, Once] = dict(ONCE)
        """Acts that may be done already, by "Contract.function"; each feature adds what it sends."""
        self.lost: dict[str, float] = {}
        """Content ids of encrypted data that could not be opened when it was wanted; monotonic seconds."""

    def now(self) -> int:
        """Unix seconds by this machine's clock."""
        return int(self._clock())

    def contract(self, name: str) -> str:
        """Address of one of Freehold's contracts, lower case."""
        return deployments.address(name).lower()

    def exclusive(self, name: str) -> threading.Lock:
        """The lock of one grant, channel or payment: check, use and count happen one after the other.

        It lasts as long as somebody has it in hand, so names that others choose fill no memory.
        """
        with self._locking:
            return self._locks.setdefault(name, threading.Lock())

    def vault(self, connection: Connection) -> Vault:
        """The vault inside a store transaction or reading."""
        return Vault(self._blobs, connection, self.keys)

    def blobs_present(self) -> set[str] | None:
        """Names of the encrypted data in the folder; None where a remote store holds it."""
        return self._blobs.present()

    @property
    def token(self) -> str:
        """Address of the dollar token. Raises `NoDollarToken`: none is configured and this is not the local chain."""
        if self.settings.token:
            return self.settings.token.lower()
        if self.chain_id != LOCAL_CHAIN_ID:
            raise NoDollarToken("no dollar token is configured", hint='Set token = "0x..." in config.toml.')
        return self.contract("TestDollar")

    @property
    def token_domain(self) -> Domain:
        """The EIP-712 domain of the dollar token."""
        name, version = (TEST_DOLLAR_DOMAIN, "1") if not self.settings.token else ("USD Coin", "2")
        return Domain(name, self.chain_id, self.token, version)

    def require_own_database(self, *, served: bool) -> None:
        """That the database holds this party's log, or nobody's if this node never `served` before.

        A second log under the same keys would contradict what the first has promised to others.
        Raises `DatabaseMismatch`.
        """
        known = self.store.state(OWN_PARTY)
        if known is None and served:
            raise DatabaseMismatch(
                "this home has run before, but its database is empty",
                hint="Name the database it had; to move a node, back it up and restore it with --database.",
            )
        if known is not None and self.store.get(known).document.body.get("account") != self.account:
            raise foreign()

    # identity

    def ensure_party(self, *endpoints: str) -> Envelope:
        """This node's party document; a new one when name, endpoints or keys changed."""
        current = self.store.state(OWN_PARTY)
        party = Party(
            name=self.settings.name,
            party_kind="organisation",
            account=self.account,
            account_key="0x" + self.keys.account_public.hex(),
            chain_id=self.chain_id,
            log_key=str(self.log_signer.key),
            encryption_key="0x" + self.keys.encryption_public.hex(),
            endpoints=endpoints,
            created_at=self.now(),
        )
        if current:
            known = self.store.get(current)
            if known.document.body | {"created_at": 0} == party.body | {"created_at": 0}:
                return known
        envelope = self.seal(party)
        with self.store.transaction() as tx:
            tx.put(envelope, public=True)
            tx.set(OWN_PARTY, envelope.document.id)
            tx.introduce(party)
        return envelope

    @property
    def party(self) -> Envelope:
        """This node's current party document."""
        return self.store.get(self.store.state(OWN_PARTY))

    def party_document(self) -> Party:
        """This node's current party document, without its signature."""
        return self.typed(self.store.state(OWN_PARTY), Party)

    def check_party(self, envelope: Envelope) -> Party:
        """Check another party's self-signed document without keeping it.

        Raises `InvalidDocument`, `InvalidSignature`.
        """
        party = envelope.document
        if not isinstance(party, Party):
            raise InvalidDocument("a party document was expected")
        if public_account(bytes.fromhex(party.account_key[2:])) != party.account:
            raise InvalidSignature("a party's key does not belong to its account")
        # by that key and no contract: whoever introduces itself has nothing called on the chain
        check(envelope, self.domain)
        if party.chain_id != self.chain_id:
            raise InvalidDocument(
                f"{party.name} is on chain {party.chain_id}, this node on {self.chain_id}",
                hint="Use one chain.",
            )
        return party

    def accept_party(self, envelope: Envelope) -> Party:
        """Check and remember another party's self-signed document. Raises `InvalidDocument`, `InvalidSignature`."""
        party = self.check_party(envelope)
        with self.store.transaction() as tx:
            known = self.store.party(party.account)
            if known is not None and self.typed(known[0], Party).created_at >= party.created_at:
                return party
            tx.put(envelope, logged=False)
            tx.introduce(party)
            if known is not None:
                tx.forget(known[0])
            if not pending.is_partner(tx.connection, party.account):
                size = len(envelope.to_bytes())
                pending.add(tx, pending.PARTIES, party.account, party.account, size)
                while oldest := pending.surplus(tx.connection, pending.PARTIES, party.account):
                    self._forget_party(tx, oldest)
        return party

    def _forget_party(self, tx: Transaction, account: str) -> None:
        pending.remove(tx, pending.PARTIES.kind, account)
        known = self.store.party(account)
        if known is not None:
            tx.forget(known[0])
            tx.connection.execute("DELETE FROM parties WHERE account = ?", (account,))

    def befriend(self, account: str) -> None:
        """This party deals with another: strangers do not crowd it out."""
        with self.store.reading() as connection:
            known = pending.is_partner(connection, account)
        if not known:
            with self.store.transaction() as tx:
                pending.befriend(tx, account)

    def party_of(self, account: str) -> Party:
        """The known party of an account. Raises `Unavailable`: nobody introduced it."""
        known = self.store.party(account)
        if known is None:
            raise Unavailable(
                f"nothing is known about {account}",
                hint="Add its node: freehold peers add URL",
                account=account,
            )
        return self.typed(known[0], Party)

    def contract_accepts(self, account: str, digest: bytes, signature: bytes) -> bool:
        """Whether a contract account accepts a signature (ERC-1271)."""
        self.store.may_wait()
        if not self.chain.code(account):
            return False
        try:
            answer = self.chain.read(
                (account, _ERC1271), "isValidSignature", digest, signature, most_gas=_SIGNER_GAS
            )
        except (ContractReverted, ChainUnreachable, RpcError):
            return False
        return bytes(answer) == _ERC1271_MAGIC

    # documents

    def typed(self, document_id: str, kind: type[D]) -> D:
        """A stored document of a given type. Raises `NotFound`, `InvalidDocument`."""
        document = self.store.get(document_id).document
        if not isinstance(document, kind):
            raise InvalidDocument(
                f"{document_id[:10]} is a {document.body['type']}, not a {kind.__name__.lower()}"
            )
        return document

    def asset(self, asset_id: str) -> Asset:
        """A stored asset."""
        return self.typed(asset_id, Asset)

    def grant(self, grant_id: str) -> Grant:
        """A stored grant."""
        return self.typed(grant_id, Grant)

    def receipt(self, receipt_id: str) -> Receipt:
        """A stored receipt."""
        return self.typed(receipt_id, Receipt)

    def seal(self, document: Document, role: str | None = None) -> Envelope:
        """A document signed by this node in one role.

        Raises `LogBehind`, `LogForked`: this home must sign no more. `InvalidDocument`: nobody could read it.
        """
        self.continuity.require()
        require_parsable(document)
        return seal(document, self.keys.account_key, self.domain, role)

    def check(self, envelope: Envelope, *, partial: bool = False) -> None:
        """Signatures of a document from elsewhere. Raises `InvalidSignature`."""
        check(envelope, self.domain, contract=self.contract_accepts, partial=partial)

    def claim(self, kind: str, subject: str, statement: dict[str, object]) -> Envelope:
        """A signed claim of a kind that a feature says, not stored yet."""
        assert kind in claim_kinds(), kind
        document = Claim(
            issuer=self.account, claim_kind=kind, about=subject, statement=statement, issued_at=self.now()
        )
        return self.seal(document)

    # chain

    def send(self, contract: str, function: str, *args: object) -> int:
        """Send what the owner ordered and wait; returns the gas used. What is done already is done (`once`).

        What the node sends by itself goes through `keeping.keeper` instead.
        Raises `LogBehind`, `LogForked`: this home must not, unless it brings money home.
        """
        self.continuity.require_sending(contract, function)
        act = f"{contract}.{function}"
        try:
            gas = self.chain.send(self.keys.account_key, contract, function, *args).gas_used
        except ContractReverted as error:
            if error.gas_used:
                purse.count_by_hand(self, error.gas_used)
            if not self.is_done(act, args, error):
                raise
            return error.gas_used
        self.note_sent(act, gas)
        purse.count_by_hand(self, gas)
        return gas

    def is_done(self, act: str, args: tuple[Any, ...], error: ContractReverted) -> bool:
        """Whether `error` says no more than that the act "Contract.function" is done already."""
        once = self.once.get(act)
        return once is not None and once.covers(self, args, error)

    def note_sent(self, act: str, gas: int) -> None:
        """Keep what an act cost, and how many transactions this account has sent."""
        sent = self.continuity.sent()
        with self.store.transaction() as tx:
            tx.set(f"{_GAS}{act}", gas)
            tx.set(NONCE, sent)

    def gas_used(self) -> dict[str, int]:
        """What each act "Contract.function" took the last time."""
        return {name.removeprefix(_GAS): gas for name, gas in self.store.states(_GAS).items()}

    def usual_gas(self, act: str, otherwise: int) -> int:
        """About what an act takes."""
        return int(self.store.state(f"{_GAS}{act}", otherwise))

    def prepare_local_account(self) -> None:
        """On the local development chain, give a new account gas and test dollars."""
        if self.chain_id != LOCAL_CHAIN_ID or self.store.state("funded"):
            return
        if self.chain.balance(self.account) < LOCAL_GAS_WEI:
            self.chain.fund(self.account, LOCAL_GAS_WEI)
        if not self.settings.token:
            self.send("TestDollar", "mint", self.account, LOCAL_DOLLARS_UNITS)
        with self.store.transaction() as tx:
            tx.set("funded", value=True)

    def balance_units(self) -> int:
        """Dollars in the wallet."""
        return int(self.chain.read(self.dollar, "balanceOf", self.account))

    @property
    def dollar(self) -> ContractRef:
        """The dollar token as the chain client names a contract."""
        return (self.token, deployments.artifact("TestDollar").abi)
