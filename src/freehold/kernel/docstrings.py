"""What is written under a class or function: its help on every face, also where Python keeps no docstrings (`-OO`).

>>> of(of).split(".")[0]
'The docstring of a class or function, read from its source if need be'
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from freehold.core.described import parse


def of(thing: type | Callable[..., Any]) -> str:
    """The docstring of a class or function, read from its source if need be. Empty where it has none."""
    return inspect.cleandoc(thing.__doc__ or _written(thing))


def _written(thing: type | Callable[..., Any]) -> str:
    try:
        (found,) = parse(textwrap.dedent(inspect.getsource(thing))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return ""
    return (ast.get_docstring(found) or "") if isinstance(found, ast.ClassDef | ast.FunctionDef) else ""
