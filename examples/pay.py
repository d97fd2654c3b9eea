"""Buy answers over plain HTTP, in Python: eth_account signs, the standard library does the rest.

    python examples/pay.py http://127.0.0.1:7403 'Tumour model' rows.json < wallet.key

The private key comes on standard input. What was signed is kept in `payment.json` before it is sent: run again, the
same question is paid once.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
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


def ask(url, body=None, payment=None):
    """Status and JSON of a request."""
    headers = {"content-type": "application/json"}
    if payment:
        # base64url of the JSON object, with or without padding
        headers["Freehold-Payment"] = base64.urlsafe_b64encode(json.dumps(payment).encode()).decode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def types_of(written):
    """`Name(type field,...)` as eth_account wants it."""
    name, _, fields = written.rstrip(")").partition("(")
    return {name: [dict(zip(("type", "name"), one.split(" "), strict=True)) for one in fields.split(",")]}


def sha256(value):
    """Of canonical JSON; whatever is hashed here is ASCII text and whole numbers, so sorted keys are enough (RFC 8785)."""
    return (
        "0x" + hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    )


def sign(account, quote):
    """A payment of what the quote says: one EIP-3009 transfer into the model's pool."""
    how = next(one for one in quote["how"] if one["kind"] == "transfer")
    salt, until = secrets.token_bytes(32), int(time.time()) + 3_600
    message = {
        "from": account.address,
        "to": how["to"],
        "value": how["value_units"],
        "validAfter": 0,
        "validBefore": until,
        "nonce": keccak(encode(["bytes32", "bytes32"], [bytes.fromhex(quote["pool"][2:]), salt])),
    }
    signed = account.sign_message(
        encode_typed_data(how["sign"]["domain"], types_of(how["sign"]["type"]), message)
    )
    return {
        "kind": "transfer",
        "payer": account.address.lower(),
        "value_units": how["value_units"],
        "valid_after": 0,
        "valid_before": until,
        "salt": "0x" + salt.hex(),
        # without it, whoever reads the payment on chain could ask for its answer
        "secret": "0x" + secrets.token_hex(32),
        "signature": "0x" + signed.signature.hex().removeprefix("0x"),
    }


def check(answer, body, account, about):
    """The receipt is the seller's, for this question and this answer."""
    receipt = answer["receipt"]["document"]
    assert receipt["evidence"]["request"] == "0x" + hashlib.sha256(body).hexdigest()
    assert receipt["output"] == sha256({"model": answer["model"], "outputs": answer["outputs"]})
    seller = about["party"]["document"]["account"]
    assert (receipt["provider"], receipt["holder"]) == (seller, account.address.lower())
    domain = {
        "name": "Freehold",
        "version": "1",
        "chainId": about["chain_id"],
        "verifyingContract": about["contracts"]["Revocations"],
    }
    types = types_of("Document(string kind,string role,bytes32 subject,bytes32 id)")
    said = {"kind": "receipt", "role": "provider", "subject": receipt["grant"], "id": sha256(receipt)}
    (signature,) = (one for one in answer["receipt"]["signatures"] if one["role"] == "provider")
    signable = encode_typed_data(domain, types, said)
    assert Account.recover_message(signable, signature=signature["signature"]).lower() == seller


def main(url, model, rows):
    account, kept = Account.from_key(sys.stdin.read().strip()), Path("payment.json")
    # 1. find the model
    listed = ask(f"{url}/v1/models")[1]["models"]
    (found,) = (one["id"] for one in listed if model in (one["id"], one["name"]))
    body = json.dumps({"model": found, "rows": json.loads(Path(rows).read_text())}).encode()
    # 2. ask: 402 says what to pay and how
    status, problem = ask(f"{url}/v1/predict", body)
    assert status == 402, problem
    quote = problem["fields"]
    assert quote["call_units"] <= MOST_UNITS, f"this call costs {quote['call_units']} units"
    # 3. sign, and keep it before it is sent
    question = hashlib.sha256(body).hexdigest()
    payments = json.loads(kept.read_text()) if kept.exists() else {}
    if question not in payments:
        payments[question] = sign(account, quote)
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(payments, file)
            os.fsync(file.fileno())
    # 4. send it; the same again gives the same answer, and takes nothing
    status, answer = ask(f"{url}/v1/predict", body, payments[question])
    assert status == 200, answer
    assert ask(f"{url}/v1/predict", body, payments[question]) == (200, answer)
    # 5. check the receipt
    check(answer, body, account, ask(f"{url}/.well-known/freehold.json")[1])
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
