"""People of one node, besides its owner: who they are, their passwords, and the codes that invite them.

What they do is signed with the node's keys, as all that this node does: strangers see the node. Who acted
inside it, only its `trail` says. Rows are kept in the database and, as few people have a log-in, in memory:
who asks whether somebody may still act waits for nobody who writes.
"""

from __future__ import annotations

import hmac
import threading
import unicodedata
from dataclasses import astuple, dataclass, replace
from hashlib import sha256
from secrets import token_bytes, token_hex
from typing import Any

from freehold.core import look_alikes
from freehold.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from freehold.core.texts import said
from freehold.kernel.host import Host
from freehold.kernel.web.powers import Person, Role
from freehold.vault import passphrases

MOST_PEOPLE = 100
MOST_NAME = 60
CODE_SECONDS = 72 * 3600
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
"""OWASP's figures for Argon2id; 25 ms on one core."""
_FORM = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$"
_NOBODY = f"{_FORM}{'A' * 22}${'A' * 43}"
"""Stands where there is no password to compare with, so that this takes as long."""
_RESERVED = ("owner", "the owner", "you", "nobody")


class WrongLogIn(NotAllowed, code="people.login"):
    """Name and password do not belong together; which of them is wrong is not said."""


class WrongCode(NotAllowed, code="people.code"):
    """The code is none, was used, or is too old, or it is another's."""


class NameTaken(Conflict, code="people.name"):
    """Somebody here has this name, or one that looks like it."""


@dataclass(frozen=True)
class Member:
    """Somebody who has a log-in, had one, or was invited."""

    id: str
    name: str
    role: Role
    password: str
    """Argon2id in PHC form; empty until one is chosen."""
    code: str
    """SHA-256 of the code that lets a password be chosen, once; empty without."""
    code_until: int
    created_at: int
    seen_at: int
    """When they last logged in; 0 for never."""
    removed: bool
    """Kept, so that nobody else takes the name in the trail."""
    version: int
    """Grows with each change; sessions of an earlier one are over."""

    @property
    def person(self) -> Person:
        """Who acts."""
        return Person(self.name, self.role, self.id)


