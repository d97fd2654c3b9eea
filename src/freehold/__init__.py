"""Freehold: own the data, models and agents you make.

```
import freehold

node = freehold.connect("~/.freehold")     # a node that `freehold up` runs
node.publish("patients.csv", "ill", price="2.50")
freehold.verify("evidence")                # needs no node
```

See `freehold.shell.library.node` for the whole library; nothing of it is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.core.version import VERSION

if TYPE_CHECKING:
    from freehold.features.training.library import Training
    from freehold.shell.library.node import Node, connect, verify

__all__ = ["Node", "Training", "__version__", "connect", "verify"]

__version__ = VERSION


def __getattr__(name: str) -> object:
    if name in __all__:
        # `import freehold` stays light
        from freehold.features.training import library as training  # noqa: PLC0415
        from freehold.shell.library import node as api  # noqa: PLC0415

        return getattr(training if name == "Training" else api, name)
    raise AttributeError(f"module 'freehold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
