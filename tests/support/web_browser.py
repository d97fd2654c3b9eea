"""Somebody's browser without a screen: it keeps cookies and sends forms with the token of its session."""

from __future__ import annotations

import re

import httpx
from console_node import Console
from slow_world import NAME

OWN = {"host": NAME, "sec-fetch-site": "same-origin", "connection": "close"}
PASSWORD = "walnut harbour quiet seventeen lantern"


class Browser(httpx.Client):
    """Somebody's browser, without a screen."""

    def __init__(self, node: Console, cookie: str = "") -> None:
        # a host name of its own is in no cookie jar's mind
        super().__init__(base_url=node.origin, headers=OWN, trust_env=False, timeout=30)
        self.kept: dict[str, str] = dict([cookie.split("=", 1)] if cookie else [])

    def send(self, request: httpx.Request, *, follow_redirects: object = False, **options) -> httpx.Response:
        answer = self._send(request, **options)
        while follow_redirects is True and answer.next_request:
            before = answer
            answer = self._send(before.next_request, **options)
            answer.history = [*before.history, before]
        return answer

    def _send(self, request: httpx.Request, **options) -> httpx.Response:
        request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.kept.items())
        answer = super().send(request, follow_redirects=False, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, value = line.split(";")[0].split("=", 1)
            self.kept[name] = value.strip('"')
            # also where it is led on: what is for TLS alone, as if a proxy ended it
            self.cookies.set(name, self.kept[name])
            if not self.kept[name]:
                del self.kept[name]
        return answer

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]{43})"', self.get("/console/settings").text)
        assert found
        return found[1]

    def act(self, path: str, **form: str) -> httpx.Response:
        return self.post(f"/console{path}", data={"csrf": self.token, **form})

    def log_in(self, name: str, password: str = PASSWORD) -> Browser:
        answer = self.post("/console/enter", data={"person": name, "passphrase": password})
        assert answer.status_code == 303, answer.text
        return self


def owner(node: Console) -> Browser:
    return Browser(node, node.state)
