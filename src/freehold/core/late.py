"""Libraries that take longer to load than most commands and the start of a node take: loaded when first used.

A file that has these names has the library as ever, but for module-level values, which would use it at once.

>>> isinstance(np, ModuleType) and int(np.arange(4).sum())
6
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["np", "npt"]


class Late(ModuleType):
    """A module that is loaded when something of it is asked for; threads that ask at once wait for one another."""

    def __getattr__(self, name: str) -> Any:
        """Something of the module, kept here: the next look is as quick as any."""
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np, npt = map(Late, ("numpy", "numpy.typing"))
