"""What people look at: pages and pictures, made from plain values, with no script in them.

`lineage_svg.draw` makes a picture of what a model was made from; `result_page.render` makes one page of
a whole run. Every name in them was chosen by somebody else, so every name is escaped.

>>> from freehold.console.lineage_svg import draw
>>> node = {"id": "0x1", "kind": "model", "name": "<b>", "owner_name": ""}
>>> "&lt;b&gt;" in draw({"nodes": [node], "edges": []})
True
"""
