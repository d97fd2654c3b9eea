"""One example for each command, shown under its help and in the reference; tests read them as the commands would."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.models import CommandInfo

EXAMPLES = {
    "quickstart": "freehold quickstart --exit --json",
    "up": "freehold up --home ~/clinic --name 'Riverside Clinic' --peer http://127.0.0.1:7401",
    "verify": "freehold verify evidence --rpc-url http://127.0.0.1:8545",
    "mcp": "freehold mcp --max 5 --files ~/tables",
    "doctor": "freehold doctor",
    "backup": "freehold backup -o clinic.freehold",
    "restore": "freehold restore clinic.freehold --home ~/restored",
    "adopt": "freehold adopt --home ~/restored",
    "completion": "freehold completion bash",
    "config show": "freehold config show",
    "config set": "freehold config set port 7500",
    "config path": "freehold config path",
    "keys show": "freehold keys show",
    "keys passphrase": "freehold keys passphrase",
    "keys suggest": "freehold keys suggest",
    "keys remember": "freehold keys remember",
    "keys forget": "freehold keys forget",
    "chain run": "freehold chain run --port 8545",
    "chain contracts": "freehold chain contracts --json",
    "chain deploy": "freehold chain deploy --rpc-url https://rpc.example --key-file deployer.key",
    "chain forget": "freehold chain forget",
    "chain faucet": "freehold chain faucet 0x70997970c51812dc3a010c7d01b50e0d17dc79c8 --dollars 100",
}


def illustrate(app: typer.Typer) -> None:
    """Put each command's example under its help."""
    for name, command in _commands(app, ""):
        if name in EXAMPLES:
            # \b: the lines stay as they are
            command.epilog = f"\b\nExample:\n  {EXAMPLES[name]}"


def _commands(app: typer.Typer, prefix: str) -> Iterator[tuple[str, CommandInfo]]:
    for command in app.registered_commands:
        yield f"{prefix}{command.name}", command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, f"{prefix}{group.name} ")
