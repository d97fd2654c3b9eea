"""A paying client that knows a wallet, HTTP and the 402 it is shown, and nothing of Freehold.

Prints the JSON answer. argv: URL of the node, model id; the private key comes on standard input.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak


def post(url: str, body: bytes, header: str = "") -> tuple[int, dict]:
    request = urllib.request.Request(url + "/v1/predict", data=body, method="POST")
    request.add_header("content-type", "application/json")
    if header:
        request.add_header("Freehold-Payment", header)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main() -> None:
    url, model, key = sys.argv[1], sys.argv[2], sys.stdin.read().strip()
    account = Account.from_key(key)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + "/v1/models") as response:
        listed = next(item for item in json.load(response)["models"] if item["id"] == model)
    body = json.dumps({"model": model, "rows": [[0.5 + i for i in range(len(listed["columns"]))]]}).encode()
    status, problem = post(url, body)
    assert status == 402, (status, problem)
    quote = problem["fields"]
    how = next(item for item in quote["how"] if item["kind"] == "transfer")
    salt, until = os.urandom(32), int(time.time()) + 3_600
    name, _, fields = how["sign"]["type"].partition("(")
    types = [
        dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.rstrip(")").split(",")
    ]
    message = {
        "from": account.address,
        "to": how["to"],
        "value": how["value_units"],
        "validAfter": 0,
        "validBefore": until,
        "nonce": keccak(encode(["bytes32", "bytes32"], [bytes.fromhex(quote["pool"][2:]), salt])),
    }
    signable = encode_typed_data(how["sign"]["domain"], {name: types}, message)
    payment = {
        "kind": "transfer",
        "payer": account.address.lower(),
        "value_units": how["value_units"],
        "valid_after": 0,
        "valid_before": until,
        "salt": "0x" + salt.hex(),
        "signature": "0x" + account.sign_message(signable).signature.hex().removeprefix("0x"),
    }
    header = base64.urlsafe_b64encode(json.dumps(payment).encode()).decode()
    first = post(url, body, header)
    assert first[0] == 200, first
    assert post(url, body, header) == first
    sys.stdout.write(json.dumps(first[1]))


if __name__ == "__main__":
    main()
