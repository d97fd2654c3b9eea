"""Defers the elliptic-curve precompiles until a contract calls one, and has them look at the budget.

py-evm imports them, and py_ecc's tables with them, at once: a third of the time to start, for what no
contract of ours calls. Here their modules are stood in for by functions that import the real one when run.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from types import ModuleType
from typing import Any

from freehold.chain.embedded.budget import interruptible

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
    return getattr(_real(module), function)(*computation, **prices)


@functools.cache
def _real(name: str) -> ModuleType:
    with _loading:
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


def _interruptible(step: Any) -> Any:
    # a curried function hands its calls to what it was made of
    return type(step)(interruptible(step.func)) if hasattr(step, "func") else interruptible(step)
