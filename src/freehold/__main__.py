"""The command `freehold`, and `python -m freehold`: Ctrl-C is an end like any other, also while this loads."""

import sys


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        from freehold.shell.cli import main as command  # noqa: PLC0415 - loads for a tenth of a second

        return command.main()
    except KeyboardInterrupt:
        # 128 + SIGINT, as shells have it
        return 130


if __name__ == "__main__":
    sys.exit(main())
