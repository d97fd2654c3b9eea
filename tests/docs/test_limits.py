"""The page of limits names every bound that a refusal prints."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from doc_pages import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import limits

_BOUND = re.compile(r"_?(MAX|MOST|MIN|LEAST)(_[A-Z]+)*|[A-Z_]+_(LIMIT|BODY_BYTES)")
Bound = tuple[str, Any]


def test_every_bound_that_a_refusal_prints_is_on_the_page_of_limits():
    found = {bound: where for where, bound in printed()}
    assert len(found) > 40
    missing = {f"{where}: {bound[0]}" for bound, where in found.items() if bound not in set(shown())}
    assert not missing


def printed() -> Iterator[tuple[str, Bound]]:
    """Constants in the message or hint of what may be an error, in place or as a value of its text; the local test chain has a page of its own."""
    for path in sorted((ROOT / "src" / "freehold").rglob("*.py")):
        if "embedded" not in path.parts:
            module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            calls = (one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call))
            for call in calls:
                if getattr(call.func, "id", "")[:1].isupper():
                    for name in _names(call):
                        yield module, (name, getattr(importlib.import_module(module), name))


def _names(call: ast.Call) -> set[str]:
    texts = (one for one in ast.walk(call) if isinstance(one, ast.JoinedStr) or _is_said(one))
    inside = (one for text in texts for one in ast.walk(text) if isinstance(one, ast.Name))
    return {one.id for one in inside if _BOUND.fullmatch(one.id)}


def _is_said(one: ast.AST) -> bool:
    return isinstance(one, ast.Call) and getattr(one.func, "id", "") == "said"


def shown() -> Iterator[Bound]:
    """Constants that the page reads from the code."""
    for node in ast.walk(ast.parse((ROOT / "scripts" / "limits.py").read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = getattr(limits, node.value.id, None)
            if isinstance(module, ModuleType):
                yield node.attr, getattr(module, node.attr)
