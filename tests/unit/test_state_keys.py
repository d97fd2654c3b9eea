"""What is kept by its name alone: each name is spelled in one file, and what is looked up otherwise has a table."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import freehold

SOURCE = Path(freehold.__file__).parent
CALLS = {"state", "states", "set", "delete", "next_number"}
HOLDERS = {"tx", "store", "_store", "node", "self"}
KEYS = {
    "account_nonce": "kernel/continuity.py",
    "anchor_due": "kernel/logbook.py",
    "anchored": "kernel/store.py",
    "answers:pruned": "features/gateway/pruning.py",
    "approval:": "features/data/offering.py",
    "budget_closed": "features/privacy/budget.py",
    "called:": "features/gateway/wallet.py",
    "calling:": "features/gateway/buying.py",
    "chain:identity": "kernel/continuity.py",
    "console:first": "shell/web/pages/starting.py",
    "countersign:": "kernel/countersigning.py",
    "countersign_refused:": "kernel/countersigning.py",
    "funded": "kernel/node.py",
    "gas:": "kernel/node.py",
    "gas_day": "kernel/keeping/purse.py",
    "granted:": "features/grants/issuing.py",
    "held_rows:": "features/training/holding.py",
    "keeping:": "kernel/keeping/subjects.py",
    "made_by:": "features/models/telling.py",
    "met:": "features/identity/peers.py",
    "model_evidence:": "kernel/evidence/proving.py",
    "most:": "features/training/kept.py",
    "party": "kernel/store.py",
    "paying:": "features/gateway/paying.py",
    "peers": "kernel/store.py",
    "published_drafts": "features/data/drafts.py",
    "ready": "kernel/readiness.py",
    "refused:": "features/grants/consent.py",
    "restored": "kernel/continuity.py",
    "revocation_index": "kernel/store.py",
    "sold:": "features/earnings/earning.py",
    "sold_bytes": "features/gateway/pruning.py",
    "transfer:": "features/gateway/pruning.py",
    "trusted:": "kernel/evidence/proving.py",
    "unsold:": "kernel/store.py",
    "untold:": "features/gateway/untold.py",
    "usual_terms": "features/data/licence.py",
    "withdrawn:": "kernel/store.py",
}
"""Each is one value, asked for by its whole name, or a few that are read together; and where it is spelled."""


class Spelling(ast.NodeVisitor):
    """Collects the beginnings of names in one file, through its constants, functions and properties."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: set[str] = set()
        self._texts = dict(pair for node in ast.walk(tree) for pair in self._constants(node))
        self._makers = {
            node.name: node.body[-1].value
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return)
        }
        self._bound = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        self.visit(tree)

    @staticmethod
    def _constants(node: ast.AST) -> list[tuple[str, str]]:
        if not isinstance(node, ast.Assign):
            return []
        names, value = node.targets[0], node.value
        names = names.elts if isinstance(names, ast.Tuple) else [names]
        values = value.elts if isinstance(value, ast.Tuple) else [value]
        return [
            (name.id, text.value)
            for name, text in zip(names, values, strict=False)
            if isinstance(name, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str)
        ]

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in CALLS and node.args:
            holder = function.value
            name = getattr(holder, "attr", getattr(holder, "id", ""))
            if name in HOLDERS:
                self.found |= {self._beginning(node.args[0], 0)} - {""}
        self.generic_visit(node)

    def _beginning(self, node: ast.AST | None, depth: int) -> str:
        """What a name begins with, as far as this file says it."""
        if depth > 3:
            return ""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            first = node.values[0]
            return self._beginning(first.value if isinstance(first, ast.FormattedValue) else first, depth + 1)
        if isinstance(node, ast.Name):
            return self._texts.get(node.id, "") or self._beginning(self._bound.get(node.id), depth + 1)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._beginning(self._makers.get(node.func.id), depth + 1)
        return ""


def test_every_name_is_spelled_in_one_file() -> None:
    texts = {str(path.relative_to(SOURCE)): path.read_text() for path in SOURCE.rglob("*.py")}
    spelled = defaultdict(set)
    for path, text in texts.items():
        for name in Spelling(ast.parse(text)).found:
            spelled[name].add(path)
    assert len(spelled) > len(KEYS) // 2
    assert dict(spelled) == {name: {KEYS.get(name, "")} for name in spelled}
    for name in KEYS.keys() - spelled.keys():
        # made in one file and asked for in others
        found = {path for path, text in texts.items() if re.search(f"[\"']{name}(?! )", text)}
        assert KEYS[name] in found, name
        assert len(found) == 1 or not name.endswith(":"), name
