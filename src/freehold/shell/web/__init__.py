"""What people look at: the web console, and pictures and pages made from plain values.

`app.create(door)` is the console of a node, mounted by `freehold up` under `/console`. A new page is a handler, a
template and a test ([how](docs/how-to/add-a-feature.md)). Every name on a page was chosen by somebody else, so every
name is escaped.

>>> from freehold.features.proof.lineage_svg import draw
>>> node = {"id": "0x1", "kind": "model", "name": "<b>", "owner_name": ""}
>>> "&lt;b&gt;" in draw({"nodes": [node], "edges": []})
True
"""
