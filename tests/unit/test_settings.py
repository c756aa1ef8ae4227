"""Settings: where they come from, and that every fault is named at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from idp import settings as module
from idp.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def faults(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        module.load()
    return caught.value.faults


def test_defaults_need_nothing():
    settings = module.load()
    assert settings.issuer == "http://localhost:8000"
    assert settings.tokens.access == timedelta(minutes=5)
    assert settings.effective_database_url.endswith("/data/idp.db")
    assert type(settings) is Settings


def test_environment_goes_before_the_file(monkeypatch):
    Path("idp.toml").write_text('issuer = "https://file.example"\nworkers = 3\n[tokens]\naccess = "10min"\n')
    monkeypatch.setenv("IDP_ISSUER", "https://env.example")
    settings = module.load()
    assert (settings.issuer, settings.workers) == ("https://env.example", 3)
    assert settings.tokens.access == timedelta(minutes=10)


def test_a_secret_comes_from_the_file_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "url").write_text("postgresql+psycopg://db/doorward\n")
    monkeypatch.setenv("IDP_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert module.load().database_url == "postgresql+psycopg://db/doorward"


def test_a_secret_file_that_is_missing_is_a_fault(monkeypatch):
    assert faults(monkeypatch, IDP_MASTER_KEY_FILE="/nowhere/key") == [
        "IDP_MASTER_KEY_FILE: the file /nowhere/key cannot be read (FileNotFoundError)."
    ]


def test_every_fault_is_named_at_once(monkeypatch):
    found = faults(monkeypatch, IDP_ISSUR="x", IDP_WORKERS="0", IDP_TOKENS__ACCESS="soon", IDP_KEYS__KEEPS="1d")
    assert len(found) == 4
    assert any("IDP_ISSUR: no setting has this name; did you mean IDP_ISSUER?" in fault for fault in found)
    assert any(fault.startswith("IDP_WORKERS: ") for fault in found)
    assert any(fault.startswith("IDP_TOKENS__ACCESS: write a duration") for fault in found)
    assert any("did you mean IDP_KEYS__KEEP?" in fault for fault in found)


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "id.example.com",
        "http://id.example.com",
        "https://id.example.com/",
        "https://id.example.com/realm",
        "https://id.example.com?x",
        "https://id.example.com#x",
        "https://user@id.example.com",
        "https://ID.example.com",
        "ftp://id.example.com",
        "https://id.example.com:99999",
        # Browsers leave the port of the scheme out of Origin.
        "https://id.example.com:443",
        "http://localhost:80",
    ],
)
def test_N15_an_issuer_that_is_not_one_origin_stops_the_start(monkeypatch, issuer):
    assert [fault.partition(":")[0] for fault in faults(monkeypatch, IDP_ISSUER=issuer)] == ["IDP_ISSUER"]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.com",
        "https://id.example.com:8443",
        "http://localhost",
        "http://idp.localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    ],
)
def test_an_issuer_that_is_one_origin_is_taken_as_it_is(monkeypatch, issuer):
    monkeypatch.setenv("IDP_ISSUER", issuer)
    assert module.load().issuer == issuer


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5min", 300), ("8h", 28800), ("1.5h", 5400), ("30d", 2592000)]
)
def test_durations(monkeypatch, text, seconds):
    monkeypatch.setenv("IDP_SESSION__IDLE", text)
    assert module.load().session.idle == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDP_SESSION__IDLE", "-1h"),
        ("IDP_SESSION__IDLE", "8 weeks"),
        ("IDP_TOKENS__CODE", "2min"),
        ("IDP_TOKENS__REDIRECT_JWT", "3min"),
        ("IDP_LISTEN", "8000"),
        ("IDP_TRUSTED_PROXIES", "everybody"),
        ("IDP_LOG__LEVEL", "chatty"),
    ],
)
def test_a_value_that_does_not_fit_is_a_fault_of_its_own_setting(monkeypatch, name, value):
    assert [fault.partition(":")[0] for fault in faults(monkeypatch, **{name: value})] == [name]


def test_a_secret_value_is_never_in_a_fault(monkeypatch):
    found = faults(monkeypatch, IDP_WORKERS="many", IDP_DATABASE_URL="postgresql://u:hunter2@db/x")
    assert "hunter2" not in " ".join(found)


def test_proxies_are_a_list_of_networks(monkeypatch):
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    assert module.load().trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
