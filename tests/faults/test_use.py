"""A use of a kind that no feature has: what the kernel alone promises, under retry, race, failure and revocation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from node_world import World, require_sound
from toy_use import HOLDER, PAYEE, PRICE, changed, copy, granted, offered

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.canonical import parse
from freehold.core.documents import Asset, Grant, MoneyLine, Receipt
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.ids import sha256_hex
from freehold.core.signing import parse_envelope
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.rights.check import (
    GrantExpired,
    GrantRevoked,
    GrantUsedUp,
    SpendCapReached,
    require_receipt_fits,
)
from freehold.kernel.rights.standing import standing
from freehold.kernel.settings import Settings
from freehold.kernel.store import AlreadyAnswered, Transaction
from freehold.vault.keystore import Keys

RACERS = 6


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node without any feature."""
    with Rpc(world.rpc_url) as rpc:
        home = tmp_path_factory.mktemp("toy")
        node = Node(home, Keys.generate(), Settings(name="toy", rpc_url=world.rpc_url), Chain(rpc))
        node.ensure_party("http://127.0.0.1:1")
        yield node
        node.store.close()


@pytest.fixture(scope="module")
def text(node: Node) -> Asset:
    return offered(node)


def papers(node: Node) -> int:
    """What the toy charges beside money."""
    return int(node.store.state("paper", 0))


def ledger(node: Node) -> tuple[Any, ...]:
    with node.store.reading() as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("answers", "receipts")
        ]
        uses = connection.execute(
            "SELECT coalesce(sum(uses), 0), coalesce(sum(spent_units), 0) FROM uses"
        ).fetchone()
    return *counts, tuple(uses), papers(node), require_sound(node)


def outcome(act: Callable[[], bytes]) -> bytes | type[Exception]:
    try:
        return act()
    except FreeholdError as error:
        return type(error)


def at_once(*acts: Callable[[], bytes]) -> list[bytes | type[Exception]]:
    barrier = threading.Barrier(len(acts))

    def one(act: Callable[[], bytes]) -> bytes | type[Exception]:
        barrier.wait()
        return outcome(act)

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_a_use_leaves_one_receipt_that_fits_its_grant(node: Node, text: Asset) -> None:
    grant = granted(node, text)
    before = ledger(node)
    answer = copy(node, text, grant, 1, evidence={"page": 3}, reason="copy", epsilon_micro=5)
    value = parse(answer)
    assert value["text"] == "hello"
    envelope = parse_envelope(value["receipt"])
    node.check(envelope, partial=True)
    assert [signature.role for signature in envelope.signatures] == ["provider"]
    receipt = envelope.document
    assert isinstance(receipt, Receipt)
    assert (receipt.grant, receipt.provider, receipt.holder) == (grant.id, node.account, HOLDER)
    assert (receipt.action, receipt.inputs, receipt.output) == (
        "redistribute",
        (text.id,),
        sha256_hex(b"hello"),
    )
    assert receipt.money == (
        MoneyLine(account=HOLDER, delta_units=-PRICE, reason="copy"),
        MoneyLine(account=PAYEE, delta_units=PRICE, reason="copy"),
    )
    assert (receipt.evidence, receipt.sequence, receipt.epsilon_micro) == ({"page": 3}, 1, 5)
    assert node.store.uses(grant.id) == (1, PRICE)
    assert node.store.position(receipt.id) is not None
    answers, receipts, (uses, spent), paper, size = before
    assert ledger(node) == (answers + 1, receipts + 1, (uses + 1, spent + PRICE), paper + 1, size + 1)
    second = parse_envelope(parse(copy(node, text, grant, 2, epsilon_micro=5))["receipt"]).document
    assert isinstance(second, Receipt)
    assert (second.sequence, second.epsilon_micro) == (2, 0), "the grant's epsilon is said once"


def test_without_a_payee_the_price_reaches_who_issued_the_grant(node: Node, text: Asset) -> None:
    grant = granted(node, text)
    receipt = parse_envelope(parse(copy(node, text, grant, 1, payee=""))["receipt"]).document
    assert isinstance(receipt, Receipt)
    assert [line.account for line in receipt.money] == [HOLDER, node.account]
    require_receipt_fits(receipt, grant)


