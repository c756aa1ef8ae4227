"""The brand's links while the database is away."""

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from idp import clock
from idp.branding.links import Links, PublishedLinks
from idp.branding.models import BrandRow
from idp.cache import Cache

SET = Links("https://example.com/privacy", "https://example.com/terms")


def test_what_was_known_last_is_told_while_the_database_is_away(tmp_path):
    cache, engine = Cache(), create_engine(f"sqlite:///{tmp_path}/brand.db")
    links = PublishedLinks(cache, engine)
    # There is no table yet, and nobody looks again for a moment.
    assert [links.current(), links.current()] == [Links()] * 2
    BrandRow.metadata.create_all(engine, tables=[BrandRow.__table__])
    links = PublishedLinks(cache, engine)
    assert links.current() == Links()
    empty = dict.fromkeys(("site_name", "accent", "sign_in_text", "help_uri"), "")
    with Session(engine) as session, session.begin():
        session.add(BrandRow(id=1, updated_at=clock.utc_now(), **empty, **SET._asdict()))
    cache.drop()
    assert links.current() == SET
    engine.dispose()
    (tmp_path / "brand.db").unlink()
    cache.drop()
    assert [links.current(), links.current()] == [SET] * 2
    engine.dispose()
