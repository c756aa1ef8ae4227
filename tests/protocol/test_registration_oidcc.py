"""What certification asks of a provider that apps register themselves at (the modules of the dynamic plan)."""

import pytest

from idp.keys import rotation
from idp.settings import OutboundSettings
from tests.app_keys import ASSERTION_TYPE, assertion_claims, make_key, unsigned
from tests.keyring import change
from tests.listener import serving
from tests.registering import CALLBACK, refused
from tests.relying_party import header_of

LOOPBACK = OutboundSettings(allow=("127.0.0.0/8",))


@pytest.fixture
def walk(idp_over):
    """Return a function that lets a fresh person sign in at a party and allow it; it returns the party's answer."""

    def run(registrar, party, **changes):
        idp = idp_over(registrar.app)
        return walk_with(idp, idp.browser(idp.person()), party, **changes)

    return run


def walk_with(idp, browser, party, **changes):
    """Ask for a sign-in in a browser that is signed in, and allow it; return the party's answer."""
    answer = party.start(browser, **changes)
    for _ in range(5):
        where = answer.location or ""
        if not where.startswith(("/", idp.issuer)):
            return answer
        answer = browser("GET", where)
        if answer.status == 200 and "consent-allow" in answer.text:
            form = {"csrf_token": idp.form_of(answer)["csrf_token"], "decision": "allow"}
            answer = browser("POST", where, form)
    raise AssertionError(answer.text)


def tokens_of(party, answer):
    """Return the verified tokens for the code in an answer."""
    response = party.exchange(party.answer(answer)["code"])
    assert response.status == 200, response.text
    return party.verified(response, nonce=party.pending[-1].nonce)


# Sectors.


def test_oidcc_registration_sector_uri(registrar_for):
    registrar = registrar_for(outbound=LOOPBACK)
    second = "https://mail.example/callback"
    with serving({"/sector.json": [CALLBACK, second, "https://third.example/"]}) as (origin, asked):
        made = registrar.made(
            redirect_uris=[CALLBACK, second], subject_type="pairwise", sector_identifier_uri=f"{origin}/sector.json"
        )
    assert made["sector_identifier_uri"] == f"{origin}/sector.json"
    assert asked == ["/sector.json"]


def test_oidcc_registration_sector_uri_gives_one_subject_at_all_hosts_of_the_sector(registrar_for, idp_over):
    registrar = registrar_for(outbound=LOOPBACK)
    idp = idp_over(registrar.app)
    person, addresses = idp.person(), [CALLBACK, "https://mail.example/callback"]
    with serving({"/sector.json": addresses}) as (origin, _):
        sector = {"subject_type": "pairwise", "sector_identifier_uri": f"{origin}/sector.json"}
        both = registrar.party(redirect_uris=addresses, **sector)
        each = [registrar.party(redirect_uris=[address], **sector) for address in addresses]
    alone = registrar.party(subject_type="pairwise")

    def subject(party, **changes):
        return tokens_of(party, walk_with(idp, idp.browser(person), party, **changes)).id_claims["sub"]

    known = {subject(both, redirect_uri=address) for address in addresses} | {subject(party) for party in each}
    assert len(known) == 1
    assert not known & {person.id, subject(alone)}


