"""The accounts and storage a block works on: plain dictionaries over the tries, with one list of undo steps.

It stands where py-evm's `AccountDB` would, which keeps every value RLP-encoded under five layers of
journals and caches, and writes each changed key into its trie alone. Here a checkpoint is a length of
the undo list, and the tries are written once, when the block is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from eth.abc import AccountDatabaseAPI
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from freehold.chain.embedded import tries
from freehold.chain.embedded.budget import checked
from freehold.chain.trie import EMPTY_ROOT, joined, number

if TYPE_CHECKING:
    from eth_typing import Address, Hash32

    from freehold.chain.embedded.store import Nodes

_NO_CODE = bytes(keccak(b""))
_ABSENT: Any = object()


class _Account(NamedTuple):
    nonce: int = 0
    balance: int = 0
    storage_root: bytes = EMPTY_ROOT
    code_hash: bytes = _NO_CODE


_BLANK = _Account()


class _Storage:
    """Slots of one account, over the trie it had when first looked at."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.read: dict[int, int] = {}
        self.written: dict[int, int] = {}
        self.settled: dict[int, int] = {}
        """What slots written by this transaction held before it (EIP-2200)."""


class Accounts(AccountDatabaseAPI):
    """State over one root. Every change can be undone until `lock_changes` says that a transaction begins."""

    def __init__(self, db: Nodes, state_root: Hash32) -> None:
        self._nodes = db
        self._root = bytes(state_root)
        self._read: dict[bytes, _Account | None] = {}
        self._written: dict[bytes, _Account | None] = {}
        self._storages: dict[bytes, _Storage] = {}
        self._code: dict[bytes, bytes] = {}
        self._warm: dict[bytes | tuple[bytes, int], bool] = {}
        self.transient: dict[tuple[bytes, int], bytes] = {}
        """Slots that last as long as the transaction (EIP-1153)."""
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        """Dictionary, key, and what stood there."""

    @property
    def state_root(self) -> Hash32:
        """Root of the tries as last written; changes since then are not in it."""
        return self._root  # type: ignore[return-value]  # a NewType of bytes

    @state_root.setter
    def state_root(self, value: Hash32) -> None:
        if value != self._root:
            raise ValueError("a state stands over one root")

    def has_root(self, state_root: bytes) -> bool:
        """Whether the tries of a root are here."""
        return state_root == EMPTY_ROOT or state_root in self._nodes

    # -- storage

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """The value of a slot, or, not `from_journal`, what it was before this transaction."""
        storage = self._storage(address)
        if not from_journal and slot in storage.settled:
            return storage.settled[slot]
        found = storage.written.get(slot)
        if found is None:
            found = storage.read.get(slot)
        if found is None:
            encoded = tries.read(self._nodes, storage.root, tries.path_of(slot.to_bytes(32, "big")))
            found = storage.read[slot] = int.from_bytes(tries.text(encoded), "big") if encoded else 0
        return found

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Write a slot."""
        _check(value, 256)
        storage = self._storage(address)
        storage.settled.setdefault(slot, self.get_storage(address, slot))
        self._change(storage.written, slot, value)

    def delete_storage(self, address: Address) -> None:
        """Empty every slot; an account comes into being by it, as in py-evm."""
        self._set(address, self._account(address)._replace(storage_root=EMPTY_ROOT))
        self._change(self._storages, address, _Storage(EMPTY_ROOT))

    def set_transient(self, address: bytes, slot: int, value: bytes) -> None:
        """Write a transient slot."""
        self._change(self.transient, (address, slot), value)

    def storage_root(self, address: bytes) -> bytes:
        """Root of an account's storage trie as last written."""
        return self._account(address).storage_root

    # -- accounts

    def get_balance(self, address: Address) -> int:
        """Wei."""
        return self._account(address).balance

    def set_balance(self, address: Address, balance: int) -> None:
        """Wei, below 2^256."""
        _check(balance, 256)
        self._set(address, self._account(address)._replace(balance=balance))

    def get_nonce(self, address: Address) -> int:
        """How many transactions it sent, or contracts it made."""
        return self._account(address).nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Below 2^64 (EIP-2681)."""
        _check(nonce, 64)
        self._set(address, self._account(address)._replace(nonce=nonce))

    def increment_nonce(self, address: Address) -> None:
        """One more."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code(self, address: Address) -> bytes:
        """Code, empty when there is none."""
        digest = self._account(address).code_hash
        if digest == _NO_CODE:
            return b""
        found = self._code.get(digest)
        return self._nodes[digest] if found is None else found

    def set_code(self, address: Address, code: bytes) -> None:
        """Put code at an address."""
        digest = bytes(keccak(code))
        self._change(self._code, digest, bytes(code))
        self._set(address, self._account(address)._replace(code_hash=digest))

    def get_code_hash(self, address: Address) -> Hash32:
        """Keccak of the code."""
        return self._account(address).code_hash  # type: ignore[return-value]  # a NewType of bytes

    def delete_code(self, address: Address) -> None:
        """Take the code away (EIP-7702)."""
        self._set(address, self._account(address)._replace(code_hash=_NO_CODE))

    def account_has_code_or_nonce(self, address: Address) -> bool:
        """Whether a contract may not be made here (EIP-684)."""
        account = self._account(address)
        return account.nonce != 0 or account.code_hash != _NO_CODE

    def has_storage(self, address: Address) -> bool:
        """Whether a slot holds anything, or did when the block began."""
        storage = self._storage(address)
        return storage.root != EMPTY_ROOT or any(storage.written.values())

    def account_exists(self, address: Address) -> bool:
        """Whether it is in the trie, be it empty."""
        return self._found(address) is not None

    def account_is_empty(self, address: Address) -> bool:
        """Neither code nor nonce nor ether (EIP-161); true of what is not there."""
        return self._account(address)._replace(storage_root=EMPTY_ROOT) == _BLANK

    def touch_account(self, address: Address) -> None:
        """Have it in the trie."""
        self._set(address, self._account(address))

    def delete_account(self, address: Address) -> None:
        """Take it out of the trie, and its storage with it."""
        self._change(self._storages, address, _Storage(EMPTY_ROOT))
        self._change(self._written, address, None)

    # -- what this transaction has looked at (EIP-2929)

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Whether a slot was looked at."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Note that it was."""
        self._change(self._warm, (address, slot), True)

    def is_address_warm(self, address: Address) -> bool:
        """Whether an account was looked at."""
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        """Note that it was."""
        self._change(self._warm, address, True)

    # -- undoing and keeping

    def record(self) -> Any:
        """A checkpoint to go back to."""
        return len(self._undo)

    def discard(self, checkpoint: Any) -> None:
        """Go back to a checkpoint."""
        while len(self._undo) > checkpoint:
            changed, key, before = self._undo.pop()
            if before is _ABSENT:
                changed.pop(key, None)
            else:
                changed[key] = before

    def commit(self, checkpoint: Any) -> None:
        """Nothing: what a checkpoint covered is undone with the one around it."""

    def lock_changes(self) -> None:
        """A transaction begins: what earlier ones did is settled, and nothing is warm."""
        for storage in self._storages.values():
            storage.settled.clear()
        self._warm, self.transient = {}, {}
        self._undo.clear()

    def make_state_root(self) -> Hash32:
        """Write all changes to the tries; the root."""
        for address, storage in checked(self._storages.items()):
            changes = {
                tries.path_of(slot.to_bytes(32, "big")): number(value) if value else b""
                for slot, value in checked(storage.written.items())
            }
            root = tries.write(self._nodes, storage.root, changes)
            if root != self.storage_root(address):
                self._set(address, self._account(address)._replace(storage_root=root))
        for digest, code in self._code.items():
            self._nodes[digest] = code
        accounts = {
            tries.path_of(address): b"" if account is None else _encoded(account)
            for address, account in checked(self._written.items())
        }
        self._root = tries.write(self._nodes, self._root, accounts)
        self._read |= self._written
        self._written, self._storages, self._code = {}, {}, {}
        self.lock_changes()
        return self.state_root

    def persist(self) -> Any:
        """The same: the store keeps new nodes until the block's commit."""
        self.make_state_root()

    # -- inside

    def _change(self, changed: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((changed, key, changed.get(key, _ABSENT)))
        changed[key] = value

    def _set(self, address: bytes, account: _Account) -> None:
        self._change(self._written, address, account)

    def _account(self, address: bytes) -> _Account:
        found = self._found(address)
        return _BLANK if found is None else found

    def _found(self, address: bytes) -> _Account | None:
        found = self._written.get(address, _ABSENT)
        if found is _ABSENT:
            found = self._read.get(address, _ABSENT)
        if found is _ABSENT:
            encoded = tries.read(self._nodes, self._root, tries.path_of(address))
            found = self._read[address] = _decoded(encoded) if encoded else None
        return found  # type: ignore[no-any-return]  # the sentinel is gone here

    def _storage(self, address: bytes) -> _Storage:
        found = self._storages.get(address)
        if found is None:
            found = self._storages[address] = _Storage(self._account(address).storage_root)
        return found


def _check(value: int, bits: int) -> None:
    if not 0 <= value < 1 << bits:
        raise ValidationError(f"expected a number below 2^{bits}")


def _encoded(account: _Account) -> bytes:
    """RLP of nonce, balance, storage root, code hash (Yellow Paper, section 4.1)."""
    numbers = number(account.nonce) + number(account.balance)
    return joined(numbers + b"\xa0" + account.storage_root + b"\xa0" + account.code_hash)


def _decoded(encoded: bytes) -> _Account:
    nonce, balance, root, code_hash = map(tries.text, tries.split(encoded))
    return _Account(int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), root, code_hash)