def test_a_use_that_costs_nothing_moves_nothing(node: Node) -> None:
    free = offered(node, price_units=0)
    grant = granted(node, free)
    receipt = parse_envelope(parse(copy(node, free, grant, 1))["receipt"]).document
    assert isinstance(receipt, Receipt)
    assert receipt.money == ()
    assert node.store.uses(grant.id) == (1, 0)


def test_asking_again_gives_the_same_bytes_whatever_became_of_the_grant(node: Node, text: Asset) -> None:
    grant = granted(node, text, uses=1)
    first = copy(node, text, grant, 1)
    with node.store.transaction() as tx:
        tx.put(node.claim("revocation", grant.id, {"index": grant.revocation_index}), public=True)
    before = ledger(node)

    def never() -> None:
        raise AssertionError("it was worked for again")

    assert copy(node, text, grant, 1, never) == first
    assert ledger(node) == before
    with pytest.raises(AlreadyAnswered):
        copy(node, text, grant, 1, never, request="another")
    with pytest.raises(GrantRevoked):
        copy(node, text, grant, 2, never)
    assert ledger(node) == before


@pytest.mark.parametrize("where", ["work", "charge", "signing"])
def test_what_fails_leaves_nothing_and_the_next_try_is_the_first(
    node: Node, text: Asset, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = granted(node, text)

    def fail(*_: Any) -> None:
        raise NotFound("out of paper")

    before = ledger(node)
    with monkeypatch.context() as cut:
        if where == "signing":
            cut.setattr(node, "seal", fail)
        if where == "charge":
            cut.setattr(Transaction, "next_number", fail)
        with pytest.raises(NotFound):
            copy(node, text, grant, 1, fail if where == "work" else lambda: None)
    assert ledger(node) == before
    assert node.store.uses(grant.id) == (0, 0)
    copy(node, text, grant, 1)
    assert node.store.uses(grant.id) == (1, PRICE)


def test_one_key_asked_for_by_many_at_once_is_worked_for_once(node: Node, text: Asset) -> None:
    grant, worked = granted(node, text, uses=1), []
    got = at_once(*[lambda: copy(node, text, grant, 1, lambda: worked.append(1))] * RACERS)
    assert len(set(got)) == 1
    assert isinstance(got[0], bytes)
    assert (worked, node.store.uses(grant.id)) == ([1], (1, PRICE))


def test_the_last_use_of_a_grant_is_had_by_one_of_many_keys(node: Node, text: Asset) -> None:
    grant = granted(node, text, uses=2)
    copy(node, text, grant, 0)
    got = at_once(*[lambda number=number: copy(node, text, grant, number) for number in range(1, RACERS + 1)])
    assert sum(isinstance(one, bytes) for one in got) == 1
    assert [one for one in got if not isinstance(one, bytes)] == [GrantUsedUp] * (RACERS - 1)
    assert node.store.uses(grant.id) == (2, 2 * PRICE)


@pytest.mark.parametrize("left", ["uses", "money", "key"])
def test_where_nothing_else_keeps_two_apart_the_transaction_does(
    node: Node, text: Asset, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have found the grant to stand before any of them keeps a use."""
    cap = {"spend_cap_units": PRICE} if left == "money" else {}
    grant = granted(node, text, uses=1 if left == "uses" else 100, **cap)
    meeting, before = threading.Barrier(RACERS), ledger(node)
    monkeypatch.setattr(node, "exclusive", lambda _: contextlib.nullcontext())

    def ask(number: int) -> bytes:
        return copy(node, text, grant, 1 if left == "key" else number, lambda: meeting.wait(20) and None)

    got = at_once(*[lambda number=number: ask(number) for number in range(RACERS)])
    refusal = {"uses": GrantUsedUp, "money": SpendCapReached, "key": AlreadyAnswered}[left]
    assert [one for one in got if not isinstance(one, bytes)] == [refusal] * (RACERS - 1)
    answers, receipts, (uses, spent), paper, size = before
    assert ledger(node) == (answers + 1, receipts + 1, (uses + 1, spent + PRICE), paper + 1, size + 1)


def test_a_grant_that_is_taken_back_during_the_work_gives_nothing(node: Node, text: Asset) -> None:
    """In the log its revocation stands first: a receipt behind it would prove a use that was not allowed."""
    grant = granted(node, text)

    def take_back() -> None:
        with node.store.transaction() as tx:
            tx.put(node.claim("revocation", grant.id, {"index": grant.revocation_index}), public=True)

    with pytest.raises(GrantRevoked):
        copy(node, text, grant, 1, take_back)
    assert node.store.uses(grant.id) == (0, 0)
    assert not node.store.find("receipt", about=grant.id)


def test_work_that_outlasts_its_grant_is_receipted_when_the_grant_stood(node: Node, text: Asset) -> None:
    late = node.now() + 100
    grant, found = granted(node, text, terms=changed(text.terms, expires_at=late)), []

    def in_time() -> Any:
        found.append(replace(standing(node, grant), now=late - 1))
        return found[0]

    receipt = parse_envelope(parse(copy(node, text, grant, 1, standing=in_time))["receipt"]).document
    assert isinstance(receipt, Receipt)
    assert receipt.issued_at == late - 1
    require_receipt_fits(receipt, grant)
    with pytest.raises(GrantExpired):
        copy(node, text, grant, 2, standing=lambda: replace(standing(node, grant), now=late))


def test_a_grant_enters_the_log_with_its_first_use(node: Node, text: Asset) -> None:
    grant = granted(node, text)
    with node.store.transaction() as tx:
        unused = changed(grant, nonce="0x" + "77" * 32)
        tx.put(node.seal(unused), logged=False)
        pending.add(tx, pending.GRANTS, unused.id, HOLDER, 500)
    size = require_sound(node)
    copy(node, text, unused, 1)
    assert require_sound(node) == size + 2
    with node.store.reading() as connection:
        assert not pending.has(connection, pending.GRANTS.kind, unused.id)
        assert pending.is_partner(connection, HOLDER)


def test_a_grant_that_was_forgotten_before_its_first_use_gives_nothing(node: Node, text: Asset) -> None:
    lost = changed(granted(node, text), nonce="0x" + "78" * 32)
    before = ledger(node)
    with pytest.raises(NotFound):
        copy(node, text, lost, 1)
    assert ledger(node) == before


def test_a_grant_may_be_made_for_its_only_use(node: Node, text: Asset) -> None:
    base = granted(node, text, uses=1, holder="0x" + "0e" * 20)
    made: list[Grant] = []

    def make(index: int, at: int) -> Grant:
        made.append(changed(base, revocation_index=index, issued_at=at, nonce="0x" + "79" * 32))
        return made[-1]

    def ask() -> bytes:
        return copy(
            node,
            text,
            base,
            9,
            made=make,
            standing=lambda: replace(standing(node, base), now=base.issued_at + 5),
        )

    got = at_once(*[ask] * RACERS)
    assert len(set(got)) == 1
    assert isinstance(got[0], bytes)
    receipt = parse_envelope(parse(got[0])["receipt"]).document
    assert isinstance(receipt, Receipt)
    kept = node.grant(receipt.grant)
    assert kept.revocation_index == base.revocation_index + 1, "an index of its own"
    assert kept.issued_at == receipt.issued_at == base.issued_at + 5
    assert node.store.position(kept.id) == node.store.position(receipt.id) - 1
    assert node.store.uses(kept.id) == (1, PRICE)
    with node.store.reading() as connection:
        assert pending.is_partner(connection, kept.holder)


def test_the_kernel_knows_no_kind_of_use() -> None:
    """Nor has the toy needed anything but the kernel and its own few lines."""
    here = Path(__file__).resolve().parents[1] / "support" / "toy_use.py"
    assert "freehold.features" not in here.read_text()
    assert "freehold.shell" not in here.read_text()
