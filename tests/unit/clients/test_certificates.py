"""Distinguished names of certificates, as people and tools write them."""

import pytest

from idp.clients.certificates import parse_name, subject_dn
from idp.clients.values import BadValue

SAME = parse_name("CN=Foo\\, Bar+OU=x,O=Acme Inc,C=DE")


@pytest.mark.parametrize(
    "written",
    [
        "CN=Foo\\, Bar+OU=x,O=Acme Inc,C=DE",
        "cn=foo\\, bar + ou=X, o=acme  inc , C=de",
        "OU=x+CN=Foo\\, Bar,O=Acme Inc,C=DE",
        "CN = Foo\\2c Bar+OU = x, O = Acme Inc, C = DE",
        "2.5.4.3=Foo\\, Bar+2.5.4.11=x,2.5.4.10=Acme Inc,2.5.4.6=DE",
    ],
)
def test_one_name_has_many_spellings(written):
    assert parse_name(written) == SAME is not None


@pytest.mark.parametrize(
    "written",
    [
        "CN=Foo\\, Bar,OU=x,O=Acme Inc,C=DE",
        "C=DE,O=Acme Inc,CN=Foo\\, Bar+OU=x",
        "CN=Foo\\, Bar+OU=x,O=AcmeInc,C=DE",
        "CN=Foo\\, Bar+OU=x,O=Acme Inc",
    ],
)
def test_another_order_or_part_is_another_name(written):
    assert parse_name(written) not in (SAME, None)


@pytest.mark.parametrize("written", ["serialNumber=12,CN=a", "emailAddress=a@b.example,CN=a", "ST=x,L=y,street=z,DC=w"])
def test_names_beyond_the_few_of_the_standard_are_read(written):
    assert subject_dn(f" {written} ") == written


@pytest.mark.parametrize(
    "written", ["", "notes", "CN", "CN=", "=x", "FOO=bar", "CN=a,,O=b", "x" * 1001, 7, "CN=a\nO=b"]
)
def test_what_is_no_name_cannot_be_registered(written):
    with pytest.raises(BadValue):
        subject_dn(written)
