"""A server on loopback, as the address that an app registered."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager


@contextmanager
def listening(answer, tls=None):
    """Serve *answer* (called with the handler) on loopback; yield the port and the list of paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self):
            asked.append(self.path)
            answer(self)

        do_GET = do_POST = handle_any  # noqa: N815 - the interface of http.server

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(body=b"{}", status=200, content_type="application/json", **headers):
    """Return an answer for `listening`; an underscore in the name of a header is a dash."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def serving(documents):
    """Serve *documents* (path -> text, or object as JSON), as they are by then; yield the origin and what was asked."""

    def answer(handler):
        found = documents.get(handler.path)
        if found is None:
            say(b"", 404)(handler)
        elif isinstance(found, str):
            say(found.encode(), content_type="application/oauth-authz-req+jwt")(handler)
        else:
            say(json.dumps(found).encode())(handler)

    with listening(answer) as (port, asked):
        yield f"http://127.0.0.1:{port}", asked
