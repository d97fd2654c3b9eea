"""The recipes of docs/how-to/pay-by-http.md against a seller that lies or leads on, a full disk, and each other."""

import base64
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from pay_recipes import RECIPES, command

from freehold.chain import deployments
from freehold.core.canonical import canonical_bytes
from freehold.core.ids import sha256_hex
from freehold.core.signing import (
    DOCUMENT_TYPE,
    RECEIVE_TYPE,
    TEST_DOLLAR_DOMAIN,
    Domain,
    digest,
    recover,
    sign_digest,
)
from freehold.features.payments.rules.payment import Transfer

KEY, SELLER = "0x" + "5a" * 32, "0x" + "7b" * 32
THIEF = "0x" + "66" * 20
PRICE, WALLET = 1_000, 900_000_000
POOL, MODEL, OTHER = "0x" + "cd" * 32, "0x" + "ab" * 32, "0x" + "ef" * 32
TOKEN = Domain(TEST_DOLLAR_DOMAIN, 31337, deployments.address("TestDollar"))
FULL_DISK = ("bash", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "-")
USD_COIN = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"


def honest() -> dict[str, Any]:
    """A quote as a gateway gives it, as far as recipes read it."""
    domain = {
        "name": TOKEN.name,
        "version": TOKEN.version,
        "chainId": TOKEN.chain_id,
        "verifyingContract": TOKEN.contract,
    }
    how = {
        "kind": "transfer",
        "to": deployments.address("Revenue"),
        "value_units": PRICE,
        "sign": {"domain": domain, "type": RECEIVE_TYPE},
    }
    return {
        "model": MODEL,
        "call_units": PRICE,
        "token": TOKEN.contract,
        "chain_id": TOKEN.chain_id,
        "pool": POOL,
        "how": [{"kind": "voucher", "sign": {"domain": domain, "type": "Voucher()"}}, how],
    }


def signed(body: bytes, **said: Any) -> dict[str, Any]:
    """An answer to a question with the receipt that a seller signs for it, whatever it says."""
    rows = len(json.loads(body)["rows"])
    answer = {"model": MODEL, "outputs": [{"label": 1, "probability_ppm": 900_000}] * rows, **said}
    document = {
        "evidence": {"request": sha256_hex(body)},
        "grant": "0x" + "01" * 32,
        "holder": Account.from_key(KEY).address.lower(),
        "output": sha256_hex(canonical_bytes(answer)),
        "provider": Account.from_key(SELLER).address.lower(),
    }
    domain = Domain("Freehold", 31337, deployments.address("Revocations"))
    identity = sha256_hex(canonical_bytes(document))
    digested = digest(domain, DOCUMENT_TYPE, "receipt", "provider", document["grant"], identity)
    signature = "0x" + sign_digest(bytes.fromhex(SELLER[2:]), digested).hex()
    envelope = {"document": document, "signatures": [{"role": "provider", "signature": signature}]}
    return {**answer, "receipt": envelope}


