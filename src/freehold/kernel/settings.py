"""Settings of one node and the file they are kept in, `HOME/config.toml`.

Where each value comes from in the end is decided in `setting_sources`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Self

from freehold import durable, plain_file
from freehold.core import causes, origins
from freehold.core.errors import InvalidInput
from freehold.core.ids import require_name
from freehold.kernel import installed
from freehold.kernel.databases import address
from freehold.kernel.installed import Setting

DEFAULT_RPC_URL = "http://127.0.0.1:8545"
DEFAULT_PORT = 7400
MOST_FILE_BYTES = 1 << 20
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what they stand for
"""Addresses to listen on that stand for all of the machine, and where programs on it find what listens there."""
LIMITS = ("spend_per_act_micro", "spend_per_day_micro")
"""Settings in millionths of a dollar that a running node counts at once."""
CHOICES: dict[str, tuple[str, ...]] = {
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
    "metrics": ("loopback", "all", "off"),
    "allow_private_peers": ("auto", "yes", "no"),
}
"""Settings that are one of a few words."""
LEAST: dict[str, int] = {
    "max_table_bytes": 1,
    "max_fee_wei": 0,
    "spend_per_act_micro": 0,
    "spend_per_day_micro": 0,
    "anchor_every_seconds": 0,
    "anchor_least_seconds": 0,
    "gas_per_day": 0,
    "micro_per_eth": 0,
    "address_requests_per_minute": 0,
    "peer_requests_per_minute": 0,
    "heavy_requests_at_once": 1,
    "connections_per_address": 1,
}
"""The smallest value of settings that are numbers."""
_SAID = [(owner, one) for owner, every in installed.said("settings", "SETTINGS") for one in every]
ADDED: tuple[Setting, ...] = tuple(one for _, one in _SAID)
"""Settings of features."""
CHOICES |= {one.name: one.choices for one in ADDED if one.choices}
LEAST |= {one.name: one.least for one in ADDED if one.least is not None}


@dataclass(frozen=True)
class OwnSettings:
    """One node's settings, as far as no feature adds some, with their defaults."""

    name: str = ""
    """What others see; asked for at first start."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = DEFAULT_PORT
    """Port to listen on; 0 takes a free one."""
    rpc_url: str = DEFAULT_RPC_URL
    """JSON-RPC endpoint of the chain."""
    practice: str = ""
    """Folder of a practice network with play money, which this node keeps running on this machine; one without a leading / lies in the home. Empty means none; a `rpc_url` that is set counts before it."""
    peers: tuple[str, ...] = ()
    """Nodes whose catalogues `search` reads."""
    allow_private_peers: str = "auto"
    """Whether nodes that others name may be on this machine or its network: yes, no, or auto for only where this node's own endpoint is. What you add to `peers` may be there in any case."""
    blobs: str = ""
    """Where encrypted payloads lie: a folder or an s3:// URL; empty means HOME/blobs."""
    database: str = ""
    """postgresql://USER@HOST/NAME, without a password; empty means SQLite in HOME."""
    token: str = ""
    """Address of the dollar token; empty means the test dollar of a local chain."""
    endpoint: str = ""
    """Address under which others reach this node, http://HOST or https://HOST, with :PORT where it is not 80 or 443; empty means where it listens."""
    console_hosts: tuple[str, ...] = ()
    """Host names, besides this machine's own, under which the web console answers, over HTTPS by a proxy; who reaches one sees its log-in."""
    console_idle_minutes: int = 30
    """Minutes without a click after which the web console logs out."""
    max_table_bytes: int = 256 * 1024 * 1024
    """Largest table file that `publish` accepts."""
    log_level: str = "info"
    """Least that is logged: debug, info, warning or error."""
    log_format: str = "text"
    """How it is logged: text, or json for one JSON object a line."""
    metrics: str = "loopback"
    """Who may read /metrics: loopback (this machine, not through a proxy), all, or off for nobody."""
    max_fee_wei: int = 0
    """Most that one transaction may cost, in wei; 0 means the network's own limit."""
    spend_per_act_micro: int = 0
    """Most that one act of yours may cost (a call with its deposit, a grant, a training job), in millionths of a dollar; 0 is not set. With neither this nor the next set, what costs money is refused unless the act says what it may take; with only the next set, an act that takes more than $100, or a tenth of the day's limit if that is more, is refused, too."""
    spend_per_day_micro: int = 0
    """Most that leaves the wallet in any 24 hours, deposits included, in millionths of a dollar; 0 is not set."""
    gas_per_day: int = 0
    """Most gas in 24 hours for what the node sends by itself, and up to ten times as much for what brings many times its cost; 0 means 5,000,000, and no limit on the local chain, where gas is free."""
    micro_per_eth: int = 0
    """What the coin that gas is paid in costs, in micro-dollars, to tell whether an act is worth its gas; 0 means 5,000,000,000, and that gas is free on the local chain."""
    contract_payers: bool = False
    """Whether accounts with code may pay by vouchers or transfers; their signatures count only while their code says so."""
    anchor_every_seconds: int = 86_400
    """How often a log that has grown is anchored on chain; 0 means only by its owner, and at the end of a run."""
    anchor_least_seconds: int = 3_600
    """Least time between anchors that the end of a run calls for; asking for a proof calls for none."""
    address_requests_per_minute: int = 12_000
    """Requests one network address may send; a sixth of it at once. 0 means any number."""
    peer_requests_per_minute: int = 3_000
    """Signed requests one party may send; a sixth of it at once. 0 means any number."""
    heavy_requests_at_once: int = 4
    """Training, evidence and proofs for peers that are worked on at the same time; others wait their turn."""
    connections_per_address: int = 100
    """Open connections one network address may hold, or requests under way through trusted proxies; this machine may hold more."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses or networks of proxies whose X-Forwarded-For is believed."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidInput(f"{self.port} is not a port", hint="Ports are 0 to 65535; 0 takes a free one.")
        if not 1 <= self.console_idle_minutes <= 1_440:
            raise InvalidInput("console_idle_minutes is 1 to 1440", hint="30 is the default.")
        if self.host.startswith("[") and self.host.endswith("]"):
            # as addresses are written in URLs
            object.__setattr__(self, "host", self.host[1:-1])
        if self.endpoint:
            with said_by("endpoint"):
                object.__setattr__(self, "endpoint", str(origins.parse(self.endpoint)))
        object.__setattr__(self, "peers", tuple(map(origins.spelled, self.peers)))
        if self.database:
            address.parse(self.database)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidInput(
                    f"{getattr(self, name)[:40]!r} is not a {name}", hint=f"Choose {', '.join(choices)}."
                )
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise InvalidInput(f"{name} is at least {least}", hint="See docs/reference/settings.md.")

    def with_overrides(self, **given: Any) -> Self:
        """These settings with every value that is not None replaced. Raises `InvalidInput`: the name is none."""
        if given.get("name"):
            require_name(given["name"])
        return replace(self, **{name: value for name, value in given.items() if value is not None})


installed.require_once(
    "setting",
    [
        *((installed.KERNEL, one.name) for one in fields(OwnSettings)),
        *((owner, one.name) for owner, one in _SAID),
    ],
)

if TYPE_CHECKING:

    class Settings(OwnSettings):
        """One node's settings: the kernel's, and those that features add."""

        def __init__(self, **values: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    Settings = make_dataclass(
        "Settings",
        [(one.name, type(one.default), field(default=one.default)) for one in ADDED],
        bases=(OwnSettings,),
        frozen=True,
    )


@contextmanager
def said_by(source: object) -> Iterator[None]:
    """What makes no sense in here is refused with the name of where it was found."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error.message}", hint=error.hint) from error


