"""Buy answers with a wallet's key and no node.

    python examples/buyer.py http://127.0.0.1:7403 http://127.0.0.1:8545 wallet.key 'Tumour model' rows.json

`wallet.key` holds 64 hex digits; `rows.json` a list of rows, each a list of numbers in the order of the model's columns.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import freehold
from freehold.core.errors import FreeholdError


def main(url: str, rpc_url: str, key: str, model: str, rows: str) -> None:
    asked = json.loads(Path(rows).read_text(), parse_float=str, parse_int=str)
    with freehold.Buyer(key=Path(key), url=url, rpc_url=rpc_url, max_per_call="0.01", max_total="1") as buyer:
        price = buyer.price(model, len(asked))
        print(f"{len(asked)} rows cost {price} units of the dollar token")
        # the name of this purchase: run again with the same rows, it is paid once and gives the stored answer
        name = hashlib.sha256(json.dumps([model, asked]).encode()).hexdigest()
        answer = buyer.predict(model, asked, key=name)
        for row, output in zip(answer.rows, answer.outputs, strict=True):
            print(*row, "->", output.label, f"{output.probability:.4f}")
        print("receipt:", answer.receipt)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FreeholdError as error:
        sys.exit(error.said)
