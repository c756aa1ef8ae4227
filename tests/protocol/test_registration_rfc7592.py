"""Managing a registration: RFC 7592."""

import pytest
from sqlalchemy import select

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.clients import administration, registrations, secrets, store
from idp.clients.metadata import validate
from idp.db import db, transaction
from idp.settings import OutboundSettings
from idp.vault import Vault
from idp.web.current import service
from tests.factories import make_client
from tests.listener import serving
from tests.registering import CALLBACK, PATH, Registrar, refused

METHODS = ("GET", "PUT", "DELETE")
LOOPBACK = OutboundSettings(allow=("127.0.0.0/8",))


@pytest.fixture
def made(registrar):
    """An app that has registered itself."""
    return registrar.made(client_name="Notes")


def manage(registrar, method, made, document=None, *, token=None):
    """Send a request to the address that the app was told, with the token that it was given."""
    given = made["registration_access_token"] if token is None else token
    if method == "PUT" and document is None:
        document = {"client_id": made["client_id"], "redirect_uris": [CALLBACK]}
    return registrar.send(method, made["registration_client_uri"], document, token=given)


def test_an_app_reads_what_is_registered_of_it(registrar, made):
    answer = manage(registrar, "GET", made)

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    # A secret cannot be read again; the token is the one that was shown.
    kept = {name: value for name, value in made.items() if name not in {"client_secret", "client_secret_expires_at"}}
    assert answer.json == kept | {"scope": "openid profile email address phone"}


def test_a_change_replaces_everything_and_the_token(registrar, made):
    answer = manage(
        registrar, "PUT", made, {"client_id": made["client_id"], "redirect_uris": ["https://notes.example/new"]}
    )

    assert answer.status == 200
    changed = answer.json
    assert changed["client_id"] == made["client_id"]
    assert changed["client_id_issued_at"] == made["client_id_issued_at"]
    assert changed["redirect_uris"] == ["https://notes.example/new"]
    assert "client_name" not in changed or changed["client_name"] == ""
    assert "client_secret" not in changed
    assert changed["registration_access_token"] != made["registration_access_token"]
    assert manage(registrar, "GET", made).status == 401
    assert manage(registrar, "GET", changed).json["redirect_uris"] == ["https://notes.example/new"]


def test_the_secret_goes_on_working_after_a_change(registrar, made):
    document = {"client_id": made["client_id"], "client_secret": made["client_secret"], "redirect_uris": [CALLBACK]}
    assert manage(registrar, "PUT", made, document).status == 200
    assert secrets.verify(registrar.stored(made["client_id"]), made["client_secret"])


def test_a_secret_that_a_change_makes_is_told(registrar):
    made = registrar.made(token_endpoint_auth_method="none")

    changed = manage(registrar, "PUT", made).json

    assert changed["client_secret_expires_at"] == 0
    assert secrets.verify(registrar.stored(made["client_id"]), changed["client_secret"])


