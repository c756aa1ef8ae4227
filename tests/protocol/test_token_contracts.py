"""What an app has had in its tokens stays, whatever a new version or a setting says, until somebody agrees."""

import json
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import event, select, update

from idp import clock
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.clients import defaults, store
from idp.clients.defaults import Defaults
from idp.clients.metadata import validate
from idp.clients.models import TokenContract
from idp.contracts import pins
from idp.contracts.frames import Frames
from idp.contracts.notes import Notes
from idp.contracts.pins import Changing
from idp.db import db, transaction
from idp.deliveries.faults import NotSent
from idp.deliveries.store import Claimed
from idp.oidc import back_channel
from idp.protocol import claims
from idp.protocol.claims import Claim
from idp.settings import TokenSettings
from idp.tokens import purge
from idp.tokens.models import Grant
from idp.vault import Vault
from idp.web.current import service
from tests.factories import ALL_CLAIMS
from tests.leaving import sign_out
from tests.protocol.conftest import Provider
from tests.protocol.flows import metadata_for
from tests.relying_party import header_of
from tests.visitor import PASSWORD

# What differs between two sign-ins of the same person in any case: instants and identifiers.
UNIQUE = {"iat", "exp", "auth_time", "jti", "nonce", "at_hash", "c_hash", "sid", "updated_at"}
API = "https://api.example"


def examined(idp, client_id):
    """Return what there is to say of a client's contracts, after what was gathered has been written."""
    with idp.app.app_context():
        service(Notes).flush()
        return pins.examine(db.session(), service(Frames), store.read(db.session(), client_id))


def changing():
    return Changing(service(Vault), service(Frames), COMMAND_LINE, clock.utc_now())


def accept(idp, client_id):
    with idp.app.app_context(), transaction() as session:
        pins.accept(session, changing(), client_id)


def change(idp, client_id, **changes):
    """Change a client as every way to change one does."""
    with idp.app.app_context(), transaction() as session:
        wanted = validate({**store.read(session, client_id).metadata.as_json(), **changes})
        pins.change(session, changing(), client_id, wanted)


def past_the_guard(idp, party, **changes):
    """Change a client as nothing but a mistake would."""
    with idp.app.app_context(), transaction() as session:
        wanted = validate({**store.read(session, party.client_id).metadata.as_json(), **changes})
        store.update(session, service(Vault), party.client_id, wanted, clock.utc_now())


def age(idp, client_id):
    """Let a while pass since the contracts were agreed to."""
    with idp.app.app_context(), transaction() as session:
        before = TokenContract.client_id == client_id
        session.execute(update(TokenContract).where(before).values(pinned_at=clock.utc_now() - timedelta(minutes=1)))


def told(party, browser, **changes):
    """Return all that a sign-in gives, without instants and identifiers; lifetimes are kept."""
    tokens = party.sign_in(browser, **changes)
    found = {"userinfo": party.userinfo(tokens.access).json}
    for name, token, said in (("id", tokens.id_token, tokens.id_claims), ("at", tokens.access, tokens.access_claims)):
        header = {key: value for key, value in header_of(token).items() if key != "kid"}
        rest = {key: value if key not in UNIQUE else type(value).__name__ for key, value in said.items()}
        found[name] = (header, rest, said["exp"] - said["iat"])
    return found


@pytest.fixture
def upgraded(monkeypatch):
    """Return a function that makes this the next release: other algorithms, one more claim, other lifetimes."""

    def upgrade():
        later = Defaults(version=2, alg_for_resources="ES256", alg_for_the_issuer="RS256")
        monkeypatch.setattr(defaults, "VERSIONS", [*defaults.VERSIONS, later])
        role = Claim("role", "profile", lambda person: person.claims.get("nickname"), since=2)
        monkeypatch.setattr(claims, "CLAIMS", (*claims.CLAIMS, role))
        return {"tokens": TokenSettings(access=timedelta(minutes=9), id=timedelta(minutes=20))}

    return upgrade


def test_an_upgrade_changes_nothing_for_apps_that_are_there(idp, make_app, upgraded):
    ana = idp.person("ana", claims=ALL_CLAIMS)
    party = idp.party(scope="openid profile email", resources=[API])
    before = told(party, idp.browser(ana))
    for_api = told(party, idp.browser(ana), resource=API)
    assert examined(idp, party.client_id).is_kept

    later = Provider(make_app(**upgraded()), idp.issuer)
    party.http = later.http()
    assert told(party, later.browser(ana)) == before
    assert told(party, later.browser(ana), resource=API) == for_api
    fresh = later.party(scope="openid profile email", resources=[API])
    new = told(fresh, later.browser(ana))
    assert (before["at"][0]["alg"], new["at"][0]["alg"]) == ("ES256", "RS256")
    assert (before["at"][2], new["at"][2]) == (300, 540)
    assert (before["id"][2], new["id"][2]) == (3600, 1200)
    assert (new["id"][1]["role"], new["userinfo"]["role"]) == ("ani", "ani")
    assert told(fresh, later.browser(ana), resource=API)["at"][0]["alg"] == "ES256"

    assert_what_waits(examined(later, party.client_id))
    assert examined(later, fresh.client_id).is_kept
    accept_and_compare(later, party, ana)


