"""An app that registers itself, over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.clients import initial_access, store
from idp.db import db, transaction
from idp.settings import Settings
from tests.relying_party import Answer, Http, RelyingParty, through_test_client

PATH = "/oauth/register"
CALLBACK = "https://notes.example/callback"


@dataclass
class Registrar:
    """The registration endpoint of one application, as machines speak to it."""

    app: Any

    @property
    def issuer(self) -> str:
        return self.app.extensions["idp"][Settings].issuer

    def http(self) -> Http:
        return through_test_client(self.app.test_client(use_cookies=False), self.issuer)

    def send(
        self, method: str, path: str = PATH, document: Any = None, *, token: str | None = None, **options: Any
    ) -> Answer:
        """Send *document* as JSON; a string goes as it is."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = document if isinstance(document, str | bytes | None) else json.dumps(document)
        given = {"headers": headers, "content_type": "application/json" if body is not None else None, **options}
        client = self.app.test_client(use_cookies=False)
        response = client.open(path.removeprefix(self.issuer), method=method, data=body, **given)
        return Answer(response.status_code, response.headers, response.get_data())

    def register(self, token: str | None = None, **metadata: Any) -> Answer:
        """Register an app; a usual one unless said otherwise."""
        return self.send("POST", document={"redirect_uris": [CALLBACK], **metadata}, token=token)

    def made(self, token: str | None = None, **metadata: Any) -> dict[str, Any]:
        """The same, and it succeeds."""
        answer = self.register(token, **metadata)
        assert answer.status == 201, answer.text
        return answer.json

    def party(self, **metadata: Any) -> RelyingParty:
        """Register an app, and return the party that is it."""
        made = self.made(**metadata)
        return RelyingParty(
            http=self.http(),
            issuer=self.issuer,
            client_id=made["client_id"],
            client_secret=made.get("client_secret"),
            redirect_uri=made["redirect_uris"][0],
            scope=self.stored(made["client_id"]).metadata.scope,
        )

    def token(
        self, name: str = "Team", *, lifetime: timedelta = timedelta(days=1), most_uses: int | None = None
    ) -> tuple[str, str]:
        """Make an initial access token; return its id, and the token."""
        with self.app.app_context(), transaction() as session:
            facts, token = initial_access.make(
                session, name, lifetime=lifetime, most_uses=most_uses, actor=COMMAND_LINE, now=clock.utc_now()
            )
        return facts.id, token

    def stored(self, client_id: str) -> store.Client | None:
        """Return the client as the database has it."""
        with self.app.app_context():
            return store.read(db.session(), client_id)


def refused(answer: Answer, error: str = "invalid_client_metadata") -> str:
    """Check that metadata was refused as RFC 7591 section 3.2.2 says; return the sentence."""
    assert answer.status == 400, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["error"] == error
    description: str = answer.json["error_description"]
    return description
