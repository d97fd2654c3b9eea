"""Precompiled contracts, kept from running longer than their budget can stop them.

A precompile is one uninterrupted piece of Python or C, so a huge one would hold the chain however small the
budget is. Those with loops look at the budget between their points; those without are refused over a size.
A refusal ends the whole call or transaction: no contract ever sees a result that Ethereum would not give.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

from eth.vm.forks.prague.computation import PragueComputation

from freehold.chain.embedded.faults import LIMIT, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_ROUNDS = 100_000
"""Rounds of BLAKE2's F in one call, in plain Python half a second; the hash itself takes 12."""
MOST_MODEXP_BYTES = 1_024
"""Base, exponent and modulus, each: the bound of EIP-7823. The worst takes 0.7 s."""

_MODEXP, _BLAKE2F = (number.to_bytes(20, "big") for number in (5, 9))


def _modexp(original: Callable[[Any], Any], computation: Any) -> Any:
    data = computation.msg.data_as_bytes[:96].ljust(96, b"\0")
    if any(int.from_bytes(data[at : at + 32], "big") > MOST_MODEXP_BYTES for at in (0, 32, 64)):
        raise Fault(LIMIT, f"modexp of numbers over {MOST_MODEXP_BYTES} bytes is refused here (EIP-7823)")
    return original(computation)


def _blake2f(original: Callable[[Any], Any], computation: Any) -> Any:
    data = computation.msg.data_as_bytes
    rounds = int.from_bytes(data[:4], "big")
    # what cannot pay for its rounds fails as anywhere
    if len(data) == 213 and MOST_ROUNDS < rounds <= computation.get_gas_remaining():
        raise Fault(LIMIT, f"more than {MOST_ROUNDS:,} rounds of blake2f in one call are refused here")
    return original(computation)


def guarded() -> dict[bytes, Callable[[Any], Any]]:
    """Prague's precompiles by address, each behind its guard."""
    kzg: Any = importlib.import_module("eth.precompiles.point_evaluation")
    # py-evm reads the setup anew at every call, which takes over a second
    kzg.load_trusted_setup = functools.cache(kzg.load_trusted_setup)
    known: Any = PragueComputation.get_precompiles()
    found: dict[bytes, Callable[[Any], Any]] = dict(known)
    for address, guard in ((_MODEXP, _modexp), (_BLAKE2F, _blake2f)):
        found[address] = functools.partial(guard, found[address])
    return found