def assert_what_waits(found):
    """The next release and its settings wait, and nothing else is different."""
    assert not found.differs
    assert not found.broken
    waits = {(one.kind, one.scope): (one.removed, one.added) for one in found.waits}
    removed, added = waits["id_token", "openid profile email"]
    assert removed == ["Lives: 1 hour"]
    assert added == ["Lives: 20 minutes", "role: string, not in all"]
    assert waits["resource_access_token", "openid profile email"] == (
        ["Signed with: RS256", "Lives: 5 minutes"],
        ["Signed with: ES256", "Lives: 9 minutes"],
    )


def accept_and_compare(later, party, ana):
    """What is agreed to is what comes."""
    accept(later, party.client_id)
    assert examined(later, party.client_id).is_kept
    agreed = told(party, later.browser(ana))
    assert (agreed["at"][0]["alg"], agreed["at"][2], agreed["id"][2]) == ("RS256", 540, 1200)
    assert agreed["id"][1]["role"] == "ani"
    age(later, party.client_id)
    told(party, later.browser(ana))
    assert examined(later, party.client_id).is_kept
    with later.app.app_context():
        entry = db.session().execute(select(AuditEvent).where(AuditEvent.type == "contract.accepted")).scalar_one()
    assert "Lives: 9 minutes" in json.dumps(entry.detail)


def test_a_sign_out_ends_tokens_that_live_longer_than_the_setting_says(idp, make_app):
    ana, hour = idp.person("ana"), TokenSettings(access=timedelta(hours=1))
    lasting = Provider(make_app(tokens=hour), idp.issuer)
    party = lasting.party()
    told(party, lasting.browser(ana))
    assert examined(lasting, party.client_id).is_kept

    party.http, browser = idp.http(), idp.browser(ana)
    access = party.sign_in(browser).access
    with time_machine.travel(clock.utc_now() + timedelta(minutes=10), tick=False):
        with idp.app.app_context(), transaction() as session:
            while purge.purge(session, clock.utc_now()):
                pass
        assert party.userinfo(access).status == 200
        sign_out(browser)
        assert party.userinfo(access).status == 401


def test_a_grant_of_the_token_api_outlives_the_longest_token_made_from_it(idp, make_app):
    hour = timedelta(hours=1)
    lasting = Provider(make_app(tokens=TokenSettings(api_access=hour)), idp.issuer)
    idp.person("ana", password=PASSWORD)
    nothing = {"grant_types": [], "response_types": [], "redirect_uris": [], "scope": ""}
    made = idp.client(**nothing, token_endpoint_auth_method="none", token_api={"origins": []})
    for provider in (lasting, idp):
        client = provider.app.test_client(use_cookies=False)
        response = client.post("/api/token/", json={"username": "ana", "password": PASSWORD}, base_url=idp.issuer)
        assert response.status_code == 200, response.text
        # What it has had is written down by then.
        examined(provider, made.client_id)
    rows = idp.rows(select(Grant.created_at, Grant.expires_at).where(Grant.client_id == made.client_id))
    assert len(rows) == 2
    for row in rows:
        assert row.expires_at - row.created_at >= idp.settings.tokens.refresh_max + hour


def test_every_kind_of_token_is_as_it_was_computed(idp):
    """Nobody's data is a difference: of whom all is known, and of whom nothing is."""
    people = [
        idp.person("ana", claims=ALL_CLAIMS, in_groups=("staff",)),
        idp.person("bob", email_verified=False, name=""),
    ]
    every = "openid profile email address phone groups"
    mapping = {"id_token": {"tel": "phone_number"}, "userinfo": {"mail": "email"}, "access_token": {"uid": "sub"}}
    flows = {
        "code": {"resources": [API, f"{API}/b"], "iat_backdate": 5, "backchannel_logout_uri": "https://rp.example/out"},
        "id_token": {},
        "id_token token": {"id_token_profile_claims": False},
        "code id_token token": {"subject_type": "pairwise", "claim_mapping": mapping},
        "code id_token": {"userinfo_signed_response_alg": "ES256", "id_token_signed_response_alg": "HS256"},
    }
    kinds = set()
    for response_type, more in flows.items():
        party = idp.party(scope=every, **metadata_for(response_type), **more)
        party.response_type = response_type
        for person in people:
            for scope in (every, "openid", "openid email"):
                done = party.flow(idp.browser(person), scope=scope)
                if done.access:
                    assert party.userinfo(done.access).status == 200
        if "resources" in more:
            party.sign_in(idp.browser(people[0]), resource=API)
            tell_of_a_sign_out(idp, party, people[0])
        found = examined(idp, party.client_id)
        assert found.is_kept, (response_type, found.differs, [one.faults for one in found.broken])
        kinds |= {one.kind for one in found.contracts}
    machine = idp.party(grant_types=["client_credentials"], redirect_uris=[], scope="read write", resources=[API])
    for form in ({}, {"scope": "read"}, {"resource": API}):
        assert machine.token({"grant_type": "client_credentials", **form}).status == 200
    found = examined(idp, machine.client_id)
    assert found.is_kept
    kinds |= {one.kind for one in found.contracts}
    assert kinds == {"id_token", "front_id_token", "access_token", "resource_access_token", "userinfo", "logout_token",
                     "client_access_token", "client_resource_access_token"}  # fmt: skip