def test_a_change_can_name_what_it_was_told(registrar, made):
    """Some libraries send back all that they were given."""
    assert manage(registrar, "PUT", made, {**made, "client_name": "Notebook"}).json["client_name"] == "Notebook"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": "other"}, "client_id"),
        ({"client_secret": "a" * 40}, "client_secret"),
        ({"client_secret": 7}, "client_secret"),
        ({"initiate_login_uri": "http://notes.example/"}, "initiate_login_uri"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(registrar, made, changes, name):
    document = {"client_id": made["client_id"], "redirect_uris": ["https://notes.example/new"], **changes}

    assert name in refused(manage(registrar, "PUT", made, document))

    assert manage(registrar, "GET", made).json["redirect_uris"] == [CALLBACK]


def test_a_change_is_checked_like_a_registration(registrar, made):
    document = {"client_id": made["client_id"], "redirect_uris": [f"{CALLBACK}#here"]}
    refused(manage(registrar, "PUT", made, document), "invalid_redirect_uri")


def test_an_app_goes_with_everything_granted_to_it(registrar, made):
    answer = manage(registrar, "DELETE", made)

    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert registrar.stored(made["client_id"]) is None
    for method in METHODS:
        assert manage(registrar, method, made).status == 401


def test_what_an_app_does_to_itself_is_written_down(registrar, made):
    changed = manage(registrar, "PUT", made).json
    manage(registrar, "DELETE", changed)

    with registrar.app.app_context():
        events = list(
            db.session()
            .execute(
                select(AuditEvent.type, AuditEvent.actor_id)
                .where(AuditEvent.target_id == made["client_id"])
                .order_by(AuditEvent.row)
            )
            .all()
        )
    assert events == [
        ("client.created", ""),
        ("client.changed", made["client_id"]),
        ("client.deleted", made["client_id"]),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_R06_a_token_reaches_no_other_app(registrar, made, method):
    other = registrar.made()
    ours = make_client(registrar.app).client_id
    uri = f"{registrar.issuer}{PATH}"

    for client_id in (other["client_id"], ours, "nobody", "%2e%2e"):
        document = {"client_id": client_id, "redirect_uris": ["https://evil.example/"]} if method == "PUT" else None
        answer = registrar.send(method, f"{uri}/{client_id}", document, token=made["registration_access_token"])
        assert answer.status == 401
        assert answer.json["error"] == "invalid_token"
    assert registrar.stored(other["client_id"]).metadata.redirect_uris == (CALLBACK,)
    assert registrar.stored(ours) is not None


@pytest.mark.parametrize("method", METHODS)
def test_R06_no_other_credential_manages_an_app(registrar, made, method):
    _, initial = registrar.token()
    document = {"client_id": made["client_id"], "redirect_uris": [CALLBACK]} if method == "PUT" else None
    for token in ("", "wrong", initial, made["client_secret"], made["registration_access_token"][:-1]):
        assert manage(registrar, method, made, document, token=token).status == 401
    anonymous = registrar.send(method, made["registration_client_uri"], document)
    assert anonymous.status == 401
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="OpenID Connect"'


def test_R06_the_token_of_an_app_registers_no_other(registrar_for):
    registrar = registrar_for("token")
    _, initial = registrar.token()
    made = registrar.made(initial)
    assert registrar.register(made["registration_access_token"]).status == 401


def test_R06_of_two_changes_with_one_token_one_is_made(registrar, made):
    token = made["registration_access_token"]
    client_id = made["client_id"]
    with registrar.app.app_context(), transaction() as session:
        assert registrations.rotate(session, client_id, token, software_statement=None)
        assert registrations.rotate(session, client_id, token, software_statement=None) is None


def test_a_disabled_app_cannot_help_itself(registrar, made):
    with registrar.app.app_context(), transaction() as session:
        administration.disable(session, made["client_id"], actor=COMMAND_LINE, now=clock.utc_now())
    for method in METHODS:
        assert manage(registrar, method, made).status == 403


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_managed_where_registration_is_switched_off(registrar, made, make_app, method):
    closed = Registrar(make_app())
    assert manage(closed, method, made).status == 403


def test_what_an_administrator_set_outlasts_a_change(registrar, made):
    with registrar.app.app_context(), transaction() as session:
        before = store.read(session, made["client_id"]).metadata.as_json()
        wanted = validate(
            {
                **before,
                "skip_consent": True,
                "resources": ["https://api.example"],
                "scope": "openid api:read",
                "claim_mapping": {"id_token": {"mail": "email"}},
                "jwt_sso": {"delivery_uri": "https://notes.example/sso"},
            }
        )
        administration.change(
            session, service(Vault), made["client_id"], wanted, actor=COMMAND_LINE, now=clock.utc_now()
        )

    document = {
        "client_id": made["client_id"],
        "redirect_uris": [CALLBACK],
        "scope": "openid email api:read api:write",
        "skip_consent": False,
        "resources": [],
    }
    assert manage(registrar, "PUT", made, document).json["scope"] == "openid email api:read"

    metadata = registrar.stored(made["client_id"]).metadata
    assert metadata.skip_consent
    assert metadata.resources == ("https://api.example",)
    assert metadata.claim_mapping == wanted.claim_mapping
    assert metadata.jwt_sso == wanted.jwt_sso


def test_an_app_that_somebody_let_in_may_turn_to_tokens_for_itself_others_may_not(registrar_for):
    registrar = registrar_for("open")
    _, token = registrar.token()
    document = {"grant_types": ["client_credentials"]}

    trusted, stranger = registrar.made(token), registrar.made()

    assert manage(registrar, "PUT", trusted, {**document, "client_id": trusted["client_id"]}).status == 200
    assert manage(registrar, "PUT", stranger, {**document, "client_id": stranger["client_id"]}).status == 400


def test_a_sector_is_fetched_again_only_when_it_matters(registrar_for):
    registrar = registrar_for(outbound=LOOPBACK)
    with serving({"/sector": [CALLBACK]}) as (origin, asked):
        given = {"redirect_uris": [CALLBACK], "subject_type": "pairwise", "sector_identifier_uri": f"{origin}/sector"}
        made = registrar.made(**given)
        document = {"client_id": made["client_id"], **given}
        made = manage(registrar, "PUT", made, {**document, "client_name": "Notes"}).json
        assert asked == ["/sector"]
        moved = {**document, "redirect_uris": [CALLBACK, "https://notes.example/second"]}
        assert "sector_identifier_uri" in refused(manage(registrar, "PUT", made, moved))
        assert asked == ["/sector", "/sector"]
