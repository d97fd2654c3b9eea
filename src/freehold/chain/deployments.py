"""The contracts Freehold ships, where they stand on every chain, and putting them there.

An address follows from the bytecode alone (EIP-1014 through the deterministic deployment proxy, salt
zero), so two strangers on one network meet at the same contracts without a registry, and a contract
at the address IS that bytecode.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from eth_hash.auto import keccak

from freehold.chain.abi import Abi, Interface, encode
from freehold.chain.errors import ContractNotDeployed, ContractReverted
from freehold.core.errors import NotFound

if TYPE_CHECKING:
    from freehold.chain.answers import TxReceipt
    from freehold.chain.rpc import Rpc

ARTIFACTS = Path(__file__).parent / "artifacts"
PROXY = "0x4e59b44847b379578588920ca78fbf26c0b4956c"
"""Deterministic deployment proxy, on most networks (github.com/Arachnid/deterministic-deployment-proxy)."""
_SALT = bytes(32)


@dataclass(frozen=True, eq=False)
class Artifact:
    """A compiled contract."""

    name: str
    abi: Abi
    bytecode: bytes
    """Creation code without constructor arguments."""
    constructor: tuple[str, ...]
    """Contracts whose addresses the constructor takes, in order."""

    @functools.cached_property
    def interface(self) -> Interface:
        """Its functions, events and errors."""
        return Interface(self.abi)


class Chain(Protocol):
    """The chain that contracts are looked for and put on; a `client.Chain`."""

    rpc: Rpc

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""

    def code(self, account: str) -> bytes:
        """Code of a contract."""

    def submit_data(self, key: bytes, to: str, data: bytes, *, contract: tuple[str, Abi]) -> str:
        """Send calldata; returns the transaction hash."""

    def settled(self, tx_hash: str, *, contract: tuple[str, Abi]) -> TxReceipt:
        """The receipt, once the transaction is in the chain."""


class Deployments:
    """The artifacts of a folder and the addresses that follow from them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._addresses: dict[str, str] = {}

    @functools.cached_property
    def _artifacts(self) -> dict[str, Artifact]:
        return {path.stem: _load(path) for path in sorted(self._folder.glob("*.json"))}

    def names(self) -> list[str]:
        """Every contract, those that others need first."""
        ordered: list[str] = []
        for name in self._artifacts:
            self._visit(name, ordered, ())
        return ordered

    def artifact(self, name: str) -> Artifact:
        """A compiled contract. Raises `NotFound`."""
        try:
            return self._artifacts[name]
        except KeyError:
            raise NotFound(
                f"there is no contract named {name}", hint=f"known: {', '.join(self._artifacts) or 'none'}"
            ) from None

    def init_code(self, name: str) -> bytes:
        """Creation code with constructor arguments."""
        artifact = self.artifact(name)
        parameters = [{"name": one, "type": "address"} for one in artifact.constructor]
        arguments = tuple(self.address(one) for one in artifact.constructor)
        return artifact.bytecode + encode(parameters, arguments, f"constructor of {name}")

    def creation(self, name: str) -> bytes:
        """What the deployment proxy is sent to make a contract."""
        return _SALT + self.init_code(name)

    def address(self, name: str) -> str:
        """Where a contract stands on every chain, lower-case hex (EIP-1014)."""
        if name not in self._addresses:
            self._addresses[name] = create2_address(PROXY, _SALT, self.init_code(name))
        return self._addresses[name]

    def missing(self, chain: Chain) -> list[str]:
        """The contracts a chain does not hold yet, in the order to deploy them."""
        names = self.names()
        codes = chain.rpc.batch([("eth_getCode", self.address(name), "latest") for name in names])
        return [name for name, code in zip(names, codes, strict=True) if code in ("0x", None)]

    def deploy_missing(self, chain: Chain, key: bytes) -> dict[str, TxReceipt | None]:
        """Put every absent contract on the chain, paid by `key`; None for those already there."""
        absent = self.missing(chain)
        if absent and not chain.code(PROXY):
            raise ContractNotDeployed(
                f"the chain has no deployment proxy at {PROXY}",
                hint="deploy it first: github.com/Arachnid/deterministic-deployment-proxy",
                missing=["deployment proxy"],
            )
        receipts: dict[str, TxReceipt | None] = dict.fromkeys(self.names())
        for name in absent:
            contract = (self.address(name), self.artifact(name).abi)
            try:
                tx_hash = chain.submit_data(key, PROXY, self.creation(name), contract=contract)
                receipts[name] = chain.settled(tx_hash, contract=contract)
            except ContractReverted:
                # somebody else put it there meanwhile: anybody may, and it is the same code
                if not chain.code(self.address(name)):
                    raise
        self.check(chain)
        return receipts

    def check(self, chain: Chain) -> None:
        """Raise `ContractNotDeployed` naming what the chain lacks."""
        absent = self.missing(chain)
        if absent:
            raise ContractNotDeployed(
                f"chain {chain.chain_id} lacks {', '.join(absent)}",
                hint="deploy them once with a funded key, or check that the chain URL is the right network",
                missing=absent,
            )

    def _visit(self, name: str, ordered: list[str], above: tuple[str, ...]) -> None:
        if name in above:
            raise NotFound(f"constructors need each other: {' -> '.join((*above, name))}")
        if name not in ordered:
            for needed in self.artifact(name).constructor:
                self._visit(needed, ordered, (*above, name))
            ordered.append(name)


def create2_address(deployer: str, salt: bytes, init_code: bytes) -> str:
    """Address of a contract made by CREATE2 (EIP-1014), lower-case hex; `salt` has 32 bytes."""
    digest = keccak(b"\xff" + bytes.fromhex(deployer[2:]) + salt + keccak(init_code))
    return "0x" + digest[12:].hex()


def _load(path: Path) -> Artifact:
    read: dict[str, Any] = json.loads(path.read_text())
    return Artifact(
        name=read["name"],
        abi=read["abi"],
        bytecode=bytes.fromhex(read["bytecode"].removeprefix("0x")),
        constructor=tuple(read.get("constructor", ())),
    )


_SHIPPED = Deployments(ARTIFACTS)
# the contracts of this version of Freehold, as functions of the module
names, artifact, address, creation = _SHIPPED.names, _SHIPPED.artifact, _SHIPPED.address, _SHIPPED.creation
missing, deploy_missing, check = _SHIPPED.missing, _SHIPPED.deploy_missing, _SHIPPED.check
