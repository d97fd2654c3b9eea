"""Freehold's contracts onto a network by URL, paid by a key from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from freehold.core.errors import InvalidInput
from freehold.kernel.cli.options import Json
from freehold.kernel.cli.output import emit, note
from freehold.shell.cli.passphrase import require_private

_MOST_KEY_BYTES = 1_000


def deploy(
    *,
    rpc_url: Annotated[str, typer.Option(help="The network.", metavar="URL")],
    key_file: Annotated[
        Path, typer.Option(help="64 hex digits: the key that pays; it has no rights afterwards.")
    ],
    max_fee_wei: Annotated[
        int | None, typer.Option(help="Most that one transaction may cost.", min=1, metavar="WEI")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put Freehold's contracts onto a network.

    Addresses follow from the code, so that whoever comes first puts them there for all. What stands already is
    left as it is, and a run that was cut short goes on where it ended.
    """
    from freehold.chain import deployments  # noqa: PLC0415
    from freehold.chain.client import Chain  # noqa: PLC0415
    from freehold.chain.rpc import Rpc  # noqa: PLC0415

    key = _key(key_file.expanduser())
    with Rpc(rpc_url) as rpc:
        chain = Chain(rpc, max_fee_wei=max_fee_wei)
        note(f"chain {chain.chain_id}: putting up what is missing")
        made = deployments.deploy_missing(chain, key)
    rows = [
        {
            "contract": name,
            "address": deployments.address(name),
            "tx_hash": receipt.tx_hash if receipt else None,
            "gas": receipt.gas_used if receipt else 0,
        }
        for name, receipt in made.items()
    ]
    emit(
        {"chain_id": chain.chain_id, "contracts": rows},
        lambda: [
            f"{row['contract']:<13} {row['address']}  {'deployed' if row['tx_hash'] else 'was there'}"
            for row in rows
        ],
        as_json=as_json,
    )


def _key(path: Path) -> bytes:
    from freehold.chain.transaction import account_of  # noqa: PLC0415

    hint = "It holds 64 hex digits, perhaps after 0x, and nothing else."
    try:
        with path.open("rb") as stream:
            require_private(path, os.fstat(stream.fileno()))
            text = stream.read(_MOST_KEY_BYTES).decode().strip().removeprefix("0x")
        key = bytes.fromhex(text)
        account_of(key)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}", hint=hint) from error
    except ValueError:
        # the text of the error would repeat part of the key
        raise InvalidInput(f"{path} holds no key", hint=hint) from None
    if len(key) != 32:
        raise InvalidInput(f"{path} holds no key", hint=hint)
    return key
