"""`freehold up`: open the keys, connect to the chain, serve until told to stop."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core import origins
from freehold.core.errors import InvalidInput, Unavailable
from freehold.core.origins import Origin
from freehold.kernel import continuity, custody, reading, setting_sources
from freehold.kernel import settings as settings_file
from freehold.kernel.door import Door, Mount, NodeRoom
from freehold.kernel.home_lock import lock
from freehold.kernel.host import Host
from freehold.kernel.http import app
from freehold.kernel.http.connections import Connections, Impatient
from freehold.kernel.http.gate import Gate
from freehold.kernel.node import Node
from freehold.kernel.reading import KEYS_FILE, TOKEN_FILE
from freehold.kernel.registry import everything
from freehold.kernel.setting_sources import Chosen
from freehold.kernel.settings import LIMITS, Settings, token, write_private
from freehold.kernel.tally import Tally
from freehold.shell import logs, practice, stopping
from freehold.shell.backup.disk import failures
from freehold.shell.practice import Practice
from freehold.vault import home_folder, passphrases
from freehold.vault.keystore import Keys
from freehold.vault.spool import UPLOADS, sweep

_log = logging.getLogger("freehold")
STOP_SECONDS = 15
"""How long a stop waits for answers under way; new requests are not taken meanwhile."""
CLOSE_SECONDS = 10
"""How long what follows may take: recurring work, training, the database. Then the process ends as it is."""

FIRST_RUN = ("name", "practice", "rpc_url", "token")
"""Settings that the first-run page asks for."""
ACCEPTED_AT_ONCE, WAITING_TO_BE_ACCEPTED = 128, 2_048
OPEN_FILES = 4_096


class PortInUse(Unavailable, code="port.in_use"):
    """Another process listens on the port."""


class AddressUnusable(InvalidInput, code="host.unusable"):
    """The setting `host` is no address of this machine."""


_HOST = "Set host to an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0."


def open_keys(home: Path, passphrase: str, name: str = "") -> Keys:
    """The keys of a home; made at first start, `name` being that of the node.

    Raises WrongPassphrase, KeystoreMissing where they are gone, and WeakPassphrase for new keys only.
    """
    path = home / KEYS_FILE
    if reading.is_new(home):
        passphrases.require_strong(passphrase, name)
        keys = Keys.generate()
        keys.save(path, passphrase)
        return keys
    keys = Keys.load(path, passphrase)
    if why := passphrases.weakness(passphrase, name):
        # made before passphrases were looked at; its owner is not locked out
        _log.warning("the passphrase is weak (%s); choose another: freehold keys passphrase", why)
    return keys


def run(
    home: Path,
    passphrase: str | None,
    settings: Settings,
    ready: Callable[[Node, str], None] | None = None,
    *,
    chosen: Chosen | None = None,
    mount: Mount | None = None,
    waiting: Callable[[str], None] | None = None,
) -> None:
    """Serve one node in the foreground; `ready` is told the node and its URL once it answers.

    Without a passphrase it serves locked until the console that `mount` makes opens the door; `waiting`
    is told the address that it listens on. config.toml is to say what is in `settings`, or with `chosen` what the command line said.
    What was changed there since stays, and limits of spending among it count at once.

    Nothing was started where this raises UnsafeHome, KeystoreMissing, WrongPassphrase, PortInUse, HomeInUse,
    ChainUnreachable, OtherChain, ContractNotDeployed, StorageFailed, DatabaseInUse or DatabaseMismatch.
    """
    home_folder.confine()
    logs.configure(settings)
    _prepare(home)
    if threading.current_thread() is threading.main_thread():
        # by default that would end the process before anything below is tidied up
        signal.signal(signal.SIGTERM, _leave)
    with contextlib.ExitStack() as opened:
        with failures(f"use the home {home}"):
            opened.enter_context(lock(home))
        # of a process that was killed while somebody was publishing
        sweep(home / UPLOADS)
        opened.callback((home / "node.json").unlink, missing_ok=True)
        listener = opened.enter_context(listen(settings.host, settings.port))
        local = str(reached_at(settings.host, listener.getsockname()[1]))
        url = settings.endpoint or local

        def start(now: Settings, secret: str) -> tuple[Host, NodeRoom]:
            with failures(f"start in {home}"), contextlib.ExitStack() as trial:
                network, chain = _network(home, now, trial)
                with ThreadPoolExecutor(1) as pool:
                    opening = pool.submit(open_keys, home, secret, now.name)
                    # deriving the key takes a tenth of a second of another core, loading the features two
                    registry = everything()
                    keys = opening.result()
                custody.require_opens(home, now.database, keys)
                node = Node(home, keys, now, chain)
                if network:
                    network.follow(partial(_moved, node))
                trial.callback(node.store.close)
                node.require_own_database(served=(home / TOKEN_FILE).exists())
                continuity.require_same_chain(node)
                limits = _keep(home, said, _answered(settings, now))
                node.settings = node.settings.with_overrides(**limits)
                host = registry.host(node, tally)
                trial.callback(host.close)
                node.continuity.begin()
                if node.continuity.stopped is None:
                    node.prepare_local_account()
                    node.ensure_party(url)
                served = app.create(host, token(home / TOKEN_FILE))
                opened.push(trial.pop_all())
            return host, served

        said = chosen or Chosen(settings, settings_file.stored(home), _unusual(settings), {})
        tally = Tally()
        door = Door(home, settings, start, mount)
        door.asks_network = reading.is_new(home) and setting_sources.no_network(chosen)
        opened.callback(door.close)
        if passphrase is not None:
            door.open(passphrase)
        gc.freeze()
        gc.enable()
        _serve(door, tally, listener, (url, local), ready, waiting)


def _prepare(home: Path) -> None:
    with failures(f"use the home {home}"):
        changed = home_folder.make(home)
    reading.is_new(home)
    if changed:
        _log.warning(
            "the home was open to other users of this machine and is closed now",
            extra={"fields": {"files": changed}},
        )
    if home_folder.is_root():
        _log.warning("this runs as root, which a node does not need: give it a user of its own")


def _network(home: Path, now: Settings, trial: contextlib.ExitStack) -> tuple[Practice | None, Chain]:
    """The chain, and what keeps it running where it is a practice network."""
    folder = practice.folder_of(home, now)
    network = trial.enter_context(Practice(folder)) if folder else None
    rpc = trial.enter_context(Rpc(network.url if network else now.rpc_url))
    chain = Chain(rpc, max_fee_wei=now.max_fee_wei or None)
    deployments.check(chain)
    return network, chain


def _answered(before: Settings, now: Settings) -> dict[str, Any]:
    """What the first-run page was told."""
    return {name: getattr(now, name) for name in FIRST_RUN if getattr(now, name) != getattr(before, name)}


def _moved(node: Node, url: str) -> None:
    """The practice network answers elsewhere."""
    if url != node.settings.rpc_url:
        node.chain.rpc.move(url)
        node.settings = node.settings.with_overrides(rpc_url=url)


def _unusual(settings: Settings) -> dict[str, Any]:
    usual = asdict(Settings())
    return {name: value for name, value in asdict(settings).items() if value != usual[name]}


def _keep(home: Path, said: Chosen, renamed: dict[str, Any]) -> dict[str, Any]:
    """Keep what was said at the start, but for what was changed in config.toml since; the limits of spending in that."""
    stands = settings_file.stored(home)
    since = {name for name in {**said.written, **stands} if said.written.get(name) != stands.get(name)}
    kept = {name: value for name, value in said.spoken.items() if name not in since} | renamed
    lasting = Settings(**stands).with_overrides(**kept)
    settings_file.save(home, lasting, *kept)
    return {name: getattr(lasting, name) for name in since.intersection(LIMITS)}


def ending_in_time(home: Path) -> contextlib.AbstractContextManager[None]:
    """For a program that does nothing but `run` here: it ends in time once it is told to, whatever hangs."""
    return stopping.within(STOP_SECONDS + CLOSE_SECONDS, lambda: (home / "node.json").unlink(missing_ok=True))


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _serve(
    door: Door,
    tally: Tally,
    listener: socket.socket,
    urls: tuple[str, str],
    ready: Callable[[Node, str], None] | None,
    waiting: Callable[[str], None] | None,
) -> None:
    _allow_open_files()
    connections = Connections(door.settings, tally)
    config = uvicorn.Config(
        Gate(door, door.settings, tally, connections),
        http=partial(Impatient, connections),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        # the gate reads what proxies say
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_SECONDS,
        # so many are taken in one turn of the event loop: fewer than are kept, or one that came with its
        # request could be ended before it is read
        backlog=ACCEPTED_AT_ONCE,
    )
    server = _Server(config, door.closing)
    stop = threading.Event()
    url, local = urls

    def started() -> None:
        while not server.started and not stop.is_set():
            stop.wait(0.02)
        # the system keeps more of them ready than are taken at once: one it drops comes back after a second
        if not stop.is_set():
            listener.listen(WAITING_TO_BE_ACCEPTED)
        if waiting and not stop.is_set():
            waiting(local)
        while not door.opened.wait(0.5) and not stop.is_set():
            pass
        if door.host and not stop.is_set():
            _announce(door.home, door.host, url, local)
            if ready:
                ready(door.host.node, url)

    starting = threading.Thread(target=started, name="started", daemon=True)
    starting.start()
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()
        starting.join(timeout=3)


def _allow_open_files() -> None:
    """Connections must not be stopped by a limit that is meant for programs without any."""
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if least != resource.RLIM_INFINITY and least < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class _Server(stopping.Server):
    """Says when it begins to stop, so that answers without an end can end."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._closing.set()
        tell("STOPPING=1")
        _log.info("stopping")
        await super().shutdown(sockets)


