"""Making an installation ready, and refusing to start on what would lose something."""

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from idp.app import create_app
from idp.db import db
from idp.keys.models import SigningKey
from idp.prepare import StartError, prepare
from idp.settings import Settings
from idp.vault import VaultError
from tests.factories import make_client


def keys_of(settings):
    app = create_app(settings)
    with app.app_context():
        found = {(key.alg, key.state) for key in db.session.execute(select(SigningKey)).scalars()}
        db.session.remove()
        db.engine.dispose()
    return found


def test_an_empty_folder_becomes_an_installation(tmp_path, empty_database_url):
    settings = Settings(data_dir=tmp_path / "new" / "data", database_url=empty_database_url)
    prepare(settings)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((settings.data_dir / "master.key").stat().st_mode) == 0o600
    assert keys_of(settings) == {("RS256", "active"), ("RS256", "next"), ("ES256", "active"), ("ES256", "next")}


def test_a_second_time_changes_nothing(settings):
    key = (settings.data_dir / "master.key").read_text()
    before = keys_of(settings)
    prepare(settings)
    assert (settings.data_dir / "master.key").read_text() == key
    assert keys_of(settings) == before


def test_F13_two_at_once_make_one_installation(tmp_path, empty_database_url):
    settings = Settings(data_dir=tmp_path / "data", database_url=empty_database_url)
    failures = []

    def run():
        try:
            prepare(settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(keys_of(settings)) == 4


def test_F19_a_lost_master_key_stops_the_start(settings):
    path = settings.data_dir / "master.key"
    path.unlink()
    with pytest.raises(VaultError, match=r"master key file .* cannot be read"):
        prepare(settings)
    assert not path.exists()


def test_F19_another_master_key_stops_the_start(settings):
    other = Settings(**{**settings.model_dump(), "master_key": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"})
    with pytest.raises(VaultError, match="not the one that encrypted"):
        prepare(other)


@pytest.mark.parametrize("key", ["dev", "A" * 43, "secret" * 8])
def test_C07_a_weak_master_key_stops_the_start(settings, key):
    with pytest.raises(VaultError, match="32 random bytes"):
        prepare(Settings(**{**settings.model_dump(), "master_key": key}))


def test_F19_a_newer_schema_stops_the_start(settings):
    engine = create_engine(settings.effective_database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999future'"))
    engine.dispose()
    with pytest.raises(StartError, match="newer version"):
        prepare(settings)


def test_a_database_that_is_away_is_one_sentence(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", database_url="postgresql+psycopg://nobody@127.0.0.1:9/none")
    with pytest.raises(StartError, match="The database cannot be used") as caught:
        prepare(settings)
    assert "\n" not in str(caught.value)


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be created"):
        prepare(Settings(data_dir=tmp_path / "file" / "data"))


def test_the_issuer_may_change_until_an_app_is_registered(settings, make_app):
    moved = Settings(**{**settings.model_dump(), "issuer": "https://id.example.com"})
    prepare(moved)
    make_client(make_app())
    with pytest.raises(StartError, match=r"apps are registered under https://id\.example\.com"):
        prepare(settings)
    prepare(settings, accept_issuer=True)
    prepare(settings)


def test_the_data_folder_holds_no_key_in_clear(settings):
    content = Path(settings.effective_database_url.removeprefix("sqlite:///"))
    if content.exists():
        data = content.read_bytes()
        assert b'"d":' not in data
        assert b"PRIVATE KEY" not in data
