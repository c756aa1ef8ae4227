"""Clients that prove themselves by a certificate, which a trusted proxy hands on (RFC 8705)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from idp.settings import OutboundSettings, Settings, SettingsError
from idp.settings import load as load_settings
from tests.certificates import DN, Holder
from tests.listener import serving
from tests.relying_party import basic

MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None, "scope": "", "skip_consent": None}
HEADER = "X-Client-Cert"


@pytest.fixture(scope="module")
def holder():
    return Holder()


@pytest.fixture
def proxied(idp_over, make_app):
    """A provider behind a proxy on this machine that hands certificates on."""
    return idp_over(
        make_app(
            trusted_proxies=("127.0.0.1/32",),
            client_certificate_header=HEADER,
            outbound=OutboundSettings(allow=("127.0.0.0/8",)),
        )
    )


def by_name(provider, **names):
    return provider.party(token_endpoint_auth_method="tls_client_auth", **MACHINE, **names)


def ask(party, value=None, headers=None, **form):
    given = {"grant_type": "client_credentials", "client_id": party.client_id, **form}
    sent = {} if value is None else {HEADER: value}
    return party.http(
        "POST", "/oauth/token", {k: v for k, v in given.items() if v is not None}, {**sent, **(headers or {})}
    )


def refused(response, error="invalid_client", status=401):
    assert (response.status, response.json["error"]) == (status, error), response.text


@pytest.mark.parametrize(
    "names",
    [
        {"tls_client_auth_subject_dn": DN},
        {"tls_client_auth_subject_dn": "cn = NOTES, ou = backend, o = Example  Inc, c = de"},
        {"tls_client_auth_subject_dn": "2.5.4.3=notes,OU=Backend,O=Example Inc,C=DE"},
        {"tls_client_auth_san_dns": "notes.example"},
        {"tls_client_auth_san_dns": "Notes.Example"},
        {"tls_client_auth_san_uri": "spiffe://example/notes"},
        {"tls_client_auth_san_ip": "2001:db8::1"},
        {"tls_client_auth_san_ip": "2001:0db8:0:0:0:0:0:1"},
        {"tls_client_auth_san_email": "notes@example.com"},
    ],
)
def test_a_certificate_is_known_by_its_registered_name(proxied, holder, names):
    party = by_name(proxied, **names)
    assert party.client_secret is None
    assert ask(party, quote(holder.pem)).status == 200
    refused(ask(party, quote(Holder("CN=other", []).pem)))


@pytest.mark.parametrize(
    "names",
    [
        {"tls_client_auth_subject_dn": "CN=notes"},
        {"tls_client_auth_subject_dn": "C=DE,O=Example Inc,OU=Backend,CN=notes"},
        {"tls_client_auth_subject_dn": DN + ",C=DE"},
        {"tls_client_auth_san_dns": "example"},
        {"tls_client_auth_san_dns": "*.example"},
        {"tls_client_auth_san_uri": "spiffe://example/NOTES"},
        {"tls_client_auth_san_ip": "2001:db8::2"},
        {"tls_client_auth_san_ip": "nonsense"},
        {"tls_client_auth_san_email": "notes@example.org"},
    ],
)
def test_another_name_is_another_client(proxied, holder, names):
    refused(ask(by_name(proxied, **names), quote(holder.pem)))


def written(holder):
    one_line = " ".join(holder.pem.split("\n"))
    return [
        quote(holder.pem),
        quote(holder.pem, safe="+/="),
        f":{holder.der}:",
        holder.der,
        quote(holder.der),
        one_line,
    ]


@pytest.mark.parametrize("place", range(6))
def test_each_proxy_writes_a_certificate_its_own_way(proxied, holder, place):
    # nginx, Envoy and others URL-encode PEM; RFC 9440 has `:base64:`, HAProxy bare base64, Apache PEM in one line.
    assert ask(by_name(proxied, tls_client_auth_subject_dn=DN), written(holder)[place]).status == 200


@pytest.mark.parametrize("place", range(7))
def test_what_is_not_one_certificate_is_a_clean_refusal(proxied, holder, place):
    other = Holder("CN=other", [])
    values = [
        "x",
        "%00%ff",
        quote(holder.pem + other.pem),
        f"{quote(other.pem)},{quote(holder.pem)}",
        f":{other.der}:, :{holder.der}:",
        "-----BEGIN CERTIFICATE-----",
        "A" * 6_000,
    ]
    refused(ask(by_name(proxied, tls_client_auth_subject_dn=DN), values[place]))


@pytest.mark.parametrize("value", [None, "", "(null)"])
def test_without_a_certificate_nobody_is_proven(proxied, value):
    refused(ask(by_name(proxied, tls_client_auth_subject_dn=DN), value))


def test_an_expired_certificate_proves_nobody(proxied):
    refused(ask(by_name(proxied, tls_client_auth_subject_dn=DN), quote(Holder(days=-1).pem)))


def test_only_the_trusted_proxy_is_believed(proxied, holder):
    party = by_name(proxied, tls_client_auth_subject_dn=DN)
    form = {"grant_type": "client_credentials", "client_id": party.client_id}
    statuses = {}
    for peer in ("127.0.0.1", "127.0.0.2", "192.0.2.1"):
        response = proxied.app.test_client().post(
            "/oauth/token",
            data=form,
            # What the outside says about itself makes nobody a proxy.
            headers={HEADER: quote(holder.pem), "X-Forwarded-For": "127.0.0.1"},
            environ_base={"REMOTE_ADDR": peer},
        )
        statuses[peer] = response.status_code
    assert statuses == {"127.0.0.1": 200, "127.0.0.2": 401, "192.0.2.1": 401}


def test_the_header_means_nothing_where_no_setting_names_it(idp, holder):
    party = by_name(idp, tls_client_auth_subject_dn=DN)
    refused(ask(party, quote(holder.pem)))


def test_discovery_names_the_methods_where_they_work(idp, proxied):
    by_certificate = {"tls_client_auth", "self_signed_tls_client_auth"}
    for provider, expected in ((idp, set()), (proxied, by_certificate)):
        document = provider.http()("GET", "/.well-known/openid-configuration", None, {}).json
        for endpoint in ("token", "revocation", "introspection"):
            listed = set(document[f"{endpoint}_endpoint_auth_methods_supported"])
            assert listed & by_certificate == expected


def test_T09_a_certificate_client_has_no_other_way_in(proxied, holder):
    party = by_name(proxied, tls_client_auth_subject_dn=DN)
    refused(ask(party, quote(holder.pem), client_secret="x"))
    refused(ask(party, quote(holder.pem), {"Authorization": basic(party.client_id, "x")}))


def test_a_certificate_beside_another_way_proves_nothing(proxied, holder):
    party = proxied.party(**MACHINE)
    refused(ask(party, quote(holder.pem)))
    assert ask(party, quote(holder.pem), client_secret=party.client_secret).status == 200


# Self-signed


def test_a_self_signed_certificate_is_known_by_its_registered_key(proxied, holder):
    party = proxied.party(
        token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [holder.jwk]}, **MACHINE
    )
    assert ask(party, quote(holder.pem)).status == 200
    # The same names, another key.
    refused(ask(party, quote(Holder().pem)))
    refused(ask(party))


def test_a_self_signed_certificate_may_be_replaced_behind_the_jwks_uri(proxied, holder):
    documents = {"/keys": {"keys": [holder.jwk]}}
    with serving(documents) as (origin, asked):
        party = proxied.party(
            token_endpoint_auth_method="self_signed_tls_client_auth", jwks_uri=f"{origin}/keys", **MACHINE
        )
        assert ask(party, quote(holder.pem)).status == 200
        successor = Holder()
        documents["/keys"] = {"keys": [successor.jwk]}
        assert ask(party, quote(successor.pem)).status == 200
        refused(ask(party, quote(holder.pem)))
    assert len(asked) == 2


def test_a_whole_sign_in_by_certificate(proxied, holder):
    party = proxied.party(token_endpoint_auth_method="tls_client_auth", tls_client_auth_subject_dn=DN)
    code, pending = party.code(proxied.browser(proxied.person())), party.pending[-1]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
    refused(ask(party, None, **form, code_verifier=pending.verifier))
    response = ask(party, quote(holder.pem), **form, code_verifier=pending.verifier)
    assert party.verified(response, nonce=pending.nonce).id_claims["aud"] == party.client_id


def test_the_header_needs_a_proxy_that_is_trusted(monkeypatch):
    monkeypatch.setenv("IDP_CLIENT_CERTIFICATE_HEADER", "Client-Cert")
    with pytest.raises(SettingsError, match="IDP_TRUSTED_PROXIES"):
        load_settings()
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", "10.0.0.0/8")
    assert load_settings().client_certificate_header == "Client-Cert"
    monkeypatch.setenv("IDP_CLIENT_CERTIFICATE_HEADER", "Client Cert:")
    with pytest.raises(SettingsError, match="name of a header"):
        load_settings()
    assert Settings().client_certificate_header == ""
