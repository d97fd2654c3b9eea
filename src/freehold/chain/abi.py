"""Contract interfaces: values to calldata and back, by the JSON ABI.

Arguments are written as people have them: addresses and bytes as `0x` hex or bytes, structs as
dicts or sequences. Decoded addresses are lower-case hex, bytes are `bytes`, structs are tuples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_hash.auto import keccak
from eth_utils.abi import collapse_if_tuple

from freehold.core.errors import InvalidInput

Abi = list[dict[str, Any]]

_BUILT_IN: Abi = [
    {"type": "error", "name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
]


@dataclass(frozen=True)
class Entry:
    """A function, event or error of an interface."""

    name: str
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...] = ()

    @cached_property
    def types(self) -> list[str]:
        """Canonical types of the inputs."""
        return [collapse_if_tuple(one) for one in self.inputs]

    @cached_property
    def signature(self) -> str:
        """`name(type,...)`."""
        return f"{self.name}({','.join(self.types)})"

    @cached_property
    def digest(self) -> bytes:
        """Hash (keccak) of the signature: an event's first topic; its first 4 bytes select functions and errors."""
        return bytes(keccak(self.signature.encode()))

    def encode(self, arguments: tuple[Any, ...]) -> bytes:
        """Selector and arguments. Raises `InvalidInput`."""
        return self.digest[:4] + encode(list(self.inputs), arguments, self.signature)

    def decode_call(self, data: bytes) -> tuple[Any, ...]:
        """The arguments in calldata of this function. Raises `DecodingError`."""
        if data[:4] != self.digest[:4]:
            raise DecodingError(f"not a call of {self.signature}")
        return tuple(abi_decode(self.types, data[4:]))

    def decode_output(self, data: bytes) -> Any:
        """The returned value, a tuple when there are several. Raises `DecodingError`."""
        values = abi_decode([collapse_if_tuple(one) for one in self.outputs], data)
        return values[0] if len(values) == 1 else values


class Interface:
    """The functions, events and errors of one contract."""

    def __init__(self, abi: Abi) -> None:
        self._functions: dict[str, list[Entry]] = {}
        self.events: dict[str, Entry] = {}
        self.errors: dict[bytes, Entry] = {}
        for item in [*abi, *_BUILT_IN]:
            entry = Entry(item.get("name", ""), tuple(item.get("inputs", ())), tuple(item.get("outputs", ())))
            if item["type"] == "function":
                self._functions.setdefault(entry.name, []).append(entry)
            elif item["type"] == "event":
                self.events[entry.name] = entry
            elif item["type"] == "error":
                self.errors[entry.digest[:4]] = entry

    def function(self, name: str, arguments: tuple[Any, ...]) -> Entry:
        """The function of this name (or full signature) that takes so many arguments. Raises `InvalidInput`."""
        plain = name.partition("(")[0]
        named = self._functions.get(plain, [])
        fitting = [
            one
            for one in named
            if (one.signature == name if "(" in name else len(one.inputs) == len(arguments))
        ]
        if len(fitting) == 1:
            return fitting[0]
        known = ", ".join(one.signature for one in named) or "no function of that name"
        raise InvalidInput(
            f"{name} with {len(arguments)} arguments does not name one function",
            hint=f"the contract has: {known}",
        )

    def error(self, data: bytes) -> tuple[str, tuple[Any, ...]] | None:
        """Name and arguments of the custom error in revert data, when this interface knows it."""
        entry = self.errors.get(data[:4])
        if entry is None:
            return None
        try:
            return entry.name, tuple(abi_decode(entry.types, data[4:]))
        except DecodingError:
            return None


def encode(parameters: list[dict[str, Any]], arguments: tuple[Any, ...], what: str) -> bytes:
    """ABI-encode arguments. Raises `InvalidInput` naming `what`."""
    if len(parameters) != len(arguments):
        raise InvalidInput(f"{what} takes {len(parameters)} arguments, got {len(arguments)}")
    try:
        values = [_plain(one, value) for one, value in zip(parameters, arguments, strict=True)]
        return bytes(abi_encode([collapse_if_tuple(one) for one in parameters], values))
    except (EncodingError, ValueError, TypeError, KeyError) as error:
        raise InvalidInput(f"{what}: an argument does not fit its type: {error}") from error


def decode_log(entry: Entry, topics: list[bytes], data: bytes) -> dict[str, Any]:
    """Arguments of an event by name; indexed dynamic values are their keccak. Raises `DecodingError`."""
    indexed = [one for one in entry.inputs if one.get("indexed")]
    plain = [one for one in entry.inputs if not one.get("indexed")]
    if len(topics) != len(indexed) + 1:
        raise DecodingError("as many topics as indexed arguments were expected")
    found = dict(
        zip(
            (one["name"] for one in plain),
            abi_decode([collapse_if_tuple(one) for one in plain], data),
            strict=True,
        )
    )
    for one, topic in zip(indexed, topics[1:], strict=True):
        found[one["name"]] = topic if _is_dynamic(one) else abi_decode([collapse_if_tuple(one)], topic)[0]
    return {one["name"]: found[one["name"]] for one in entry.inputs}


def encode_topic(entry: Entry, name: str, value: Any) -> bytes:
    """The topic that an indexed argument has when it equals `value`. Raises `InvalidInput`."""
    for one in entry.inputs:
        if one["name"] == name and one.get("indexed") and not _is_dynamic(one):
            return encode([one], (value,), f"{entry.name}.{name}")
    raise InvalidInput(f"{entry.name} has no indexed argument {name}")


def _is_dynamic(parameter: dict[str, Any]) -> bool:
    kind = str(parameter["type"])
    return kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")


def _plain(parameter: dict[str, Any], value: Any) -> Any:
    """The value in the form eth-abi takes."""
    kind = str(parameter["type"])
    if kind.endswith("]"):
        element = {**parameter, "type": kind[: kind.rindex("[")]}
        return [_plain(element, one) for one in value]
    if kind == "tuple":
        members = parameter["components"]
        values = [value[one["name"]] for one in members] if isinstance(value, dict) else list(value)
        return tuple(_plain(one, each) for one, each in zip(members, values, strict=True))
    if kind.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if kind == "address" and isinstance(value, bytes):
        return "0x" + value.hex()
    return value
