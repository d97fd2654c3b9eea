"""Inference: what a model is asked, what an answer is, and how a call is paid. Pure rules, no I/O.

Main path: `answer.read_request` bounds the question -> `serving.quote` says what it costs ->
`payment.read_header` reads how it is paid -> `channel.require_next` decides whether a voucher pays
for exactly this call -> `answer.answer_json` makes the answer that a receipt names by hash.

A call is one request of up to 1,000 rows, or as many as its seller allows; its price is for the call or for each row.

>>> from freehold.features.gateway.rules.answer import micro
>>> micro("-0.0000005"), micro("1.5e2")
(0, 150000000)
"""