class Members:
    """All of them; the only writer of their rows."""

    def __init__(self, host: Host) -> None:
        self._node = host.node
        self._lock = threading.RLock()
        rows = self._node.store.rows("SELECT * FROM members")
        self._all = {str(row[0]): _read(row) for row in rows}

    def everybody(self) -> list[Member]:
        """Who has a log-in or an invitation, by name."""
        there = (one for one in self._all.values() if not one.removed)
        return sorted(there, key=lambda one: look_alikes.spelled(one.name))

    def known(self) -> list[Person]:
        """Everybody who may stand in the trail, by name; also who was removed."""
        return sorted((one.person for one in self._all.values()), key=lambda one: one.name.casefold())

    @property
    def any(self) -> bool:
        """Whether anybody besides the owner has a log-in here."""
        return any(not one.removed for one in list(self._all.values()))

    def find(self, id_: str) -> Member | None:
        """Somebody as they are now; None once they were removed."""
        found = self._all.get(id_)
        return found if found and not found.removed else None

    def named(self, name: str) -> Member:
        """Somebody by name. Raises `NotFound`."""
        found = self.by_name(name)
        if found is None or found.removed:
            raise NotFound(
                said("nobody here has this name"), hint=said("See who does in the list of people.")
            )
        return found

    def add(self, name: str, role: Role) -> str:
        """Invite somebody; gives the code with which they choose a password, once and within 72 hours.

        Raises `InvalidInput`, `NameTaken`.
        """
        _require_inviting(role)
        with self._lock:
            name = self._fresh(name)
            known = self.by_name(name)
            if len(self.everybody()) >= MOST_PEOPLE:
                raise Conflict(said("{n} people have a log-in here, and no more can", n=MOST_PEOPLE))
            now = self._node.now()
            made = Member(known.id if known else token_hex(16), name, role, "", "", 0, now, 0, False, 0)
            return self._invite(replace(made, version=known.version if known else 0))

    def change(self, name: str, role: Role) -> None:
        """Another role, from the next request on. Raises `NotFound`, `InvalidInput`."""
        _require_inviting(role)
        with self._lock:
            self._keep(replace(self.named(name), role=role))

    def reset(self, name: str) -> str:
        """Forget somebody's password; gives a new code. Raises `NotFound`."""
        with self._lock:
            return self._invite(replace(self.named(name), password=""))

    def remove(self, name: str) -> None:
        """Take somebody's log-in away. Raises `NotFound`."""
        with self._lock:
            self._keep(replace(self.named(name), removed=True, password="", code=""))

    def log_in(self, name: str, password: str) -> Member:
        """Who has this name and password; takes as long where nobody has. Raises `WrongLogIn`."""
        found = self.by_name(name)
        usable = found is not None and not found.removed and found.password.startswith(_FORM)
        fits = _fits(password, found.password if found and usable else _NOBODY)
        if found is None or not usable or not fits:
            raise WrongLogIn(
                said("name and password do not fit"),
                hint=said("Try again. The owner of this node can give you a code for a new password."),
            )
        with self._lock:
            # unless they were removed meanwhile
            now = replace(self.named(found.name), seen_at=self._node.now())
            if now.version != found.version:
                raise WrongLogIn(said("name and password do not fit"), hint=said("Try again."))
            return self._write(now)

    def redeem(self, name: str, code: str, password: str) -> Member:
        """Choose a password with a code, which is used up. Raises `WrongCode`, `WeakPassphrase`."""
        with self._lock:
            found = self.by_name(name)
            good = found is not None and not found.removed and found.code_until > self._node.now()
            kept = found.code if found and good else ""
            if not hmac.compare_digest(_hash(code), kept or _hash(token_hex(16))) or found is None:
                raise WrongCode(
                    said("name and code do not fit, or the code was used or is too old"),
                    hint=said("The owner of this node can make a new one."),
                )
            passphrases.require_strong(password, found.name, self._node.settings.name)
            made = replace(found, password=_hashed(password), code="", code_until=0, seen_at=self._node.now())
            return self._keep(made)

    def _invite(self, one: Member) -> str:
        code = passphrases.suggest()
        self._keep(replace(one, code=_hash(code), code_until=self._node.now() + CODE_SECONDS))
        return code

    def _keep(self, one: Member) -> Member:
        """As `_write`; sessions that began before are over."""
        return self._write(replace(one, version=one.version + 1))

    def _write(self, one: Member) -> Member:
        values = astuple(one)
        with self._node.store.transaction() as tx:
            tx.connection.execute("DELETE FROM members WHERE id = ?", (one.id,))
            tx.connection.execute(f"INSERT INTO members VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
        self._all = {**self._all, one.id: one}
        return one

    def by_name(self, name: str) -> Member | None:
        """Somebody who has, or had, a log-in under this name."""
        wanted = look_alikes.spelled(name)
        return next((one for one in self._all.values() if look_alikes.spelled(one.name) == wanted), None)

    def _fresh(self, name: str) -> str:
        """A name that nobody is mistaken for, as it is kept; who was removed may come back under theirs."""
        name = " ".join(unicodedata.normalize("NFKC", name).split())
        if not name or len(name) > MOST_NAME or not name.isprintable() or not name[0].isalnum():
            raise InvalidInput(
                said("a name has 1 to {n} characters that can be seen", n=MOST_NAME),
                hint=said("Use the name that the others here know."),
            )
        if look_alikes.mixes_alphabets(name):
            raise InvalidInput(
                said("the name mixes letters of two alphabets that look alike"),
                hint=said("Write it in one alphabet."),
            )
        if any(look_alikes.alike(name, taken) for taken in (*_RESERVED, self._node.settings.name)):
            raise NameTaken(said("this name stands for the owner"), hint=said("Choose another."))
        for one in self._all.values():
            same = look_alikes.spelled(one.name) == look_alikes.spelled(name)
            if look_alikes.alike(one.name, name) and not (same and one.removed):
                raise NameTaken(
                    said("somebody here has this name or one that looks like it"),
                    hint=said("Add a second name or a letter that tells them apart."),
                )
        return name


def _read(row: Any) -> Member:
    id_, name, role, password, code, code_until, created_at, seen_at, removed, version = row
    return Member(
        id_, name, Role(role), password, code, code_until, created_at, seen_at, bool(removed), version
    )


def _require_inviting(role: Role) -> None:
    if role is Role.OWNER:
        raise InvalidInput(said("a node has one owner"), hint=said("Choose decider, finance or auditor."))


def _hash(code: str) -> str:
    # a code is random and long, so nothing slow is needed; how somebody groups its letters tells nothing
    return sha256("".join(filter(str.isalnum, code.lower())).encode()).hexdigest()


def _raw(password: str) -> bytes:
    # one password typed on two keyboards may differ in bytes only (RFC 8265 section 4.2.2)
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")


def _hashed(password: str) -> str:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    slow = Argon2id(
        salt=token_bytes(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return slow.derive_phc_encoded(_raw(password))


def _fits(password: str, kept: str) -> bool:
    from cryptography.exceptions import InvalidKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    try:
        Argon2id.verify_phc_encoded(_raw(password), kept)
    except InvalidKey:
        return False
    return True
