"""A local chain: run one, and get test money on it; and Freehold's contracts on any."""

from __future__ import annotations

import re
import signal
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from freehold import plain_file
from freehold.core import causes, money
from freehold.core.errors import InvalidInput, NotFound
from freehold.kernel.cli.output import DEFAULT_HOME, Home, Json, day, emit, note, table
from freehold.kernel.client import NodeClient, NodeNotRunning
from freehold.shell.cli.node import UntilEof, end_at_eof
from freehold.shell.cli.passphrase import require_private

STOP_SECONDS = 20
"""How long a chain may take to finish what it was asked and to close its database."""
_FAUCET_WEI = 10**18
_MOST_KEY_BYTES = 1_000
_ACCOUNT = re.compile(r"0x[0-9a-fA-F]{40}")


def run(
    *,
    home: Annotated[
        Path | None, typer.Option(help="Directory of the chain.", metavar="DIR", parser=plain_file.chosen)
    ] = None,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = 8545,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of a web page that may ask the chain; repeatable.", metavar="ORIGIN"),
    ] = None,
    until_eof: UntilEof = None,
    as_json: Json = False,
) -> None:
    """Run a chain until Ctrl-C, with Freehold's contracts on it.

    Web pages may ask it only from an allowed origin; browser extensions, wallets that is, from any.
    """
    from freehold.chain import deployment_record, deployments  # noqa: PLC0415
    from freehold.chain.client import Chain  # noqa: PLC0415
    from freehold.chain.embedded import DEV_KEY, serving  # noqa: PLC0415
    from freehold.chain.embedded import home as home_of_chain  # noqa: PLC0415
    from freehold.chain.rpc import Rpc  # noqa: PLC0415
    from freehold.kernel.reading import KEYS_FILE  # noqa: PLC0415
    from freehold.shell import stopping  # noqa: PLC0415 - loads the web server
    from freehold.vault import home_folder  # noqa: PLC0415

    directory = plain_file.named(home or DEFAULT_HOME / "chain")
    if (directory / KEYS_FILE).exists():
        raise InvalidInput(f"{directory} is the home of a node", hint="Give the chain a folder of its own.")
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    if until_eof is not None:
        end_at_eof(until_eof)
    home_folder.make(directory)
    _require_recorded(directory)
    with (
        stopping.within(STOP_SECONDS),
        serving(directory, port, allow_origins=allow_origin or ()) as node,
        Rpc(node.url) as rpc,
    ):
        chain = Chain(rpc)
        made = deployments.deploy_missing(chain, DEV_KEY)
        deployment_record.renew(directory / deployment_record.FILE, chain)
        deployed = [name for name, receipt in made.items() if receipt is not None]
        about = {"url": node.url, "chain_id": chain.chain_id, "home": str(directory), "deployed": deployed}
        line = f"chain {chain.chain_id} ready at {node.url}, {len(made)} contracts, {len(deployed)} of them new; Ctrl-C ends it"
        home_of_chain.note(directory, node.url)
        emit(about, lambda: [line], as_json=as_json)
        ended.wait()


def _require_recorded(directory: Path) -> None:
    """See that a chain which the record beside it tells of is there."""
    from freehold.chain import deployment_record  # noqa: PLC0415
    from freehold.chain.embedded import genesis, home  # noqa: PLC0415

    try:
        record = deployment_record.read(directory / deployment_record.FILE)
    except (NotFound, InvalidInput):
        return
    is_ours = record.genesis == "0x" + genesis.HASH.hex() and record.contracts
    if is_ours and not (directory / home.DATABASE).exists():
        raise home.ChainDamaged(
            f"{home.DATABASE} is missing from {directory}, where a chain with contracts was",
            hint=f"put it back, or remove {deployment_record.FILE} to begin a new chain",
        )


