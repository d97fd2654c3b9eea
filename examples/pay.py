"""Buy answers over plain HTTP, in Python: eth_account signs, the standard library does the rest.

    python examples/pay.py http://127.0.0.1:7403 'Tumour model' rows.json < wallet.key

The private key comes on standard input. What was signed is kept in `payment.QUESTION` before it is sent: run again,
the same question is paid once.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

MOST_UNITS = 10_000
"""No call is paid that costs more: $0.01."""
MOST_BYTES, MOST_SECONDS = 1024 * 1024, 180
"""Of an answer, and of a run: no seller fills the memory, or is waited for without end."""
CHAIN_ID = 31337
TOKEN = {
    "name": "Freehold Test Dollar",
    "version": "1",
    "chainId": CHAIN_ID,
    "verifyingContract": "0xb019e73917ae6b04e23062ec207fe71bbd6a3812",
}
"""What is paid with, here the test dollar of a local chain. For another network, look it up yourself: never ask the seller."""
REVENUE = "0x854aadc14695192dbd26cb7d1f3a9f26617fec24"
REVOCATIONS = "0x46b4edd31e1e171c2314b95685335986348d9362"
"""Contracts of this version of Freehold, at the same addresses on every network."""
RECEIVE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,"
    "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)


def require(holds, otherwise):
    """Stop unless something holds; `assert` would not with `python -O`."""
    if not holds:
        sys.exit(otherwise)


class Stay(urllib.request.HTTPRedirectHandler):
    """Rows and payment go to the address that was typed, whatever is answered there."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(Stay)


def ask(url, body=None, payment=None):
    """Status and JSON of a request, or the beginning of what is none."""
    headers = {"content-type": "application/json"}
    if payment:
        # base64url of the JSON object, with or without padding
        headers["Freehold-Payment"] = base64.urlsafe_b64encode(json.dumps(payment).encode()).decode()
    try:
        response = OPENER.open(urllib.request.Request(url, body, headers), timeout=60)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        content = response.read(MOST_BYTES + 1)
    require(len(content) <= MOST_BYTES, f"{url} answers with more than {MOST_BYTES:,} bytes")
    try:
        return response.status, json.loads(content)
    except ValueError:
        return response.status, content[:200]


def give_up():
    sys.stderr.write("the seller takes too long; what was signed is kept, and sent again by the next run\n")
    os._exit(1)


def types_of(written):
    """`Name(type field,...)` as eth_account wants it."""
    name, _, fields = written.rstrip(")").partition("(")
    return {name: [dict(zip(("type", "name"), one.split(" "), strict=True)) for one in fields.split(",")]}


def sha256(value):
    """Of canonical JSON; whatever is hashed here is ASCII text and whole numbers, so sorted keys are enough (RFC 8785)."""
    return (
        "0x" + hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    )


def accepted(quote):
    """Price and pool of a quote. All else that it says of the payment must be what we sign anyway."""
    units, pool = quote["call_units"], quote["pool"]
    require(type(units) is int and 1 <= units <= MOST_UNITS, f"this call costs {units!r} units")
    how = next(one for one in quote["how"] if one["kind"] == "transfer")
    sign = how["sign"]
    said = [quote["token"], quote["chain_id"], how["to"], how["value_units"], sign["domain"], sign["type"]]
    ours = [TOKEN["verifyingContract"], CHAIN_ID, REVENUE, units, TOKEN, RECEIVE]
    require(said == ours and re.fullmatch("0x[0-9a-f]{64}", pool), f"another payment is asked for: {quote!r}")
    return units, pool


def model_id(url, model):
    """An id is taken as it is: a seller may call another model by it. By a name, the seller says which model it is."""
    if re.fullmatch("0x[0-9a-f]{64}", model):
        return model
    found = [one["id"] for one in ask(f"{url}/v1/models")[1]["models"] if one["name"] == model]
    require(len(found) == 1, f"{len(found)} models are called {model}")
    return found[0]


