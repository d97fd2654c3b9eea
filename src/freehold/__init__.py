"""Freehold: own the data, models and agents you make.

```
import freehold

node = freehold.connect("~/.freehold")     # a node that `freehold up` runs
node.publish("patients.csv", "ill", price="2.50")
freehold.verify("evidence")                # needs no node
freehold.Buyer(key="wallet.key", url="http://127.0.0.1:7403", rpc_url="http://127.0.0.1:8545")  # nor does this
```

See `freehold.shell.library.node` for the whole library; nothing of it is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from freehold.core.version import VERSION

if TYPE_CHECKING:
    from freehold.features.gateway.wallet import Buyer
    from freehold.features.training.library import Training
    from freehold.shell.library.node import Node, connect, verify

__all__ = ["Buyer", "Node", "Training", "__version__", "connect", "verify"]

__version__ = VERSION


_HOMES = {
    "Buyer": "freehold.features.gateway.wallet",
    "Training": "freehold.features.training.library",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        # `import freehold` stays light
        return getattr(import_module(_HOMES.get(name, "freehold.shell.library.node")), name)
    raise AttributeError(f"module 'freehold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
