"""What a node's control API answers, field by field: the one description for HTTP and for `--json`.

`shape` holds the words that all share, the other modules the answers by what they are about. Routes name
their answer (`said`), so that `/openapi.json` documents it; `freehold.shell.cli.answers` says which command prints
which, and `docs/reference/json.md` is written out of both.

>>> from freehold.shell.answers.money import Settlement
>>> sorted(Settlement.model_json_schema()["required"])
['failed', 'gas', 'settled', 'units']
"""
