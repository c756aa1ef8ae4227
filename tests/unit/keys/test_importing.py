"""What may come in as a signing key, and what may not."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import int_to_base64

from idp import opaque
from idp.errors import FieldErrors
from idp.keys import importing, store
from idp.vault import Vault


def private_pem(native, encryption=None, form=PrivateFormat.PKCS8):
    return native.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def public_pem(native):
    return native.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()


def as_jwk(native, *, private=True, **extra):
    kind = OKPKey
    if isinstance(native, rsa.RSAPrivateKey):
        kind = RSAKey
    elif isinstance(native, ec.EllipticCurvePrivateKey):
        kind = ECKey
    return json.dumps({**kind.import_key(native).as_dict(private=private), **extra})


def sentence(text, alg, field="key"):
    with pytest.raises(FieldErrors) as caught:
        importing.read(text, alg)
    assert list(caught.value.fields) == [field]
    # Whatever was pasted is not repeated.
    for line in text.split():
        assert len(line) < 20 or line not in str(caught.value)
    return caught.value.fields[field]


def test_pem_and_jwk_with_and_without_the_private_part_are_read(rsa_key):
    for native, algs in ((rsa_key, ("RS256", "PS512")), (P256, ("ES256",)), (P384, ("ES384",)), (ED25519, ("EdDSA",))):
        for alg in algs:
            for text in (
                private_pem(native),
                f"\n {private_pem(native)}\n",
                as_jwk(native),
                as_jwk(native, kid="mine"),
            ):
                assert importing.read(text, alg).is_private
            for text in (public_pem(native), as_jwk(native, private=False, use="sig", alg=alg)):
                assert not importing.read(text, alg).is_private
    assert importing.read(private_pem(rsa_key, form=PrivateFormat.TraditionalOpenSSL), "RS256").is_private
    assert importing.read(private_pem(P256, form=PrivateFormat.TraditionalOpenSSL), "ES256").is_private


def test_the_kid_is_the_thumbprint_and_the_same_from_every_form(rsa_key):
    vault = Vault(opaque.random_bytes(32))
    texts = (private_pem(rsa_key), public_pem(rsa_key), as_jwk(rsa_key, kid="mine", key_ops=["sign"]))
    sealed = [store.seal(vault, "RS256", importing.read(text, "RS256")) for text in texts]
    assert {made.kid for made in sealed} == {RSAKey.import_key(rsa_key).thumbprint()}
    assert [made.private_jwk is None for made in sealed] == [False, True, False]
    for made in sealed:
        assert made.public_jwk.keys() == {"kty", "n", "e"}
    kept = json.loads(vault.decrypt(sealed[2].private_jwk, place=store.place(sealed[2].kid)))
    assert kept.keys() == {"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"}


@pytest.mark.parametrize("bits", [1024, 2040])
def test_K02_a_short_rsa_key_is_refused(bits):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    for text in (private_pem(weak), public_pem(weak), as_jwk_quietly(weak)):
        assert "2048" in sentence(text, "RS256")


def as_jwk_quietly(native):
    numbers = native.public_key().public_numbers()
    return json.dumps({"kty": "RSA", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e)})


def test_K02_an_rsa_key_with_a_small_exponent_is_refused():
    assert "exponent" in sentence(private_pem(rsa.generate_private_key(public_exponent=3, key_size=2048)), "RS256")


def test_K02_a_key_fits_its_algorithm_or_is_refused(rsa_key):
    ed448_key = ed448.Ed448PrivateKey.generate()
    for native, alg in ((P384, "ES256"), (P256, "ES384"), (rsa_key, "ES256"), (P256, "RS256"), (P256, "EdDSA"),
                        (ED25519, "ES256"), (ed448_key, "EdDSA")):  # fmt: skip
        assert "needs" in sentence(private_pem(native), alg)
        assert "needs" in sentence(as_jwk(native), alg)
    assert "needs" in sentence(private_pem(dsa.generate_private_key(2048)), "RS256")
    secp256k1 = ec.generate_private_key(ec.SECP256K1())
    assert sentence(private_pem(secp256k1), "ES256")


def test_what_is_no_single_usable_key_is_refused(rsa_key):
    texts = ("", "  ", "hello", "{", "{}", "[]", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ü",
             '{"kty":"RSA"}', '{"kty":"RSA","n":1,"e":2}', '{"kty":"RSA","n":"AQAB","e":"!"}', "x" * 20_000,
             '{"kty":"RSA","kty":"EC"}', json.dumps({"keys": [json.loads(as_jwk(rsa_key))]}))  # fmt: skip
    for text in texts:
        sentence(text, "RS256")
    assert "passphrase" in sentence(private_pem(rsa_key, BestAvailableEncryption(b"secret")), "RS256")
    assert "needs" in sentence(json.dumps(OctKey.generate_key(256).as_dict(private=True)), "RS256")
    assert "another algorithm" in sentence(as_jwk(rsa_key, alg="RS512"), "RS256")
    assert "not for signing" in sentence(as_jwk(rsa_key, use="enc"), "RS256")
    sentence(as_jwk(rsa_key), "HS256", "alg")
    sentence(as_jwk(rsa_key), "none", "alg")


def test_a_private_part_that_belongs_to_another_key_is_refused(rsa_key):
    other = ed25519.Ed25519PrivateKey.generate()
    mixed = {**json.loads(as_jwk(ED25519)), "d": json.loads(as_jwk(other))["d"]}
    assert "belong together" in sentence(json.dumps(mixed), "EdDSA")
    curve = {**json.loads(as_jwk(P256)), "d": json.loads(as_jwk(ec.generate_private_key(ec.SECP256R1())))["d"]}
    sentence(json.dumps(curve), "ES256")
    off_curve = {**json.loads(as_jwk(P256, private=False)), "y": json.loads(as_jwk(P256))["x"]}
    sentence(json.dumps(off_curve), "ES256")
    swapped = {**json.loads(as_jwk(rsa_key)), "d": "AQAB"}
    sentence(json.dumps(swapped), "RS256")