def _announce(home: Path, host: Host, url: str, local: str) -> None:
    # for commands on this machine: the token has no business on the way to the outside and back
    description = {"url": local, "pid": os.getpid(), "account": host.node.account}
    # before the file: whoever finds it there may read the log
    _log.info("serving", extra={"fields": {"url": url, "account": host.node.account}})
    write_private(home / "node.json", json.dumps(description) + "\n")
    host.begin()
    tell("READY=1")


def tell(state: str) -> bool:
    """Tell a supervisor e.g. `READY=1`, as systemd's `sd_notify` has it; whether one asks and could be told."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return False
    address = "\0" + where[1:] if where.startswith("@") else where
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall(state.encode())
    except OSError:
        # a supervisor that does not listen is no reason to end
        return False
    return True


def reached_at(host: str, port: int) -> Origin:
    """Where programs on this machine find what listens there."""
    host = settings_file.EVERYWHERE.get(host, host)
    return Origin("http", origins.host(f"[{host}]" if ":" in host else host), port)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; PortInUse where the port is not to be had, AddressUnusable where the host is not."""
    where = f"{f'[{host}]' if ':' in host else host}:{port}"
    try:
        # also the scope of an address of one link: fe80::1%eth0
        (family, _, _, _, address), *_ = socket.getaddrinfo(
            host, port, socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM
        )
        # naming TCP lets asyncio switch off Nagle's delay, which costs 40 ms a request
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is no name of a host"
        raise AddressUnusable(f"cannot listen on {where}: {why}", hint=_HOST, host=host) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        said = f"cannot listen on {where}: {error.strerror}"
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            least = " Ports below 1024 are for the administrator." if error.errno == errno.EACCES else ""
            raise PortInUse(said, hint=f"Choose another with --port.{least}", port=port) from error
        raise AddressUnusable(said, hint=_HOST, host=host) from error
    listener.listen(ACCEPTED_AT_ONCE)
    listener.set_inheritable(False)
    return listener
