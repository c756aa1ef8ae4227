"""What the one verifier refuses (security rows J01 to J13), and what it accepts."""

import hashlib
import hmac
import json
import threading
import time
import zlib
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from idp import clock
from idp.errors import InvalidToken
from idp.keys.ring import KeyRing
from idp.keys.verifier import HINT
from idp.settings import Settings
from idp.web.current import service
from tests.keyring import AUDIENCE, TYP, b64, claims, header_of, key_set, token, unb64, verify


@pytest.fixture(autouse=True)
def inside(app):
    with app.app_context():
        yield


def refused(text, **options) -> InvalidToken:
    with pytest.raises(InvalidToken) as caught:
        verify(text, **options)
    # One text for every fault, and nothing of the token in the log.
    assert caught.value.public == "The token is not valid."
    assert text == "" or text not in caught.value.detail
    return caught.value


def assembled(header, payload=None, signature=b"x") -> str:
    header = header if isinstance(header, str) else json.dumps(header)
    payload = payload if isinstance(payload, str) else json.dumps(payload or claims())
    return f"{b64(header)}.{b64(payload)}.{b64(signature)}"


def active(alg="RS256"):
    return service(KeyRing).current().active[alg]


def resigned(header, payload, alg="ES256") -> str:
    """Sign whatever is given with a real key of ours, as nobody outside can: only the rules are left to refuse it."""
    key = active(alg)
    header = header if isinstance(header, str) else json.dumps(header)
    payload = payload if isinstance(payload, str) else json.dumps(payload)
    signing_input = f"{b64(header)}.{b64(payload)}"
    return f"{signing_input}.{b64(key.model.sign(signing_input.encode(), key.private()))}"


def our_header(alg="ES256", **changed) -> dict:
    return {"alg": alg, "kid": active(alg).kid, "typ": TYP, **changed}


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_our_own_token_is_accepted_and_says_which_key(alg):
    made = token(alg)
    assert header_of(made) == {"alg": alg, "kid": active(alg).kid, "typ": TYP}
    assert verify(made)["sub"] == "usr_1"
    kind = RSAKey if alg == "RS256" else ECKey
    published = kind.import_key(key_set()[active(alg).kid])
    assert jwt.decode(made, published, algorithms=[alg]).claims["aud"] == AUDIENCE


def test_J01_none_in_every_spelling_is_refused():
    kid = active().kid
    for alg in ("none", "None", "NONE", "nOnE", "NoNe", " none", "none ", "", None, ["none"], ["RS256"], {"a": 1}, 0):
        for signature in (b"", b"x"):
            refused(assembled({"alg": alg, "kid": kid, "typ": TYP}, signature=signature))
    refused(assembled({"kid": kid, "typ": TYP}))
    refused(token().rpartition(".")[0] + ".")


def test_J02_a_public_key_is_never_an_hmac_secret():
    key = active()
    native = key.parsed.public.public_key
    jwk = key_set()[key.kid]
    secrets = [
        native.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        native.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        native.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        native.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        native.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        jwk["n"].encode(),
        unb64(jwk["n"]),
        b"",
    ]
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        signing_input = f"{b64(json.dumps({'alg': alg, 'kid': key.kid, 'typ': TYP}))}.{b64(json.dumps(claims()))}"
        for secret in secrets:
            refused(f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), digest).digest())}")


def test_J02_the_algorithm_is_that_of_the_key_on_record():
    # RSA keys can do all of these; the one on record does RS256.
    key = active()
    for alg in ("PS256", "RS512", "RS384", "ES256"):
        refused(resigned({"alg": alg, "kid": key.kid, "typ": TYP}, claims(), "RS256"))


def test_J03_a_kid_is_looked_up_and_nothing_else():
    odd = (
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "x' UNION SELECT 'AAAA' --",
        "a\0b",
        "\ud800",
        "",
        " ",
        active().kid + " ",
        active().kid[:-1],
        active().kid.swapcase(),
        "k" * 20_000,
        "http://127.0.0.1/key",
        ["a"],
        {"kid": 1},
        None,
        7,
        True,
    )
    for kid in odd:
        refused(resigned(our_header(kid=kid), claims()))
    refused(resigned({"alg": "ES256", "typ": TYP}, claims()))


