"""The example notebook runs from top to bottom, and what a cell ends with shows as a table."""

import ast
import json
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_every_cell_runs_and_shows_something(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 6
    names, shown = {}, []
    try:
        for source in cells:
            value = last_value(source, names)
            if value is not None:
                shown.append(value._repr_html_())
    finally:
        if "running" in names:
            names["running"].close()
    assert len(shown) >= 5
    assert all("<table" in html for html in shown)
    assert "south-tumours" in "".join(shown)


def last_value(source, names):
    """What a notebook would show: the value of the last line, if that is an expression."""
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return None if last is None else eval(compile(last, "cell", "eval"), names)
