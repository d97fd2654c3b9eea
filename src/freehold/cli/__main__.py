"""`python -m freehold.cli`."""

from __future__ import annotations

import sys

from freehold.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