class _Listener(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.calls.append(self.path)
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_J04_keys_in_the_header_are_ignored_and_never_fetched():
    own = ECKey.generate_key("P-256")
    with HTTPServer(("127.0.0.1", 0), _Listener) as server:
        server.calls = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/keys"
        for extra in ({"jwk": own.as_dict()}, {"jku": url}, {"x5u": url}, {"x5c": [b64("x")]}, {"x5t": "x"}):
            header = our_header(**extra)
            signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims()))}"
            signature = active("ES256").model.sign(signing_input.encode(), own)
            refused(f"{signing_input}.{b64(signature)}")
            header = {**header, "kid": own.thumbprint()}
            refused(assembled(header))
        server.shutdown()
        assert server.calls == []


def test_J05_what_asks_to_be_read_in_another_way_is_refused():
    for extra in ({"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"zip": "DEF"}):
        refused(resigned(our_header(**extra), claims()))


def test_J06_malformed_tokens_are_refused_plainly():
    good = token("ES256")
    header, payload, signature = good.split(".")
    deep = '{"a":' * 20_000 + "1" + "}" * 20_000
    kid = active("ES256").kid
    texts = [
        "", ".", "..", "...", "a.b", "a.b.c", good + ".", "." + good, good.replace(".", ""), f"{header}..{signature}",
        f"{header}.{payload}.", f".{payload}.{signature}", f"{header}.{payload}.{signature}=", good + "\n", " " + good,
        f"{header}.{payload}.{signature[:10]}!{signature[10:]}", f"{header}\n.{payload}.{signature}", "ü" + good,
        f"{header}.{payload}.{signature}.{signature}", f"{b64(b'[]')}.{payload}.{signature}",
        f"{b64(bytes([0xFF, 0xFE]))}.{payload}.{signature}", f"{b64('null')}.{payload}.{signature}",
    ]  # fmt: skip
    for text in texts:
        refused(text)
    bodies = [
        json.dumps(claims()).replace('"sub"', '"x": NaN, "sub"'),
        json.dumps(claims()).replace('"sub"', '"x": Infinity, "sub"'),
        json.dumps(claims()).replace('"sub"', '"x": ' + "9" * 5000 + ', "sub"'),
        json.dumps(claims()).replace('"usr_1"', '"\\ud800"'),
        deep, "[]", "null", "1", '"x"', "{", "",
    ]  # fmt: skip
    for body in bodies:
        refused(resigned(our_header(), body))
    for header_text in (
        f'{{"alg":"ES256","alg":"none","kid":"{kid}","typ":"at+jwt"}}',
        f'{{"alg":"none","alg":"ES256","kid":"{kid}","typ":"at+jwt"}}',
        deep,
    ):
        refused(resigned(header_text, claims()))


def test_J07_size_is_bounded_before_anything_is_read():
    began = time.monotonic()
    for size in (20_000, 1_000_000, 20_000_000):
        refused(resigned(our_header(pad="x" * size), claims()))
        refused(resigned(our_header(), claims(pad="x" * size)))
        refused("." * size)
        refused(token("ES256") + "A" * size)
    assert time.monotonic() - began < 3


def test_J08_encrypted_and_compressed_tokens_are_refused_at_once():
    bomb = b64(zlib.compress(b"0" * 10_000_000))
    began = time.monotonic()
    for header in (
        {"alg": "dir", "enc": "A128GCM", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAA"},
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
    ):
        refused(".".join((b64(json.dumps(header)), "", "AAAA", bomb[:10_000], "AAAA")))
        refused(f"{b64(json.dumps({**header, 'kid': active().kid, 'typ': TYP}))}.{bomb[:10_000]}.AAAA")
    assert time.monotonic() - began < 2


def test_J09_one_kind_of_token_is_not_another():
    kinds = ("JWT", "at+jwt", "logout+jwt")
    for made in kinds:
        text = token(typ=made)
        for asked in kinds:
            if asked == made:
                assert verify(text, typ=asked)["aud"] == AUDIENCE
            else:
                refused(text, typ=asked)
    refused(resigned({"alg": "ES256", "kid": active("ES256").kid}, claims()))


def test_J10_times_are_whole_seconds_with_at_most_a_minute_of_skew():
    now = clock.utc_now()
    at = clock.epoch_seconds(now)
    made = token(now=now)
    assert verify(made, now=now + timedelta(seconds=298))
    refused(made, now=now + timedelta(seconds=300))
    assert verify(made, now=now + timedelta(seconds=358), leeway=60)
    # More leeway than a minute is not to be had.
    refused(made, now=now + timedelta(seconds=400), leeway=3600)
    assert verify(made, now=now - timedelta(seconds=58))
    refused(made, now=now - timedelta(seconds=62))
    for changed in (
        {"exp": None}, {"iat": None}, {"exp": str(at + 300)}, {"iat": str(at)}, {"exp": at + 300.5}, {"iat": True},
        {"exp": [at + 300]}, {"exp": 10**15 * -1}, {"iat": at + 3600, "exp": at + 7200},
    ):  # fmt: skip
        refused(resigned(our_header(), claims(now, **changed)), now=now)
    assert verify(made, now=now + timedelta(days=300), expired_ok=True, states=HINT)


def test_J11_only_our_own_signature_holds():
    good = token("ES256")
    header, payload, signature = good.split(".")
    raw = unb64(signature)
    refused(f"{header}.{payload}.{b64(bytes(64))}")
    refused(f"{header}.{payload}.{b64(bytes(32) + raw[32:])}")
    refused(f"{header}.{payload}.{b64(raw[:-1])}")
    refused(f"{header}.{payload}.{b64(raw + bytes(1))}")
    for place in (0, 31, 32, 63):
        for bit in (1, 128):
            flipped = bytearray(raw)
            flipped[place] ^= bit
            refused(f"{header}.{payload}.{b64(bytes(flipped))}")
    # Another spelling of the same bytes is another token.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    refused(good[:-1] + alphabet[alphabet.index(good[-1]) ^ 1])
    refused(f"{header}.{b64(json.dumps(claims(sub='usr_2')))}.{signature}")
    foreign = ECKey.generate_key("P-256")
    signing_input = f"{header}.{payload}"
    refused(f"{signing_input}.{b64(active('ES256').model.sign(signing_input.encode(), foreign))}")
    other = token("ES256", sub="usr_2")
    refused(f"{header}.{payload}.{other.split('.')[2]}")


def test_J12_issuer_and_audience_are_exact():
    issuer = service(Settings).issuer
    for iss in (issuer + "/", issuer.upper(), "https://evil.example", None, [issuer], {"a": issuer}, ""):
        refused(resigned(our_header(), claims(iss=iss)))
    for aud in ([], {}, "", None, "https://api.example/", "https://API.example", ["https://other.example"], [1],
                [AUDIENCE, 1], {AUDIENCE: 1}, 5):  # fmt: skip
        refused(resigned(our_header(), claims(aud=aud)))
    for aud in (AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]):
        assert verify(resigned(our_header(), claims(aud=aud)))["aud"] == aud
    refused(resigned(our_header(), claims(aud=[])), audience=None)


def test_J13_the_json_serialisation_and_repeated_claims_are_refused():
    header, payload, signature = token("ES256").split(".")
    flattened = {"protected": header, "payload": payload, "signature": signature}
    refused(json.dumps(flattened))
    refused(json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}))
    body = json.dumps(claims())
    refused(resigned(our_header(), body[:-1] + ', "sub": "usr_2"}'))
    refused(resigned(our_header(), body[:-1] + ', "x": {"a": 1, "a": 2}}'))
