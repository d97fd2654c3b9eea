"""Freehold for assistants: every operation as a tool of the Model Context Protocol.

`allowance.Allowance` holds what an assistant may do and spend, and `serving` makes tools of operations and answers
over stdio or streamable HTTP. It is a client of the running node, like the command line.
"""