def sign(account, units, pool):
    """One EIP-3009 transfer into the model's pool: what is signed is ours, but for the pool and the price we compared."""
    salt, until = secrets.token_bytes(32), int(time.time()) + 3_600
    message = {
        "from": account.address,
        "to": REVENUE,
        "value": units,
        "validAfter": 0,
        "validBefore": until,
        "nonce": keccak(encode(["bytes32", "bytes32"], [bytes.fromhex(pool[2:]), salt])),
    }
    signed = account.sign_message(encode_typed_data(TOKEN, types_of(RECEIVE), message))
    return {
        "kind": "transfer",
        "payer": account.address.lower(),
        "value_units": units,
        "valid_after": 0,
        "valid_before": until,
        "salt": "0x" + salt.hex(),
        # without it, whoever reads the payment on chain could ask for its answer
        "secret": "0x" + secrets.token_hex(32),
        "signature": "0x" + signed.signature.hex().removeprefix("0x"),
    }


def keep(file, payment):
    """Keep what is signed before it is sent, whole or not at all. Of two at once the first one kept is sent by both."""
    with tempfile.NamedTemporaryFile("w", dir=".", prefix=f"{file.name}.") as beside:
        json.dump(payment, beside)
        beside.flush()
        os.fsync(beside.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside.name, file)
    folder = os.open(".", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def check(answer, body, account, about):
    """The answer is to this question, and the receipt is the seller's, for both."""
    asked = json.loads(body)
    require(answer["model"] == asked["model"], "another model answered")
    require(len(answer["outputs"]) == len(asked["rows"]), "there is not one output for each row")
    receipt = answer["receipt"]["document"]
    request = "0x" + hashlib.sha256(body).hexdigest()
    require(receipt["evidence"]["request"] == request, "the receipt is for another question")
    output = sha256({"model": answer["model"], "outputs": answer["outputs"]})
    require(receipt["output"] == output, "the receipt is for another answer")
    seller, buyer = about["party"]["document"]["account"], account.address.lower()
    require((receipt["provider"], receipt["holder"]) == (seller, buyer), "the receipt is between others")
    domain = {"name": "Freehold", "version": "1", "chainId": CHAIN_ID, "verifyingContract": REVOCATIONS}
    types = types_of("Document(string kind,string role,bytes32 subject,bytes32 id)")
    said = {"kind": "receipt", "role": "provider", "subject": receipt["grant"], "id": sha256(receipt)}
    (signature,) = (one for one in answer["receipt"]["signatures"] if one["role"] == "provider")
    signable = encode_typed_data(domain, types, said)
    signer = Account.recover_message(signable, signature=signature["signature"])
    require(signer.lower() == seller, "the receipt is not signed by the seller")


def main(url, model, rows):
    account = Account.from_key(sys.stdin.read().strip())
    patience = threading.Timer(MOST_SECONDS, give_up)
    patience.daemon = True
    patience.start()
    # 1. find the model
    body = json.dumps({"model": model_id(url, model), "rows": json.loads(Path(rows).read_text())}).encode()
    kept = Path(f"payment.{hashlib.sha256(body).hexdigest()}")
    if not kept.exists():
        # 2. ask: 402 says what to pay and how
        status, problem = ask(f"{url}/v1/predict", body)
        require(status == 402, f"{status}: {problem!r}")
        # 3. compare, sign, and keep it before it is sent
        keep(kept, sign(account, *accepted(problem["fields"])))
    payment = json.loads(kept.read_text())
    # 4. send it; the same again gives the same answer, and takes nothing
    status, answer = ask(f"{url}/v1/predict", body, payment)
    require(status == 200, f"{status}: {answer!r}")
    require(ask(f"{url}/v1/predict", body, payment) == (200, answer), "asked again, the answer is another")
    # 5. check the receipt
    check(answer, body, account, ask(f"{url}/.well-known/freehold.json")[1])
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