def tell_of_a_sign_out(idp, party, person):
    claimed = Claimed("dlv", "logout_token", party.client_id, person.id, {"session_id": "ses"}, None, 1, "x")
    with idp.app.app_context(), pytest.raises(NotSent):
        back_channel.tell(claimed, clock.utc_now())


def test_nothing_is_written_on_the_way_to_a_token(idp):
    machine = idp.party(grant_types=["client_credentials"], redirect_uris=[], scope="read")
    machine.token({"grant_type": "client_credentials"})
    written = []

    def heard(_connection, _cursor, statement, *_rest):
        if statement.split()[0].upper() in {"INSERT", "UPDATE", "DELETE"}:
            written.append(statement)

    with idp.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", heard)
    for _ in range(5):
        assert machine.token({"grant_type": "client_credentials"}).status == 200
    event.remove(engine, "before_cursor_execute", heard)
    assert not [one for one in written if "token_contracts" in one]
    (contract,) = examined(idp, machine.client_id).contracts
    assert (contract.tokens, contract.seen["jti"], contract.seen["aud"]) == (6, 6, 6)
    assert "aud" in contract.frame["claims"]
    assert idp.issuer in contract.frame["audience"]


def test_a_change_that_nobody_agreed_to_is_found_and_told_once(idp):
    ana = idp.person("ana")
    party = idp.party()
    told(party, idp.browser(ana))
    assert examined(idp, party.client_id).is_kept
    past_the_guard(idp, party, id_token_profile_claims=False)
    # Before the first such token ...
    (before,) = examined(idp, party.client_id).differs
    assert before.kind == "id_token"
    assert {"email: string, not in all", "name: string, not in all"} <= set(before.removed)
    # ... and by the token itself: of what every token had, not of what only some people have.
    told(party, idp.browser(ana))
    assert [one.faults for one in examined(idp, party.client_id).broken] == [["preferred_username is missing"]]
    past_the_guard(idp, party, id_token_signed_response_alg="ES256", claim_mapping={"id_token": {"u": "sub"}})
    for _ in range(2):
        told(party, idp.browser(ana))
        (broken,) = examined(idp, party.client_id).broken
    new = ["signed with ES256 instead of RS256", "u (string) is new"]
    assert broken.faults == ["preferred_username is missing", *new]
    with idp.app.app_context():
        entries = db.session().execute(select(AuditEvent).where(AuditEvent.type == "contract.broken")).scalars().all()
    assert sorted(entry.detail["differences"] for entry in entries) == [["preferred_username is missing"], new]
    accept(idp, party.client_id)
    age(idp, party.client_id)
    told(party, idp.browser(ana))
    assert examined(idp, party.client_id).is_kept


def test_a_narrower_scope_follows_its_tokens(idp):
    ana = idp.person("ana")
    party = idp.party(scope="openid profile email")
    told(party, idp.browser(ana))
    examined(idp, party.client_id)
    change(idp, party.client_id, scope="openid profile", id_token_signed_response_alg="ES256")
    found = examined(idp, party.client_id)
    assert found.is_kept
    assert {(one.kind, one.scope) for one in found.contracts} == {
        (kind, "openid profile") for kind in ("id_token", "access_token", "userinfo")
    }
    assert {one.accepted_by for one in found.contracts} == {"Command line"}
    assert "email" not in found.contracts[0].frame["claims"]
    change(idp, party.client_id, grant_types=["client_credentials"], response_types=[], redirect_uris=[], scope="")
    assert not examined(idp, party.client_id).contracts


def test_what_is_asked_for_by_name_is_no_part_of_it(idp):
    ana = idp.person("ana", claims=ALL_CLAIMS)
    party = idp.party(scope="openid profile email")
    asked = json.dumps({"id_token": {"birthdate": None}, "userinfo": {"zoneinfo": None}})
    tokens = party.sign_in(idp.browser(ana), scope="openid", claims=asked)
    assert tokens.id_claims["birthdate"]
    party.userinfo(tokens.access)
    assert {one.kind for one in examined(idp, party.client_id).contracts} == {"access_token"}
