"""Routes that are asked so often that the framework's way to them would be a tenth of what a call takes."""

from __future__ import annotations

from fastapi.routing import APIRoute


class DirectRoute(APIRoute):
    """A route of a fixed address whose function takes the request as it is, and whose answer is sent as it is.

    It is found by its address and called by itself, without middleware, other routes or parameters to read.
    """
