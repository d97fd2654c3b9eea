"""What people look at: the web console, and pictures and pages made from plain values.

`app.create(door)` is the console of a node, mounted by `freehold up` under `/console`. `lineage_svg.draw`
makes a picture of what a model was made from; `result_page.render` one page of a whole run. Every name in
them was chosen by somebody else, so every name is escaped.

Adding a page, all of it in three places:

1. `pages.py`, or a file of `pages/`, in the folder of the feature that may import all that the page shows: handlers,
   `def things(visit: Visit) -> Response`, and `PAGES = [shows("/things", things), acts("/things/{id}/stop", stop)]`;
   its `feature.py` registers them as `pages` and adds a line to the `menu`. Handlers run in a worker thread and may
   block. They get a `visit.Visit`: `node`, `host`, `session`, `params` (of the address), `query`, `form`. They call the
   same functions as operations, and return `visit.show("things.html", rows=rows)`, or after an act
   `visit.go("/things", "The thing has stopped.")`: redirect, and the next page says the sentence. Any
   `FreeholdError` that escapes becomes a page with its message and hint; a form that should be shown again
   catches it, passes it on as `error` and shows `{{ ui.problem(error) }}`.
2. `templates/things.html` of that folder extends `frame.html` and fills the blocks `heading` (the title, plain text)
   and `main`. All templates are under one roof, so no two have the same name. What other features know of a thing is
   asked (`registry.ask`); a part of Home or of the settings is a `Card`.
3. A test with a real browser: `tests/console/`, fixtures in its `conftest.py`.

Forms: `<form method="post" action="{{ root }}/things/{{ id }}/stop" data-once>` with `{{ ui.token(csrf) }}`
first (without it, a POST is refused before the handler runs). `visit.form.text(name)`, `.number(name, ...)`,
`.chosen(name)` (ticked boxes), `.secret(name)`. `data-once` stops double clicks, `data-busy="Working…"` on
the button says so. A page that takes a file says `takes_file=True`; the file is `visit.form.upload`, and the
token must be the form's first field. What cannot be undone gets a page of its own with `ui.confirm`.

Live parts: `<section data-live="rows">`. When the log, a job, a request or the chain changes, the page
fetches itself and swaps every element whose `data-live` name has new content; focus and open details stay,
a part with a field being edited is left alone. A handler must therefore be cheap and change nothing on GET.

Macros (`ui`, already imported by the frame): `head`, `empty` (what to do where there is nothing), `figure`,
`field`, `problem`, `tag`, `steps`, `confirm`, `token`. Tables: `<table class="list">` with `data-label` on
each `td` becomes a list on a phone. Filters: `named` (a stranger's name: clipped, isolated), `written` (a
stranger's longer text), `money` and `about` (units to dollars), `when`, `day`, `duration`, `count`,
`ident` (hex, folded away), `percent` (basis points), `size`, `purpose`. Use `named` or `written` on every
text that is not ours. Charts: `{{ charts.area(title, points) }}`, `charts.bars`, `charts.share`, with points
`(label, value, shown)`. No inline script or style: the policy forbids both; classes are in `console.css`.

>>> from freehold.features.proof.lineage_svg import draw
>>> node = {"id": "0x1", "kind": "model", "name": "<b>", "owner_name": ""}
>>> "&lt;b&gt;" in draw({"nodes": [node], "edges": []})
True
"""
