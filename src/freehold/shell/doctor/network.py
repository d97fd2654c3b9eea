"""The chain, this machine's clock, and the peers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from freehold.chain import deployments
from freehold.chain.answers import read_number
from freehold.chain.client import Chain
from freehold.chain.embedded import home as chain_home
from freehold.chain.errors import ChainUnreachable
from freehold.chain.rpc import Rpc
from freehold.core.errors import FreeholdError
from freehold.core.http_signature import MAX_SKEW_SECONDS
from freehold.kernel.anchored_head import compare_head
from freehold.kernel.continuity import OtherChain, require_identity
from freehold.kernel.finding import CheckFound, ok, problem, warning
from freehold.kernel.keeping import purse
from freehold.kernel.node import LOCAL_CHAIN_ID
from freehold.kernel.reading import open_database
from freehold.kernel.settings import Settings
from freehold.log.store import LogStore
from freehold.shell import practice
from freehold.shell.doctor.database import Facts

ANSWER_SECONDS = 5.0
OLD_HEAD_SECONDS = 600
_CLOCK = "Set this machine's clock, best by NTP: timedatectl set-ntp true"


def chain(home: Path, known: Settings, facts: Facts | None) -> Iterator[CheckFound]:
    """The chain answers, is the right one, holds the contracts and agrees with the log."""
    try:
        practised = practice.folder_of(home, known)
        url = known.rpc_url if practised is None else chain_home.running(practised)
        if url is None:
            yield ok("chain", "the practice network is off; it runs while a node that uses it runs")
            return
        with Rpc(url, timeout=ANSWER_SECONDS) as rpc:
            found = Chain(rpc)
            yield ok("chain", f"{rpc.name} answers: chain {found.chain_id}, block {found.block_number()}")
            for name, why in rpc.health():
                if why:
                    yield warning(
                        "chain", f"{name} is not used: {why}", "Mend it, or take it out of rpc_url."
                    )
            yield _head(found)
            deployments.check(found)
            yield ok("chain.contracts", f"all {len(deployments.names())} contracts are there")
            if facts is None:
                return
            if facts.party.chain_id != found.chain_id:
                yield problem(
                    "chain.identity",
                    f"this node lives on chain {facts.party.chain_id}, not {found.chain_id}",
                    "Correct it: freehold config set rpc_url URL",
                )
                return
            yield _identity(found, facts)
            yield _anchor(found, home, facts)
            yield _gas(found, facts)
            yield _gas_day(found, known, facts)
    except ChainUnreachable as error:
        yield problem("chain", error.message, "Start the chain, or: freehold config set rpc_url URL")
    except FreeholdError as error:
        yield problem("chain.contracts", error.message, error.hint)


def _head(found: Chain) -> CheckFound:
    head = found.rpc.call("eth_getBlockByNumber", "latest", False)
    ahead = read_number(head["timestamp"]) - time.time()
    if ahead > MAX_SKEW_SECONDS:
        return problem(
            "clock", f"the chain's newest block is {ahead:.0f} s ahead of this machine's clock", _CLOCK
        )
    if found.chain_id != LOCAL_CHAIN_ID and -ahead > OLD_HEAD_SECONDS:
        return warning(
            "clock",
            f"the chain's newest block is {-ahead / 60:.0f} minutes old",
            "Its node lags, or this clock is fast.",
        )
    return ok("clock", "not behind the chain's newest block")


def _identity(found: Chain, facts: Facts) -> CheckFound:
    if facts.chain is None:
        return ok("chain.identity", "not remembered yet; the next start does")
    try:
        require_identity(found, facts.chain)
    except OtherChain as error:
        return problem("chain.identity", error.message, error.hint)
    return ok(
        "chain.identity", f"the chain of this home's first start, by blocks 0 and {facts.chain['block']}"
    )


def _anchor(found: Chain, home: Path, facts: Facts) -> CheckFound:
    root, size, _ = found.read("LogAnchors", "headOf", facts.party.account)
    with closing(open_database(home)) as connection:
        head = compare_head(bytes(root), int(size), LogStore(connection), facts.anchored["size"])
    try:
        head.require()
    except FreeholdError as error:
        return problem("chain.anchor", error.message, error.hint)
    if head.verdict == "unanchored":
        return warning("chain.anchor", "nothing of the log is anchored yet", "freehold log --anchor")
    return ok("chain.anchor", f"the log contains the {size} entries that the chain vouches for")


def _gas(found: Chain, facts: Facts) -> CheckFound:
    wei = found.balance(facts.party.account)
    if not wei:
        return warning(
            "chain.gas", "the account has nothing to pay gas with", f"Send some to {facts.party.account}."
        )
    return ok("chain.gas", f"{wei / 10**18:.4f} ether for gas")


def _gas_day(found: Chain, known: Settings, facts: Facts) -> CheckFound:
    """What the node may still send by itself, and what it does not send any more."""
    if facts.quarantined:
        return warning(
            "chain.sending",
            f"{len(facts.quarantined)} acts failed on chain and are not sent again by themselves",
            "Look at them: freehold channels list",
        )
    spent = purse.summed(facts.gas_day, int(time.time()), purse.gas_per_day(known, found.chain_id))
    if spent.spent:
        return warning(
            "chain.sending",
            f"{spent.used} of the {spent.ceiling} gas for a day are spent; what has a deadline or brings most is sent",
            "It goes on as the day passes; or: freehold config set gas_per_day NUMBER",
        )
    return ok("chain.sending", f"{spent.used} gas in 24 hours by itself, {spent.by_hand} by hand")


def peers(known: Settings, facts: Facts | None) -> Iterator[CheckFound]:
    """Each peer answers, and its clock agrees with this one."""
    urls = sorted({*known.peers, *(facts.peers if facts else ())})
    if not urls:
        yield ok("peers", "none are known")
        return
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(_peer, urls):
            yield from found


def _peer(url: str) -> list[CheckFound]:
    try:
        # the head is enough: whatever else a stranger sends is not read
        with (
            httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client,
            client.stream("GET", f"{url}/healthz") as answer,
        ):
            status, date = answer.status_code, answer.headers.get("date", "")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = f"{url} does not answer ({type(error).__name__})"
        return [warning("peers", said, "Ask who runs it; others are still found.")]
    if status != httpx.codes.OK:
        return [warning("peers", f"{url} answers HTTP {status}", "Check the URL.")]
    return [ok("peers", f"{url} answers"), *_skew(url, date)]


def _skew(url: str, date: str) -> list[CheckFound]:
    try:
        apart = abs(parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return []
    said = (
        f"this clock and that of {url} are {apart:.0f} s apart; over {MAX_SKEW_SECONDS} s it refuses requests"
    )
    if apart > MAX_SKEW_SECONDS:
        return [problem("clock", said, _CLOCK)]
    return [warning("clock", said, _CLOCK)] if apart > MAX_SKEW_SECONDS // 2 else []
