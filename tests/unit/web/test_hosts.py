"""Which requests are for this server."""

import pytest

from idp.web.hosts import is_misdirected


@pytest.mark.parametrize(
    ("host", "path", "issuer", "expected"),
    [
        ("id.example.com", "/", "https://id.example.com", False),
        ("ID.Example.com", "/", "https://id.example.com", False),
        ("id.example.com:443", "/", "https://id.example.com", False),
        ("id.example.com:80", "/", "https://id.example.com", True),
        ("id.example.com.evil.example", "/", "https://id.example.com", True),
        ("evil.example", "/", "https://id.example.com", True),
        ("evil.example", "/livez", "https://id.example.com", False),
        ("evil.example", "/readyz", "https://id.example.com", False),
        ("", "/", "https://id.example.com", True),
        ("localhost:8000", "/", "http://localhost:8000", False),
        ("localhost", "/", "http://localhost:8000", True),
        ("127.0.0.1:8000", "/", "http://localhost:8000", True),
        ("localhost:80", "/", "http://localhost", False),
    ],
)
def test_only_the_issuers_host_is_answered(host, path, issuer, expected):
    assert is_misdirected(host, path, issuer) is expected
