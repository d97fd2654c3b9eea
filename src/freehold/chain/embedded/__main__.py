"""`python -m freehold.chain.embedded --home DIR --port N`; its URL is the first line on stdout."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from freehold.chain.embedded import serving
from freehold.core.errors import FreeholdError


def main() -> int:
    """Serve what the command line says, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m freehold.chain.embedded", description="Run a local chain."
    )
    parser.add_argument("--home", type=Path, required=True, help="directory that holds the chain")
    parser.add_argument("--port", type=int, default=8545, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--allow-origin", action="append", default=[], help="origin of a web page that may ask; repeatable"
    )
    given = parser.parse_args()
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    try:
        with serving(given.home, given.port, allow_origins=given.allow_origin) as node:
            sys.stdout.write(node.url + "\n")
            sys.stdout.flush()
            ended.wait()
    except FreeholdError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
