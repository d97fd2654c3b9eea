"""A chain for the contract tests: accounts, deployments, calls, decoded reverts and events over plain JSON-RPC."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from eth_utils import to_checksum_address

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "src" / "freehold" / "chain" / "artifacts"
FOR_TESTS = Path(__file__).resolve().parent / "artifacts"
FOLDERS = (*map(Path, filter(None, [os.environ.get("FREEHOLD_MUTANT_ARTIFACTS")])), SHIPPED, FOR_TESTS)
"""Where artifacts are looked up, first found first; test_mutants.py puts a changed contract in front."""
NAMES = (
    "TestDollar",
    "LogAnchors",
    "Revocations",
    "Assets",
    "Market",
    "ModelShares",
    "Revenue",
    "Channels",
    "Timestamps",
)
FAR = 2**48 - 1
RECEIVE_FIELDS = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"


class Reverted(Exception):
    """A contract refused, with its custom error."""

    def __init__(self, name: str, args: tuple) -> None:
        super().__init__(f"{name}{args}")
        self.name = name
        self.values = args


@cache
def artifact(name: str) -> dict[str, Any]:
    paths = (folder / f"{name}.json" for folder in FOLDERS)
    return json.loads(next(path for path in paths if path.exists()).read_text())


def kinds(parameters: list[dict]) -> list[str]:
    return [
        item["type"].replace("tuple", f"({','.join(kinds(item['components']))})")
        if item["type"].startswith("tuple")
        else item["type"]
        for item in parameters
    ]


def selector(entry: dict) -> bytes:
    return keccak(f"{entry['name']}({','.join(kinds(entry['inputs']))})".encode())


@cache
def errors() -> dict[bytes, dict]:
    paths = [*SHIPPED.glob("*.json"), *FOR_TESTS.glob("*.json")]
    entries = [entry for path in paths for entry in json.loads(path.read_text())["abi"]]
    return {selector(entry)[:4]: entry for entry in entries if entry["type"] == "error"}


def decoded_revert(data: bytes) -> Reverted:
    if data[:4] == bytes.fromhex("08c379a0"):
        return Reverted("Error", decode(["string"], data[4:]))
    if data[:4] == bytes.fromhex("4e487b71"):
        return Reverted("Panic", decode(["uint256"], data[4:]))
    if (entry := errors().get(data[:4])) is None:
        return Reverted("", (data,))
    return Reverted(entry["name"], decode(kinds(entry["inputs"]), data[4:]))


@dataclass(frozen=True)
class Contract:
    name: str
    address: str

    def entry(self, function: str, args: tuple) -> dict:
        found = [
            entry
            for entry in artifact(self.name)["abi"]
            if entry["type"] == "function" and entry["name"] == function and len(entry["inputs"]) == len(args)
        ]
        assert len(found) == 1, f"{self.name}.{function} with {len(args)} arguments: {len(found)}"
        return found[0]

    def calldata(self, function: str, *args: Any) -> bytes:
        entry = self.entry(function, args)
        return selector(entry)[:4] + encode(kinds(entry["inputs"]), args)


@dataclass(frozen=True)
class Signer:
    """An account, and the key that signs for it (another's, if the account is a contract)."""

    address: str
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Sent:
    gas_used: int
    events: list[tuple[str, tuple]]
    block: str
    world: "World" = field(repr=False)

    @property
    def block_time(self) -> int:
        return int(self.world.rpc("eth_getBlockByNumber", self.block, False)["timestamp"], 16)


class World:
    """One chain with the nine contracts on it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._url = url
        self._ids = count(1)
        self._keys = count(1)
        self._nonces: dict[str, int] = {}
        self._domains: dict[Contract, tuple[str, str]] = {}
        self.chain_id = int(self.rpc("eth_chainId"), 16)
        self._gas_price = 2 * int(self.rpc("eth_gasPrice"), 16)
        self.deployer = self.account()
        self.contracts: dict[str, Contract] = {}
        for name in NAMES:
            needed = artifact(name)["constructor"]
            self.contracts[name] = self.deploy(name, *[self.contracts[other].address for other in needed])

    def __getattr__(self, name: str) -> Contract:
        """The contract TestDollar as `world.TestDollar`, and so on."""
        try:
            return self.__dict__["contracts"][name]
        except KeyError:
            raise AttributeError(name) from None

    def close(self) -> None:
        self._http.close()

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        answer = self._http.post(self._url, json=body).json()
        if "error" in answer:
            data = answer["error"].get("data")
            data = data.get("data") if isinstance(data, dict) else data
            if isinstance(data, str) and data.startswith("0x"):
                raise decoded_revert(bytes.fromhex(data[2:]))
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def account(self) -> Signer:
        """A new account with gas money."""
        key = keccak(b"contract tests" + next(self._keys).to_bytes(4, "big"))
        address = Account.from_key(key).address.lower()
        self.rpc("anvil_setBalance", address, hex(10**20))
        return Signer(address, key)

    def contract_account(self) -> Signer:
        """A new ERC-1271 account with the key that signs for it."""
        key = self.account()
        return Signer(self.deploy("ContractAccount", key.address).address, key.key)

    def deploy(self, name: str, *args: Any) -> Contract:
        made = artifact(name)
        inputs = next((kinds(entry["inputs"]) for entry in made["abi"] if entry["type"] == "constructor"), [])
        data = bytes.fromhex(made["bytecode"][2:]) + encode(inputs, args)
        receipt = self._transact(self.deployer, None, data)
        assert int(receipt["status"], 16) == 1, name
        return Contract(name, receipt["contractAddress"].lower())

    def now(self) -> int:
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def next_block_at(self, moment: int) -> None:
        """The next transaction happens exactly at `moment`, Unix seconds."""
        self.rpc("evm_setNextBlockTimestamp", hex(moment))

    def wait(self, seconds: int) -> None:
        self.rpc("evm_increaseTime", hex(seconds))
        self.rpc("evm_mine")

    def read(self, contract: Contract, function: str, *args: Any, sender: Signer | None = None) -> Any:
        data = contract.calldata(function, *args)
        call = {"to": contract.address, "data": "0x" + data.hex(), "from": (sender or self.deployer).address}
        raw = bytes.fromhex(self.rpc("eth_call", call, "latest")[2:])
        values = decode(kinds(contract.entry(function, args)["outputs"]), raw)
        return values[0] if len(values) == 1 else values

    def send(self, sender: Signer, contract: Contract, function: str, *args: Any) -> Sent:
        """Raises: Reverted, when the contract refuses."""
        data = contract.calldata(function, *args)
        receipt = self._transact(sender, contract.address, data)
        if int(receipt["status"], 16) != 1:
            call = {"to": contract.address, "data": "0x" + data.hex(), "from": sender.address}
            self.rpc("eth_call", call, "latest")
            raise AssertionError(f"{function} failed in its transaction but not when called")
        return Sent(int(receipt["gasUsed"], 16), self._events(receipt["logs"]), receipt["blockNumber"], self)

    def storage(self, contract: Contract, slot: bytes) -> int:
        return int(self.rpc("eth_getStorageAt", contract.address, "0x" + slot.hex(), "latest"), 16)

    def balance(self, holder: Signer | Contract, token: Contract | None = None) -> int:
        return self.read(token or self.TestDollar, "balanceOf", holder.address)

    def balances(self, holders: list[Signer | Contract], token: Contract) -> list[int]:
        """All of them at one block, in one request."""
        batch = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "eth_call",
                "params": [
                    {
                        "to": token.address,
                        "data": "0x" + token.calldata("balanceOf", holder.address).hex(),
                    },
                    "latest",
                ],
            }
            for number, holder in enumerate(holders)
        ]
        answers = self._http.post(self._url, json=batch).json()
        return [int(answer["result"], 16) for answer in sorted(answers, key=lambda answer: answer["id"])]

    def mint(self, holder: Signer | Contract, amount: int, token: Contract | None = None) -> None:
        self.send(self.deployer, token or self.TestDollar, "mint", holder.address, amount)

    def sign(self, signer: Signer, contract: Contract, struct: str, *values: Any, **domain: Any) -> bytes:
        """The EIP-712 signature over `struct` ("Name(type field,...)") in the domain the contract declares."""
        if contract not in self._domains:
            self._domains[contract] = self.domain(contract)
        name, version = self._domains[contract]
        declared = {
            "name": name,
            "version": version,
            "chainId": self.chain_id,
            "verifyingContract": contract.address,
        }
        return typed_signature(signer.key, {**declared, **domain}, struct, values)

    def domain(self, contract: Contract) -> tuple[str, str]:
        fields, name, version, chain_id, verifying, salt, extensions = self.read(contract, "eip712Domain")
        assert (fields, chain_id, verifying) == (b"\x0f", self.chain_id, contract.address)
        assert (salt, extensions) == (bytes(32), ())
        return name, version

    def authorize(
        self, payer: Signer, payee: Contract, amount: int, nonce: bytes, token: Contract | None = None
    ) -> bytes:
        """EIP-3009: `payer` lets `payee` collect dollars, at any time."""
        struct = f"ReceiveWithAuthorization({RECEIVE_FIELDS})"
        values = (payer.address, payee.address, amount, 0, FAR, nonce)
        return self.sign(payer, token or self.TestDollar, struct, *values)

    def _transact(self, sender: Signer, to: str | None, data: bytes) -> dict:
        nonce = self._nonces.get(sender.address, 0)
        transaction = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gas": 15_000_000,
            "maxFeePerGas": self._gas_price,
            "maxPriorityFeePerGas": 1,
            "value": 0,
            "data": data,
        }
        if to is not None:
            transaction["to"] = to_checksum_address(to)
        signed = Account.sign_transaction(transaction, sender.key)
        sent = self.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x"))
        self._nonces[sender.address] = nonce + 1
        for _ in range(2_000):
            if (receipt := self.rpc("eth_getTransactionReceipt", sent)) is not None:
                return receipt
        raise AssertionError("the transaction was not mined")

    def _events(self, logs: list[dict]) -> list[tuple[str, tuple]]:
        return [decoded for log in logs if (decoded := decoded_event(log)) is not None]


@cache
def event_types() -> dict[tuple[bytes, int], dict]:
    """By first topic and number of topics: ERC-20 and ERC-721 give one name to events of different form."""
    entries = [entry for name in NAMES for entry in artifact(name)["abi"] if entry["type"] == "event"]
    return {
        (selector(entry), 1 + sum(item["indexed"] for item in entry["inputs"])): entry for entry in entries
    }


def decoded_event(log: dict) -> tuple[str, tuple] | None:
    """Name and values in the declared order; None for an event that is not of the nine contracts."""
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    if (entry := event_types().get((topics[0], len(topics)))) is None:
        return None
    indexed = [item["indexed"] for item in entry["inputs"]]
    types = kinds(entry["inputs"])
    plain = iter(
        decode(
            [kind for kind, is_topic in zip(types, indexed, strict=True) if not is_topic],
            bytes.fromhex(log["data"][2:]),
        )
    )
    topic = iter(topics[1:])
    return entry["name"], tuple(
        decode([kind], next(topic))[0] if is_topic else next(plain)
        for kind, is_topic in zip(types, indexed, strict=True)
    )


def typed_signature(key: bytes, domain: dict, struct: str, values: tuple) -> bytes:
    """EIP-712 by eth-account, which shares no code with Freehold's own encoder."""
    name, _, rest = struct.partition("(")
    members = [part.split(" ") for part in rest.rstrip(")").split(",")]
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            name: [{"name": label, "type": kind} for kind, label in members],
        },
        "primaryType": name,
        "domain": domain,
        "message": {label: value for (_, label), value in zip(members, values, strict=True)},
    }
    return bytes(Account.sign_message(encode_typed_data(full_message=message), key).signature)


