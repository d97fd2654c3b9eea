"""`python -m freehold.shell.cli`."""

from __future__ import annotations

import sys

from freehold.shell.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
