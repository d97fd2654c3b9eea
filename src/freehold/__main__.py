"""`python -m freehold` is the command line."""

import sys

from freehold.shell.cli.main import main

sys.exit(main())