def contracts(
    *,
    home: Annotated[
        Path | None, typer.Option(help="Directory of the chain.", metavar="DIR", parser=plain_file.chosen)
    ] = None,
    rpc_url: Annotated[
        str | None,
        typer.Option(help="Ask this chain, and bring the record up to date with it.", metavar="URL"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which contracts stand on the chain, and since when.

    Address, bytecode, transaction, block and time, as `freehold chain run` notes them beside the chain.
    """
    from freehold.chain import deployment_record  # noqa: PLC0415

    path = plain_file.named(home or DEFAULT_HOME / "chain") / deployment_record.FILE
    if rpc_url is None:
        record = deployment_record.read(path)
    else:
        from freehold.chain.client import Chain  # noqa: PLC0415
        from freehold.chain.rpc import Rpc  # noqa: PLC0415

        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with Rpc(rpc_url) as rpc:
            record = deployment_record.renew(path, Chain(rpc))
    rows = [
        (
            one.contract,
            one.address,
            one.bytecode_hash,
            one.tx_hash or "",
            one.block_number,
            day(one.deployed_at),
        )
        for one in record.contracts
    ]
    columns = ["contract", "address", "bytecode", "transaction", "block", "on"]
    lines = [f"chain {record.chain_id}, {len(rows)} contracts", table(columns, rows, right=("block",))]
    emit(asdict(record), lambda: lines, as_json=as_json)


def deploy(
    *,
    rpc_url: Annotated[str, typer.Option(help="The network.", metavar="URL")],
    key_file: Annotated[
        Path,
        typer.Option(
            help="64 hex digits: the key that pays; it has no rights afterwards.", parser=plain_file.chosen
        ),
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

    key = _key(plain_file.named(key_file))
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
        content = plain_file.given(path, _MOST_KEY_BYTES, allowed=lambda found: require_private(path, found))
        text = content.decode("utf-8-sig").strip().removeprefix("0x")
        key = bytes.fromhex(text)
        account_of(key)
    except OSError as error:
        raise causes.of(plain_file.nameless(error), "read the key") from error
    except ValueError:
        # the text of the error would repeat part of the key
        raise InvalidInput(f"{path} holds no key", hint=hint) from None
    if len(key) != 32:
        raise InvalidInput(f"{path} holds no key", hint=hint)
    return key


_LOCAL = "--rpc-url http://127.0.0.1:8545"


def faucet(
    account: Annotated[str | None, typer.Argument(help="Account; by default this node's.")] = None,
    *,
    dollars: Annotated[str, typer.Option(help="Test dollars to mint.", metavar="DOLLARS")] = "100",
    rpc_url: Annotated[
        str | None, typer.Option(help="The local chain; by default this node's.", metavar="URL")
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Give an account test dollars and gas on a local chain."""
    from freehold.chain.client import Chain  # noqa: PLC0415
    from freehold.chain.embedded import DEV_KEY  # noqa: PLC0415
    from freehold.chain.rpc import Rpc  # noqa: PLC0415

    amount_units = money.units(dollars)
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise InvalidInput(
            f"{account[:80]!r} is no account",
            hint="An account is 0x and 40 hex digits; freehold status says yours.",
        )
    if account is None or rpc_url is None:
        try:
            status = NodeClient.of(home).get("/api/status")
        except NodeNotRunning as error:
            error.hint = f"Name account and chain: ACCOUNT {_LOCAL}. Or, for a node: {error.hint}"
            raise
        account = account or str(status["account"])
        rpc_url = rpc_url or str(status["chain"]["rpc_url"])
    with Rpc(rpc_url) as rpc:
        chain = Chain(rpc)
        chain.fund(account, _FAUCET_WEI)
        gas = chain.send(DEV_KEY, "TestDollar", "mint", account, amount_units).gas_used
    said = {"account": account, "minted_units": amount_units, "gas": gas}
    emit(said, lambda: [f"minted {money.dollars(amount_units)} for {account}"], as_json=as_json)


def forget(*, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Let this home begin anew on whatever chain it finds next.

    A node stays on the chain of its first start, known by two block hashes, and refuses another with the same
    id. What it bought, opened and anchored is on that chain only. The node must be stopped.
    """
    from freehold.kernel import continuity, home_lock  # noqa: PLC0415
    from freehold.kernel.databases import opening  # noqa: PLC0415
    from freehold.kernel.reading import database_url, require_node  # noqa: PLC0415
    from freehold.kernel.store import Store  # noqa: PLC0415

    folder = plain_file.named(home)
    require_node(folder)
    with home_lock.lock(folder), closing(Store(opening.for_writing(folder, database_url(folder)))) as store:
        known = continuity.forget_chain(store)
    said = {name: known[name] if known else None for name in ("chain_id", "block")}
    line = f"chain {said['chain_id']} is forgotten; the next start takes the chain it finds"
    emit(said, lambda: [line if known else "no chain was known"], as_json=as_json)


GROUPS = {"chain": "A local chain, and the contracts on any."}
COMMANDS = {
    "chain run": (run, "freehold chain run --port 8545"),
    "chain contracts": (contracts, "freehold chain contracts --json"),
    "chain deploy": (deploy, "freehold chain deploy --rpc-url https://rpc.example --key-file deployer.key"),
    "chain faucet": (
        faucet,
        "freehold chain faucet 0x70997970c51812dc3a010c7d01b50e0d17dc79c8 --rpc-url http://127.0.0.1:8545",
    ),
    "chain forget": (forget, "freehold chain forget"),
}
