"""One node as a process of its own: `python run_node.py HOME SETTINGS-AS-JSON`, passphrase on stdin.

What `freehold up` does, without the command line around it; errors end it as they end the command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from freehold.core.errors import FreeholdError
from freehold.kernel.settings import Settings
from freehold.shell import daemon


def main() -> int:
    home, given = sys.argv[1:]
    settings = Settings(**json.loads(given))
    try:
        with daemon.ending_in_time(Path(home)):
            daemon.run(Path(home), sys.stdin.readline().rstrip("\n"), settings)
    except FreeholdError as error:
        sys.stderr.write(f"{error.code}\n{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