def slot_of(key_types: list[str], keys: list[Any], base: int = 0) -> bytes:
    """Storage slot of a (nested) mapping's value, by Solidity's layout."""
    slot = base.to_bytes(32, "big")
    for kind, key in zip(key_types, keys, strict=True):
        slot = keccak(encode([kind], [key]) + slot)
    return slot


def id_of(types: list[str], *values: Any) -> bytes:
    """keccak256(abi.encode(...)), as the contracts make their ids."""
    return keccak(encode(types, values))


class SplitTree:
    """OpenZeppelin StandardMerkleTree over (account, shares), written from its description."""

    def __init__(self, owners: dict[str, int]) -> None:
        self.leaves = sorted((self.leaf(account, shares), account) for account, shares in owners.items())
        size = len(self.leaves)
        self._tree = [b""] * (2 * size - 1)
        for position, (value, _) in enumerate(self.leaves):
            self._tree[-1 - position] = value
        for index in range(size - 2, -1, -1):
            self._tree[index] = keccak(b"".join(sorted(self._tree[2 * index + 1 : 2 * index + 3])))

    @staticmethod
    def leaf(account: str, shares: int) -> bytes:
        return keccak(keccak(encode(["address", "uint256"], [account, shares])))

    @property
    def root(self) -> bytes:
        return self._tree[0]

    def proof(self, account: str) -> list[bytes]:
        position = [owner for _, owner in self.leaves].index(account)
        index, path = len(self._tree) - 1 - position, []
        while index > 0:
            path.append(self._tree[index - 1 if index % 2 == 0 else index + 1])
            index = (index - 1) // 2
        return path


@contextmanager
def refused(name: str, *values: Any) -> Iterator[None]:
    """The block must end in the custom error `name`, with exactly `values` where given."""
    with pytest.raises(Reverted) as caught:
        yield
    assert caught.value.name == name, caught.value
    if values:
        assert caught.value.values == values
