"""A JSON-RPC proxy on loopback that misbehaves as a test says: a real server in front of a real chain.

`proxy.rule = lambda request: ...` is asked for each request object of a body. It may return

    None                 pass it on
    {"result": ...}      answer this instead, without passing it on
    {"error": {...}}     the same, as an error
    "drop"               close the connection, nothing passed on
    "swallow"            pass it on, then close the connection: done, but nobody is told
    ("http", 503, {...}) an HTTP error with these headers, nothing passed on
    ("change", f)        pass it on and answer f(result)
"""

import http.client
import http.server
import json
import threading
from urllib.parse import urlsplit


class ChainProxy:
    """`with ChainProxy(node.url) as proxy: Rpc(proxy.url)`."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.rule = lambda _: None
        self.seen = []
        """Every request object that came, in order."""
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body go in two writes, and the second waited 40 ms

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                proxy.serve(self, json.loads(body))

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.name = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def methods(self):
        return [one["method"] for one in self.seen]

    def serve(self, handler, body):
        requests = body if isinstance(body, list) else [body]
        self.seen += requests
        rules = [self.rule(request) for request in requests]
        if "drop" in rules:
            handler.close_connection = True
            return
        for rule in rules:
            if isinstance(rule, tuple) and rule[0] == "http":
                self.send(handler, rule[1], b"busy", rule[2])
                return
        answers = [self.one(request, rule) for request, rule in zip(requests, rules, strict=True)]
        if "swallow" in rules:
            handler.close_connection = True
            return
        self.send(handler, 200, json.dumps(answers if isinstance(body, list) else answers[0]).encode(), {})

    def one(self, request, rule):
        if isinstance(rule, dict):
            return {"jsonrpc": "2.0", "id": request["id"], **rule}
        answer = self.forward(request)
        if isinstance(rule, tuple) and rule[0] == "change" and "result" in answer:
            answer["result"] = rule[1](answer["result"])
        return answer

    def forward(self, request):
        host = urlsplit(self.upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            connection.request("POST", "/", json.dumps(request), {"content-type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    @staticmethod
    def send(handler, status, body, headers):
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
