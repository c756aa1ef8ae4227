"""An app that asks for a sign-in and shows how it ended: the least that a relying party is, on a domain of its own."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.server import Server

_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_OPENER = """<button onclick="open('/' + location.search, 'popup', 'popup,width=480,height=640')">Sign in</button>
<script>
onmessage = (event) => { document.querySelector("h1").textContent = `${event.origin} says ${event.data}`; };
</script>
"""
_REPORT = "<script>if (opener) opener.postMessage(document.title, location.origin);</script>"
_PAGE = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>{0}</title><h1>{0}</h1>'


@dataclass(frozen=True)
class RequestingApp:
    """A running app: ``/`` asks for a sign-in with the ``state`` of its query, ``/callback`` shows what came back.

    ``/opener`` asks in a popup, and shows what the popup's callback reports to it.
    """

    address: str
    client_id: str
    server: ThreadingHTTPServer

    def start(self, state: str = "", **parameters: str) -> str:
        """Return the address at which a person begins."""
        return f"{self.address}/?{urlencode({'state': state, **parameters})}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/callback":
            outcome = "Arrived" if "code" in query else f"Refused: {query.get('error')}"
            self._answer(200, body=_PAGE.format(f"{outcome} {query.get('state', '')}".strip()) + _REPORT)
        elif parts.path == "/opener":
            self._answer(200, body=_PAGE.format("Not signed in") + _OPENER)
        else:
            self._answer(302, location=self.server.authorize(query))

    def _answer(self, status: int, *, body: str = "", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


def start(provider: Server, name: str) -> RequestingApp:
    """Start an app and register it at *provider*; people have to allow it what it asks for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    address = f"http://{name.lower()}.localhost:{server.server_address[1]}"
    metadata = {
        "client_name": name,
        "redirect_uris": [f"{address}/callback"],
        "initiate_login_uri": f"{address}/",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
    }
    made = provider.command("client", "add", "--metadata", "-", given=json.dumps(metadata))
    request = {
        "client_id": made["client_id"],
        "redirect_uri": f"{address}/callback",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": _CHALLENGE,
        "code_challenge_method": "S256",
    }

    def authorize(query: dict[str, str]) -> str:
        kept = {
            name: value for name, value in query.items() if name in {"state", "prompt", "scope", "display"} and value
        }
        return f"{provider.issuer}/oauth/authorize?{urlencode(request | kept)}"

    server.authorize = authorize
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return RequestingApp(address, made["client_id"], server)
