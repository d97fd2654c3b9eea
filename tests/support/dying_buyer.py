"""A buyer without a node in a process that kills itself (SIGKILL) at a chosen moment: after each commit,
before and after each question that is sent.

One process has read all code and forks a buyer for each line that it is given, which takes a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from freehold.features.gateway import exchange
from freehold.features.gateway.wallet import Buyer
from freehold.kernel.store import Store, Transaction

Asked = dict[str, Any]


class DyingBuyers:
    """As a test uses them."""

    def __init__(self) -> None:
        self._mother = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, buyer: Asked, model: str, rows: list[list[str]], *, die_at: int = 0, key: str = "") -> Any:
        """The answer's receipt and outputs; None where the buyer died before it had any."""
        assert self._mother.stdin
        assert self._mother.stdout
        said = {"buyer": buyer, "model": model, "rows": rows, "die_at": die_at, "key": key}
        self._mother.stdin.write(json.dumps(said) + "\n")
        self._mother.stdin.flush()
        return json.loads(self._mother.stdout.readline())

    def close(self) -> None:
        with self._mother as mother:
            assert mother.stdin
            mother.stdin.close()


def _moments(die_at: int) -> Any:
    seen = 0

    def moment() -> None:
        nonlocal seen
        seen += 1
        if seen == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return moment


def _buy(said: Asked, out: int) -> None:
    moment = _moments(said["die_at"])
    begin, send = Store.transaction, exchange._exchange

    @contextlib.contextmanager
    def transaction(store: Store) -> Iterator[Transaction]:
        with begin(store) as tx:
            yield tx
        # before it is as after the one before
        moment()

    def sent(*args: Any) -> Any:
        moment()
        answer = send(*args)
        moment()
        return answer

    with Buyer(**said["buyer"]) as buyer:
        # what is remembered of the seller before is no payment
        Store.transaction, exchange._exchange = transaction, sent  # type: ignore[method-assign]
        answer = buyer.predict(said["model"], said["rows"], key=said["key"] or None)
        os.write(
            out,
            json.dumps({"receipt": answer.receipt, "labels": [one.label for one in answer.outputs]}).encode(),
        )


def main() -> None:
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            try:
                _buy(json.loads(line), write)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            answer = told.read()
        os.waitpid(child, 0)
        sys.stdout.write((answer or "null") + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