class Seller(ThreadingHTTPServer):
    """Says one quote to whoever does not pay, and takes every payment with a 503, or as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Gateway)
        self.quote = honest()
        self.models = [{"id": MODEL, "name": "m"}]
        self.leads_to = ""
        self.answer: Callable[[bytes], dict[str, Any]] | None = None
        self.taken: list[tuple[bytes, Transfer]] = []
        self.together: threading.Barrier | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def payments(self) -> dict[bytes, set[str]]:
        """Salts of all payments, by question."""
        found: dict[bytes, set[str]] = {}
        for body, payment in self.taken:
            found.setdefault(body, set()).add(payment.salt)
        return found


class Gateway(BaseHTTPRequestHandler):
    server: Seller

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        party = {"document": {"account": Account.from_key(SELLER).address.lower()}}
        self._say(200, {"models": self.server.models, "party": party})

    def do_POST(self) -> None:
        body, header = self.rfile.read(int(self.headers["content-length"])), self.headers["Freehold-Payment"]
        if header:
            payment = json.loads(base64.urlsafe_b64decode(header + "=="))
            self.server.taken.append((body, Transfer.model_validate_json(json.dumps(payment))))
            if self.server.answer:
                self._say(200, self.server.answer(body))
            else:
                self._say(307 if self.server.leads_to else 503, {"code": "busy"})
            return
        if self.server.together:
            self.server.together.wait(60)
        self._say(402, {"fields": self.server.quote})

    def _say(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        if status == 307:
            self.send_header("location", self.server.leads_to)
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def selling() -> Iterator[Seller]:
    with Seller() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def seller() -> Iterator[Seller]:
    with selling() as made:
        yield made


class Wallet:
    """A folder with a recipe, from which questions are asked."""

    def __init__(self, seller: Seller, language: str, folder: Path) -> None:
        self.folder, self._seller = folder, seller
        self._words, more = command(language, folder, KEY)
        # `assert` is no guard of money
        self._environment = {**os.environ, **more, "PYTHONOPTIMIZE": "1"}
        for number in range(3):
            (folder / f"{number}.json").write_text(f"[[{number}, 2]]")

    def start(self, rows: int, *, model: str = "m", full: bool = False) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*(FULL_DISK if full else ()), *self._words, self._seller.url, model, f"{rows}.json"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(KEY)
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, *rows: int, full: bool = False) -> None:
        """Ask all at once."""
        for process in [self.start(one, full=full) for one in rows]:
            process.communicate(timeout=120)
            assert process.returncode != 0

    def kept(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.folder.glob("payment*")}


def into(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    def put(quote: dict[str, Any], value: Any) -> None:
        *above, last = path
        place: Any = quote
        for one in above:
            place = place[one]
        place[last] = value

    return put


HOW = ("how", 1)
DOMAIN = (*HOW, "sign", "domain")
LIES: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "value": ((*HOW, "value_units"), WALLET),
    "contract": ((*DOMAIN, "verifyingContract"), USD_COIN),
}
FURTHER: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "to": ((*HOW, "to"), THIEF),
    "type": ((*HOW, "sign", "type"), RECEIVE_TYPE.replace("Receive", "Transfer")),
    "price": (("call_units",), WALLET),
    "name": ((*DOMAIN, "name"), "USD Coin"),
    "version": ((*DOMAIN, "version"), "2"),
    "chain": ((*DOMAIN, "chainId"), 1),
    "salted": ((*DOMAIN, "salt"), "0x" + "00" * 32),
    "token": (("token",), USD_COIN),
    "chain-told": (("chain_id",), 1),
    "less-value": ((*HOW, "value_units"), PRICE - 1),
    "text-value": ((*HOW, "value_units"), str(PRICE)),
    "text-price": (("call_units",), str(PRICE)),
    "list-price": (("call_units",), [PRICE]),
    "true-price": (("call_units",), True),
    "no-price": (("call_units",), None),
    "half-price": (("call_units",), 0.5),
    "zero-price": (("call_units",), 0),
    "negative-price": (("call_units",), -PRICE),
    "short-pool": (("pool",), POOL[:-2]),
    "two-lines-pool": (("pool",), POOL + "\n"),
    "no-pool": (("pool",), None),
    "no-way": (("how",), []),
    "two-ways": (("how",), [{**honest()["how"][1], "to": THIEF}, honest()["how"][1]]),
}


@pytest.mark.parametrize("language", RECIPES)
@pytest.mark.parametrize("lie", [*LIES, *(pytest.param(one, marks=pytest.mark.slow) for one in FURTHER)])
def test_nothing_that_a_seller_says_is_signed(
    seller: Seller, language: str, lie: str, tmp_path: Path
) -> None:
    path, value = {**LIES, **FURTHER}[lie]
    into(*path)(seller.quote, value)
    wallet = Wallet(seller, language, tmp_path)
    wallet.ask(0)
    assert not seller.taken
    assert not wallet.kept()


@pytest.mark.parametrize("language", RECIPES)
def test_what_is_signed_is_the_price_into_the_pool(seller: Seller, language: str, tmp_path: Path) -> None:
    Wallet(seller, language, tmp_path).ask(0)
    ((_, payment),) = seller.taken
    due = payment.digest(TOKEN, deployments.address("Revenue"), POOL)
    assert payment.value_units == PRICE
    assert recover(due, bytes.fromhex(payment.signature[2:])) == Account.from_key(KEY).address.lower()


@pytest.mark.slow
@pytest.mark.parametrize("language", RECIPES)
def test_a_full_disk_loses_no_payment_that_was_sent(seller: Seller, language: str, tmp_path: Path) -> None:
    wallet = Wallet(seller, language, tmp_path)
    wallet.ask(0)
    before, sent = wallet.kept(), len(seller.taken)
    assert sent == 1
    wallet.ask(1, full=True)
    assert before.items() <= wallet.kept().items()
    assert len(seller.taken) == sent
    wallet.ask(0)
    wallet.ask(1)
    assert [len(salts) for salts in seller.payments().values()] == [1, 1]


@pytest.mark.parametrize("language", RECIPES)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((1, 2), marks=pytest.mark.slow, id="two-questions"),
        pytest.param((1, 1), id="one-question"),
    ],
)
def test_two_at_once_pay_each_question_once(
    seller: Seller, language: str, rows: tuple[int, int], tmp_path: Path
) -> None:
    wallet = Wallet(seller, language, tmp_path)
    seller.together = threading.Barrier(2)
    wallet.ask(*rows)
    seller.together = None
    for one in set(rows):
        wallet.ask(one)
    assert [len(salts) for salts in seller.payments().values()] == [1] * len(set(rows))
    assert len(seller.taken) == len(rows) + len(set(rows))
    assert len(wallet.kept()) == len(set(rows))


@pytest.mark.parametrize("language", RECIPES)
def test_a_seller_leads_to_no_other_model_and_to_no_other_address(
    seller: Seller, language: str, tmp_path: Path
) -> None:
    seller.models = [{"id": OTHER, "name": MODEL}]
    wallet = Wallet(seller, language, tmp_path)
    with selling() as elsewhere:
        seller.leads_to = f"{elsewhere.url}/v1/predict"
        process = wallet.start(0, model=MODEL)
        process.communicate(timeout=120)
    assert process.returncode != 0
    ((body, _),) = seller.taken
    assert json.loads(body)["model"] == MODEL
    assert not elsewhere.taken
    assert wallet.kept()


FITS: dict[str, dict[str, Any]] = {
    "right": {},
    "no-outputs": {"outputs": []},
    "another-model": {"model": OTHER},
}


@pytest.mark.slow
@pytest.mark.parametrize("language", RECIPES)
@pytest.mark.parametrize("said", FITS)
def test_an_answer_is_to_the_question_whatever_its_seller_signs(
    seller: Seller, language: str, said: str, tmp_path: Path
) -> None:
    seller.answer = lambda body: signed(body, **FITS[said])
    process = Wallet(seller, language, tmp_path).start(0)
    told, errors = process.communicate(timeout=120)
    assert (process.returncode == 0) == (said == "right"), errors
    assert bool(told) == (said == "right")
