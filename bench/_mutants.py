"""Small faults in Python source: one guard, lock, limit or statement less.

The kinds are those a careless change makes; the libraries for mutation know arithmetic and constants, but
drop neither a lock nor a guard nor a statement, which is what rights and money hang on. A mutant's name is
made of the text around it, so that a change elsewhere in the file does not rename it.
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOCKS = re.compile(r"lock|exclusive|turn\(|transaction\(|begin\(", re.IGNORECASE)
SILENT = re.compile(r"^(_?log(ger)?|warnings|gc)\.")
"""Statements that only tell a person something."""
STRICT = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
TRUE_WHEN_OFF = (ast.Eq, ast.In, ast.Is)
FALSE_WHEN_OFF = (ast.NotEq, ast.NotIn, ast.IsNot)


@dataclass(frozen=True)
class Mutant:
    """One fault: the file's text with `replacement` in place of the bytes from `start` to `end`."""

    path: str
    name: str
    kind: str
    line: int
    start: int
    end: int
    replacement: str

    def apply(self, source: bytes) -> bytes:
        """The file with the fault in it."""
        return source[: self.start] + self.replacement.encode() + source[self.end :]

    @property
    def draw(self) -> bytes:
        """Orders mutants evenly and always alike."""
        return hashlib.sha256(self.name.encode()).digest()


def mutants(root: Path, path: str) -> list[Mutant]:
    """All faults of one file, in the order of its text."""
    source = (root / path).read_bytes()
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    found, seen = [], Counter[str]()
    for function, kind, node, replacement in finder.found:
        start, end = finder.span(node)
        text = " ".join(source[start:end].decode().split())[:70]
        label = f"{path.removeprefix('src/freehold/')}::{function}::{kind}::{text} -> {' '.join(replacement.split())[:60]}"
        seen[label] += 1
        name = label if seen[label] == 1 else f"{label} #{seen[label]}"
        found.append(Mutant(path, name, kind, node.lineno, start, end, replacement))
    return found


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.found: list[tuple[str, str, ast.AST, str]] = []
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._scope: list[str] = []
        self._in_function = 0

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def add(self, kind: str, node: ast.AST, replacement: str) -> None:
        if self._in_function:
            self.found.append((".".join(self._scope), kind, node, replacement))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scope.append(node.name)
        for child in node.body:
            self.visit(child)
        self._scope.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name in {"__repr__", "__str__"}:
            return
        self._scope.append(node.name)
        self._in_function += 1
        for child in node.body:
            self.visit(child)
        self._in_function -= 1
        self._scope.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's names

    def visit_If(self, node: ast.If) -> None:
        if self.text(node.test) == "TYPE_CHECKING":
            return
        leaves = isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue)
        if leaves and not node.orelse:
            self.add("guard", node.test, "False")
            # the comparison itself is the guard: switching it off once more would be the same fault
            for inner in ast.walk(node.test):
                if isinstance(inner, ast.Compare) and type(inner.ops[0]) in STRICT:
                    self._strictness(inner)
                elif isinstance(inner, ast.BoolOp):
                    self._operands(inner)
        else:
            self.visit(node.test)
        for child in (*node.body, *node.orelse):
            self.visit(child)

    def visit_Raise(self, _: ast.Raise) -> None:
        """What an error says is not looked at."""

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            if item.optional_vars is None and LOCKS.search(self.text(item.context_expr)):
                self.add("lock", item.context_expr, '__import__("contextlib").nullcontext()')
            else:
                self.visit(item.context_expr)
        for child in node.body:
            self.visit(child)

    visit_AsyncWith = visit_With  # noqa: N815 - ast's names

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            kind = type(node.ops[0])
            if kind in STRICT:
                self._strictness(node)
            elif kind in TRUE_WHEN_OFF:
                self.add("check", node, "True")
            elif kind in FALSE_WHEN_OFF:
                self.add("check", node, "False")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._operands(node)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        words = any(
            isinstance(side, ast.JoinedStr | ast.Tuple | ast.List)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
            for side in (node.left, node.right)
        )
        swap = {ast.Add: "-", ast.Sub: "+"}.get(type(node.op))
        if swap and not words:
            self.add("arithmetic", node, f"({self.text(node.left)}) {swap} ({self.text(node.right)})")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        swap = {"min": "max", "max": "min"}.get(self.text(node.func))
        if swap:
            self.add("arithmetic", node.func, swap)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(call, ast.Call) and not SILENT.match(self.text(call)):
            self.add("statement", node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.add("statement", node, "pass")
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Subscript):
            self.add("statement", node, "pass")
        self.visit(node.value)

    def _strictness(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            left, right = self.text(node.left), self.text(node.comparators[0])
            self.add("limit", node, f"({left}) {STRICT[type(node.ops[0])]} ({right})")

    def _operands(self, node: ast.BoolOp) -> None:
        word = " and " if isinstance(node.op, ast.And) else " or "
        for dropped in range(len(node.values)):
            left = [f"({self.text(value)})" for at, value in enumerate(node.values) if at != dropped]
            self.add("operand", node, f"({word.join(left)})")


def sources(root: Path, patterns: tuple[str, ...]) -> Iterator[str]:
    """Files under `root` that the patterns name."""
    for pattern in patterns:
        names = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
        if not names:
            raise FileNotFoundError(f"no file {pattern}")
        yield from (name for name in names if not name.endswith("__init__.py"))
