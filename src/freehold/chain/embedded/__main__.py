"""`python -m freehold.chain.embedded --home DIR --port N`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from freehold.chain.embedded import serve
from freehold.core.errors import FreeholdError


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m freehold.chain.embedded", description="Run a local chain."
    )
    parser.add_argument("--home", type=Path, required=True, help="directory that holds the chain")
    parser.add_argument("--port", type=int, default=8545, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--allow-origin", action="append", default=[], help="origin of a web page that may ask; repeatable"
    )
    given = parser.parse_args()
    try:
        serve(given.home, given.port, allow_origins=given.allow_origin)
    except FreeholdError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