def test_oidcc_registration_jwks_uri_through_a_sign_in(registrar_for, idp_over):
    registrar, key = registrar_for(outbound=LOOPBACK), make_key("ES256")
    with serving({"/keys": key.jwks}) as (origin, asked):
        party = registrar.party(token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{origin}/keys")
        idp = idp_over(registrar.app)
        code = party.answer(walk_with(idp, idp.browser(idp.person()), party))["code"]
        pending = party.pending[-1]
        proof = {"client_assertion_type": ASSERTION_TYPE}
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        for signer, status in ((make_key("ES256", "other"), 401), (key, 200)):
            proof["client_assertion"] = signer.sign(assertion_claims(party.client_id, f"{party.issuer}/oauth/token"))
            response = party.http("POST", "/oauth/token", {**form, **proof}, {})
            assert response.status == status, response.text
    assert party.verified(response, nonce=pending.nonce).id_claims["sub"]
    assert set(asked) == {"/keys"}


def test_oidcc_request_uri_unsigned(registrar_for, idp_over):
    registrar = registrar_for(outbound=LOOPBACK)
    browser = idp_over(registrar.app).browser()
    document = browser("GET", "/.well-known/openid-configuration").json
    assert document["request_uri_parameter_supported"] is True
    assert "none" not in document["request_object_signing_alg_values_supported"]
    objects = {}
    with serving(objects) as (origin, _):
        address = f"{origin}/request.jwt#v1"
        assert "none" in refused(registrar.register(request_uris=[address], request_object_signing_alg="none"))
        for keys in ({}, {"jwks": make_key().jwks}):
            party = registrar.party(request_uris=[address], **keys)
            objects["/request.jwt"] = unsigned(party.parameters())
            # Not ignored either: what stands beside it would be a good request.
            given = party.answer(party.start(browser, request_uri=address))
            assert given["error"] == "request_uri_not_supported"


@pytest.mark.parametrize(
    "listed", [["https://mail.example/callback"], [CALLBACK + "/"], {}, "no json", [CALLBACK, 7], None]
)
def test_oidcc_registration_sector_bad(registrar_for, listed):
    registrar = registrar_for(outbound=LOOPBACK)
    with serving({"/sector.json": listed} if listed is not None else {}) as (origin, _):
        answer = registrar.register(subject_type="pairwise", sector_identifier_uri=f"{origin}/sector.json")
    assert "sector_identifier_uri" in refused(answer)


def test_oidcc_3rd_party_init_login(registrar):
    made = registrar.made(initiate_login_uri="https://notes.example/login")

    assert made["initiate_login_uri"] == "https://notes.example/login"
    answer = registrar.send("GET", made["registration_client_uri"], token=made["registration_access_token"])
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["initiate_login_uri"] == "https://notes.example/login"


def test_oidcc_3rd_party_init_login_nohttps(registrar):
    assert "initiate_login_uri" in refused(registrar.register(initiate_login_uri="http://notes.example/login"))


def test_oidcc_redirect_uri_regfrag(registrar):
    refused(registrar.register(redirect_uris=[f"{CALLBACK}#here"]), "invalid_redirect_uri")


def test_oidcc_ensure_redirect_uri_in_authorization_request(registrar, idp_over):
    idp = idp_over(registrar.app)
    party = registrar.party(redirect_uris=[CALLBACK, "https://notes.example/second"])

    answer = party.start(idp.browser(idp.person()), redirect_uri=None)

    assert (answer.status, answer.location) == (400, None)
    assert "redirect URI" in answer.text


def test_oidcc_redirect_uri_query_OK(registrar, walk):
    party = registrar.party(redirect_uris=[f"{CALLBACK}?bar=foo"])

    answer = walk(registrar, party)

    assert answer.location.startswith(f"{CALLBACK}?bar=foo&")
    assert tokens_of(party, answer).id_claims["sub"]


@pytest.mark.parametrize("sent", [f"{CALLBACK}?bar=bar", f"{CALLBACK}?bar=foo&baz=1", CALLBACK])
def test_oidcc_redirect_uri_query_mismatch(registrar, idp_over, sent):
    idp = idp_over(registrar.app)
    party = registrar.party(redirect_uris=[f"{CALLBACK}?bar=foo"])

    answer = party.start(idp.browser(idp.person()), redirect_uri=sent)

    assert (answer.status, answer.location) == (400, None)


def test_oidcc_redirect_uri_query_added(registrar, idp_over):
    idp = idp_over(registrar.app)
    party = registrar.party()

    answer = party.start(idp.browser(idp.person()), redirect_uri=f"{CALLBACK}?bar=foo")

    assert (answer.status, answer.location) == (400, None)


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_oidcc_idtoken_rs256(registrar, walk, alg):
    party = registrar.party(id_token_signed_response_alg=alg)

    tokens = tokens_of(party, walk(registrar, party))

    assert header_of(tokens.id_token)["alg"] == alg
    assert header_of(tokens.id_token)["kid"]
    # Nothing about the person that was not asked for.
    assert not {"name", "email"} & tokens.id_claims.keys()


def test_oidcc_idtoken_signature(registrar, walk):
    party = registrar.party()

    header = header_of(tokens_of(party, walk(registrar, party)).id_token)

    assert header["alg"] == "RS256"
    assert header["kid"]


def test_oidcc_server_rotate_keys(registrar, walk):
    party = registrar.party()
    old = header_of(tokens_of(party, walk(registrar, party)).id_token)["kid"]

    with registrar.app.app_context():
        rotation.rotate(change(registrar.app), "RS256", force=True)

    new = header_of(tokens_of(party, walk(registrar, party)).id_token)["kid"]
    kids = [key["kid"] for key in party.http("GET", "/oauth/jwks", None, {}).json["keys"]]
    assert new != old
    assert {old, new} <= set(kids)
    assert len(kids) == len(set(kids))


def sign_in_page_of(registrar, idp_over, **metadata):
    """Return the sign-in page that a request of a client with *metadata* leads to."""
    idp = idp_over(registrar.app)
    party = registrar.party(client_name="Notes", **metadata)
    browser = idp.browser()
    page = browser("GET", party.start(browser).location)
    assert "Sign in to Notes" in page.text
    return page.text


def test_oidcc_registration_policy_uri(registrar, idp_over):
    page = sign_in_page_of(registrar, idp_over, policy_uri="https://notes.example/privacy")
    assert 'id="client-policy-link" href="https://notes.example/privacy"' in page


def test_oidcc_registration_tos_uri(registrar, idp_over):
    page = sign_in_page_of(registrar, idp_over, tos_uri="https://notes.example/terms")
    assert 'id="client-tos-link" href="https://notes.example/terms"' in page
