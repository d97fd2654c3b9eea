"""Telling a supervisor how the node stands, as systemd's `sd_notify` has it; silent where none asks."""

from __future__ import annotations

import os
import socket


def tell(state: str) -> bool:
    """Send e.g. `READY=1` to where NOTIFY_SOCKET says; whether it could be sent."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return False
    address = "\0" + where[1:] if where.startswith("@") else where
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall(state.encode())
    except OSError:
        # a supervisor that does not listen is no reason to end
        return False
    return True
