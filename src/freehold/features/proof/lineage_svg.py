"""A picture of lineage: data sets flow into rounds, rounds into a model, the model into answers.

Pure: from the JSON of `/api/lineage` to SVG text, layer by layer from left to right. A stream is as
wide as its weight. Colours follow the reader's light or dark preference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from freehold.core.texts import Share, said

_BOX_WIDTH = 206.0
_GAP_WIDTH = 60.0
_ROW_HEIGHT = 62.0
_BOX_HEIGHT = 46.0
_MARGIN = 6.0
_MOST_PER_LAYER = 12
_MOST_TEXT = 23
_WIDEST = 30.0
_THINNEST = 1.5
_FULL_WEIGHT = 10_000
_KINDS = {"dataset", "round", "model", "receipt", "answer"}

STYLE = """
svg.lineage { color-scheme: light dark; font-family: system-ui, sans-serif; }
.lineage .box { fill: #ffffff; stroke: #c9d1d9; stroke-width: 1; }
.lineage .mark { fill: #57606a; }
.lineage .dataset .mark { fill: #0f766e; }
.lineage .round .mark { fill: #b45309; }
.lineage .model .mark { fill: #4338ca; }
.lineage .receipt .mark, .lineage .answer .mark { fill: #be185d; }
.lineage .name { fill: #1f2328; font-size: 12.5px; font-weight: 600; }
.lineage .more { fill: #59636e; font-size: 11px; }
.lineage .stream { fill: none; stroke: #0f766e; stroke-opacity: 0.38; }
.lineage .stream.none { stroke: #8c959f; stroke-dasharray: 4 4; stroke-opacity: 0.8; }
@media (prefers-color-scheme: dark) {
  .lineage .box { fill: #161b22; stroke: #3d444d; }
  .lineage .name { fill: #e6edf3; }
  .lineage .more { fill: #9198a1; }
  .lineage .mark { fill: #9198a1; }
  .lineage .dataset .mark, .lineage .stream { fill: #2dd4bf; stroke: #2dd4bf; }
  .lineage .stream { fill: none; }
  .lineage .round .mark { fill: #fbbf24; }
  .lineage .model .mark { fill: #818cf8; }
  .lineage .receipt .mark, .lineage .answer .mark { fill: #f472b6; }
}
"""
"""The picture's own style sheet, the same wherever it is shown."""


@dataclass(frozen=True)
class _Box:
    """A node with its place."""

    kind: str
    name: str
    more: str
    x: float
    y: float
    link: str = ""
    """Where its page is; empty for none."""

    @property
    def middle(self) -> float:
        """Height of its centre."""
        return self.y + _BOX_HEIGHT / 2


def _plainly(text: object) -> str:
    return f"{int(text) / 100:.2f} %" if isinstance(text, Share) else str(text)


def draw(lineage: Mapping[str, Any], *, styled: bool = True, say: Callable[[object], str] = _plainly) -> str:
    """SVG text of `{nodes: [{id, kind, name, owner_name}], edges: [{from, to, role, weight}]}`.

    Weights are basis points of the whole; an edge without a known end is left out. A node with a `link`
    leads there. A page whose policy forbids styles within it has `STYLE` of its own and wants none here.
    `say` writes its texts and shares as the reader does.
    """
    nodes = {str(node["id"]): node for node in lineage.get("nodes", [])}
    edges = [e for e in lineage.get("edges", []) if str(e["from"]) in nodes and str(e["to"]) in nodes]
    layers = _layers(nodes, edges)
    boxes = _placed(nodes, layers, say)
    shown = [edge for edge in edges if str(edge["from"]) in boxes and str(edge["to"]) in boxes]
    height = max((box.y for box in boxes.values()), default=0.0) + _BOX_HEIGHT + _MARGIN
    width = 2 * _MARGIN + len(layers) * _BOX_WIDTH + max(0, len(layers) - 1) * _GAP_WIDTH
    body = _streams(shown, boxes)
    body += [_drawn(box) for box in boxes.values()]
    # an image hides the links in it from those who do not see it
    role = "group" if any(box.link for box in boxes.values()) else "img"
    label = f"{say(said('Lineage'))}: " + ", ".join(
        str(node.get("name", "")) for node in list(nodes.values())[:20]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" role="{role}" aria-label="{escape(_printable(label))}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"{f'<style>{STYLE}</style>' if styled else ''}{''.join(body)}</svg>"
    )


def rounds(recipe: Any) -> int:
    """How many a model says that its training had; 0 where it says nothing that can be read."""
    told = recipe.get("rounds") if isinstance(recipe, dict) else 0
    return told if type(told) is int and told > 0 else 0


def with_rounds(lineage: Mapping[str, Any], model: str, rounds: int, calls: int) -> dict[str, Any]:
    """The same lineage with the training rounds between data and model, and its answers after it."""
    training = _node(
        "rounds", "round", said.many("{n} round", "{n} rounds", n=rounds), said("trained where the data is")
    )
    nodes = [*sorted(lineage["nodes"], key=lambda node: str(node.get("name"))), training]
    edges = [{**edge, "to": "rounds"} if edge["to"] == model else dict(edge) for edge in lineage["edges"]]
    edges.append({"from": "rounds", "to": model, "role": "training", "weight": _FULL_WEIGHT})
    if calls:
        nodes.append(
            _node(
                "answers",
                "answer",
                said.many("{n} answer", "{n} answers", n=calls),
                said("each with a receipt"),
            )
        )
        edges.append({"from": model, "to": "answers", "role": "answer", "weight": _FULL_WEIGHT})
    return {"nodes": nodes, "edges": edges}


def _node(identifier: str, kind: str, name: str, more: str) -> dict[str, str]:
    return {"id": identifier, "kind": kind, "name": name, "owner_name": more}


def _layers(nodes: Mapping[str, Any], edges: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Ids by the longest way from a source; what lies on a cycle stays where it was reached."""
    depth = dict.fromkeys(nodes, 0)
    for _ in range(min(len(nodes), 32)):
        moved = False
        for edge in edges:
            wanted = depth[str(edge["from"])] + 1
            if wanted > depth[str(edge["to"])] and wanted < len(nodes):
                depth[str(edge["to"])], moved = wanted, True
        if not moved:
            break
    by_depth: dict[int, list[str]] = defaultdict(list)
    for node, level in depth.items():
        by_depth[level].append(node)
    return [by_depth[level] for level in sorted(by_depth)]


def _placed(
    nodes: Mapping[str, Any], layers: Sequence[Sequence[str]], say: Callable[[object], str]
) -> dict[str, _Box]:
    tallest = max((min(len(layer), _MOST_PER_LAYER + 1) for layer in layers), default=0)
    boxes: dict[str, _Box] = {}
    for level, layer in enumerate(layers):
        x = _MARGIN + level * (_BOX_WIDTH + _GAP_WIDTH)
        shown = list(layer[:_MOST_PER_LAYER])
        rows = len(shown) + (len(layer) > len(shown))
        top = _MARGIN + (tallest - rows) * _ROW_HEIGHT / 2
        for row, identifier in enumerate(shown):
            node = nodes[identifier]
            kind = str(node.get("kind", ""))
            weight = node.get("weight")
            # a space that breaks is printed too
            share = (
                f" · {' '.join(say(Share(weight)).split())}"
                if kind == "dataset" and isinstance(weight, int)
                else ""
            )
            whose = _cut(str(node.get("owner_name") or ""), _MOST_TEXT + 6 - len(share))
            more = f"{whose}{share}" if whose else share.removeprefix(" · ")
            boxes[identifier] = _Box(
                kind if kind in _KINDS else "other",
                str(node.get("name", "")),
                more,
                x,
                top + row * _ROW_HEIGHT,
                str(node.get("link", "")),
            )
        if len(layer) > len(shown):
            more = say(said("and {n} more", n=len(layer) - len(shown)))
            boxes[f"more-{level}"] = _Box("other", more, "", x, top + len(shown) * _ROW_HEIGHT)
    return boxes


def _streams(edges: Sequence[Mapping[str, Any]], boxes: Mapping[str, _Box]) -> list[str]:
    """Streams that meet a box side by side, in the order of where they come from and go to."""
    ordered = sorted(edges, key=lambda e: (boxes[str(e["from"])].y, boxes[str(e["to"])].y))
    widths = [_width(edge.get("weight")) for edge in ordered]
    sides = [(f"from {edge['from']}", f"to {edge['to']}") for edge in ordered]
    total: dict[str, float] = defaultdict(float)
    for pair, width in zip(sides, widths, strict=True):
        for side in pair:
            total[side] += width
    used: dict[str, float] = defaultdict(float)
    drawn = []
    for edge, (start, end), width in zip(ordered, sides, widths, strict=True):
        source, target = boxes[str(edge["from"])], boxes[str(edge["to"])]
        y1 = source.middle - total[start] / 2 + used[start] + width / 2
        y2 = target.middle - total[end] / 2 + used[end] + width / 2
        used[start] += width
        used[end] += width
        drawn.append(_stream((source.x + _BOX_WIDTH, y1), (target.x, y2), width, edge.get("weight")))
    return drawn


def _width(weight: Any) -> float:
    share = min(1.0, max(0, weight) / _FULL_WEIGHT) if isinstance(weight, int) else 1.0
    return max(_THINNEST, share * _WIDEST)


def _stream(start: tuple[float, float], end: tuple[float, float], width: float, weight: Any) -> str:
    (x1, y1), (x2, y2) = start, end
    bend = (x2 - x1) / 2
    kind = "stream none" if isinstance(weight, int) and weight <= 0 else "stream"
    return (
        f'<path class="{kind}" stroke-width="{width:.1f}" '
        f'd="M{x1:.0f},{y1:.1f} C{x1 + bend:.0f},{y1:.1f} {x2 - bend:.0f},{y2:.1f} {x2:.0f},{y2:.1f}"/>'
    )


def _drawn(box: _Box) -> str:
    full = escape(_printable(f"{box.name} ({box.more})" if box.more else box.name))
    opened, closed = (f'<a href="{escape(box.link)}">', "</a>") if box.link else ("", "")
    return (
        opened
        + (
            f'<g class="{box.kind}" transform="translate({box.x:.0f},{box.y:.0f})"><title>{full}</title>'
            f'<rect class="box" width="{_BOX_WIDTH:.0f}" height="{_BOX_HEIGHT:.0f}" rx="8"/>'
            f'<rect class="mark" width="4" height="{_BOX_HEIGHT - 16:.0f}" x="8" y="8" rx="2"/>'
            f'<text class="name" x="20" y="{19 if box.more else 27}">{escape(_cut(box.name))}</text>'
            f'<text class="more" x="20" y="35">{escape(_printable(box.more))}</text></g>'
        )
        + closed
    )


def _cut(text: str, most: int = _MOST_TEXT) -> str:
    clean = _printable(text)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _printable(text: str) -> str:
    # control characters are not allowed in XML, not even as references
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
