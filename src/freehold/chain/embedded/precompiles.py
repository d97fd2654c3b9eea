"""Precompiled contracts: kept from running longer than their budget can stop them, and from being loaded unused.

A precompile is one uninterrupted piece of Python or C, so a huge one would hold the chain however small the
budget is. Those with loops look at the budget between their points; those without are refused over a size.
A refusal ends the whole call or transaction: no contract ever sees a result that Ethereum would not give.

py-evm imports the elliptic curves, and py_ecc's tables with them, at once: a third of the time to start, for what
no contract of ours calls. Their modules are stood in for by functions that import the real one when run.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import current, uncharged
from freehold.chain.embedded.faults import LIMIT, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

_FUNCTIONS = {
    "eth.precompiles.ecadd": ("ecadd",),
    "eth.precompiles.ecmul": ("ecmul",),
    "eth.precompiles.ecpairing": ("ecpairing",),
    "eth.precompiles.bls12_381": (
        "bls12_g1_add",
        "bls12_g1_msm",
        "bls12_g2_add",
        "bls12_g2_msm",
        "bls12_map_fp2_to_g2",
        "bls12_map_fp_to_g1",
        "bls12_pairing_check",
    ),
}
_STEPS = {
    "eth.precompiles.ecpairing": ("_process_point",),
    "eth.precompiles.bls12_381.bls12_381_g1": ("bls12_multiply_optimized",),
    "eth.precompiles.bls12_381.bls12_381_g2": ("bls12_multiply_optimized",),
    "eth.precompiles.bls12_381.bls12_381_pairing": ("bls12_multiply_optimized", "pairing"),
}
"""What the long ones repeat for every point, a third of a second each at most."""
_loading = threading.RLock()


def defer() -> None:
    """Stand in for each module that nobody has imported; to be called before `eth` is imported."""
    for name, functions in _FUNCTIONS.items():
        if name not in sys.modules and "eth.precompiles" not in sys.modules:
            stand_in = ModuleType(name)
            for function in functions:
                setattr(stand_in, function, functools.partial(_run, name, function))
            sys.modules[name] = stand_in


def _run(module: str, function: str, *computation: Any, **prices: int) -> Any:
    """Call the real function; without a computation, the same with these prices (py-evm curries them)."""
    if not computation:
        return functools.partial(_run, module, function, **prices)
    return getattr(_loaded(_real, module), function)(*computation, **prices)


@functools.cache
def _real(name: str) -> ModuleType:
    most_frames = sys.getrecursionlimit()
    sys.modules.pop(name, None)
    module = importlib.import_module(name)
    for part, steps in _STEPS.items():
        if part.startswith(name):
            found = sys.modules[part]
            for step in steps:
                setattr(found, step, _interruptible(getattr(found, step)))
    # py_ecc raises it to 100,000, see `machine`
    sys.setrecursionlimit(most_frames)
    return module


def _loaded(load: Callable[..., Any], *given: Any) -> Any:
    """What a cached function loads, once however many threads need it first."""
    with _loading, uncharged():
        return load(*given)


def _interruptible(step: Any) -> Any:
    """A step of a longer precompile, before which the budget is looked at."""
    if hasattr(step, "func"):
        # a curried function hands its calls to what it was made of
        return type(step)(_interruptible(step.func))

    @functools.wraps(step)
    def run(*given: Any) -> Any:
        current().check()
        return step(*given)

    return run


MOST_ROUNDS = 100_000
"""Rounds of BLAKE2's F in one call, in plain Python half a second; the hash itself takes 12."""
MOST_MODEXP_BYTES = 1_024
"""Base, exponent and modulus, each: the bound of EIP-7823. The worst takes 0.7 s."""

_MODEXP, _BLAKE2F = (number.to_bytes(20, "big") for number in (5, 9))


def _modexp(original: Any, computation: Any) -> Any:
    data = computation.msg.data_as_bytes
    head = data[:96].ljust(96, b"\0")
    base, exponent, modulus = (int.from_bytes(head[at : at + 32], "big") for at in (0, 32, 64))
    is_long = max(base, exponent, modulus) > MOST_MODEXP_BYTES and (base or modulus)
    # what cannot pay fails as anywhere
    if is_long and original.keywords["gas_calculator"](data) <= computation.get_gas_remaining():
        raise Fault(LIMIT, f"modexp of numbers over {MOST_MODEXP_BYTES} bytes is refused here (EIP-7823)")
    original(computation)
    if modulus and not base:
        # py-evm takes it for 0 whatever the exponent; to the power of 0 it is 1 (EIP-198)
        power, divisor = data[96 : 96 + exponent], data[96 + exponent :][:modulus].ljust(modulus, b"\0")
        is_one = not any(power) and int.from_bytes(divisor, "big") > 1
        computation.output = int(is_one).to_bytes(modulus, "big")
    return computation


def _blake2f(original: Callable[[Any], Any], computation: Any) -> Any:
    data = computation.msg.data_as_bytes
    rounds = int.from_bytes(data[:4], "big")
    # what cannot pay for its rounds fails as anywhere
    if len(data) == 213 and MOST_ROUNDS < rounds <= computation.get_gas_remaining():
        raise Fault(LIMIT, f"more than {MOST_ROUNDS:,} rounds of blake2f in one call are refused here")
    return original(computation)


def guarded() -> dict[bytes, Callable[[Any], Any]]:
    """Prague's precompiles by address, each behind its guard."""
    from eth.vm.forks.prague.computation import PragueComputation  # noqa: PLC0415 - after `defer`

    kzg: Any = importlib.import_module("eth.precompiles.point_evaluation")
    # py-evm reads the setup anew at every call, which takes over a second
    kzg.load_trusted_setup = functools.partial(_loaded, functools.cache(kzg.load_trusted_setup))
    known: Any = PragueComputation.get_precompiles()
    found: dict[bytes, Callable[[Any], Any]] = dict(known)
    for address, guard in ((_MODEXP, _modexp), (_BLAKE2F, _blake2f)):
        found[address] = functools.partial(guard, found[address])
    return found