def load(home: Path) -> Settings:
    """Read `HOME/config.toml`; defaults where it is absent.

    Raises `InvalidInput`: unreadable, an unknown setting or a wrong type.
    """
    values = stored(home)
    with said_by(home / "config.toml"):
        return Settings(**values)


def stored(home: Path) -> dict[str, Any]:
    """What `HOME/config.toml` says, each value of its setting's type.

    Raises `InvalidInput`: unreadable, an unknown setting or a wrong type.
    """
    path = home / "config.toml"
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(plain_file.text(path, MOST_FILE_BYTES))
    except OSError as error:
        raise causes.of(error, f"read the settings in {path}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InvalidInput(f"{path} is not UTF-8 text", hint="Save the file as UTF-8.") from error
        raise InvalidInput(f"cannot read {path}: {error}", hint="Mend or delete the file.") from error
    known = {one.name: one for one in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            # not passed over: a limit that is spelled wrong would then be none
            raise InvalidInput(
                f"{path}: unknown setting {name}",
                hint=f"Mend its name; if a newer Freehold kept it, take its line out. Settings are: {', '.join(known)}.",
            )
        expected = type(known[name].default)
        if expected is tuple:
            fits, wanted = (
                isinstance(value, list) and all(isinstance(item, str) for item in value),
                "a list of text",
            )
        else:
            fits, wanted = type(value) is expected, expected.__name__
        if not fits:
            raise InvalidInput(f"{path}: {name} must be {wanted}", hint="See docs/reference/settings.md.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def text(values: Mapping[str, Any]) -> str:
    """As `config.toml` holds them."""
    # JSON strings, numbers and lists of strings are TOML too, but for pairs of surrogates and a bare DEL
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())
    return "".join(lines).replace("\x7f", "\\u007F")


def save(home: Path, settings: Settings, *chosen: str) -> None:
    """Write `HOME/config.toml` whole or not at all: what stands there, what is `chosen`, what is not as by default.

    So an earlier program reads it too, unless something was chosen that it does not know.
    Raises `InvalidInput`: it could not be read back.
    """
    usual, stood = asdict(Settings()), stored(home)
    said = {
        name: value
        for name, value in asdict(settings).items()
        if name in stood or name in chosen or value != usual[name]
    }
    try:
        written = text(said)
        written.encode()
        tomllib.loads(written)
    except ValueError as error:
        raise InvalidInput(f"these settings cannot be kept: {error}", hint="Take plain text.") from error
    with causes.explained("keep the settings"):
        write_private(home / "config.toml", written)


def token(path: Path) -> str:
    """The token in a file, made where there is none."""
    # a full disk may have left it empty, and an empty token opens nothing
    with causes.explained("keep a token"):
        if not path.exists() or not plain_file.content(path, MOST_FILE_BYTES).strip():
            write_private(path, token_urlsafe(32) + "\n")
        return plain_file.text(path, MOST_FILE_BYTES).strip()


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    durable.write(path, text.encode(), replace=True)
