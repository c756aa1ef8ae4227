"""The audit log: written in the change's transaction, chained, checked, exported; refusals beside it."""

import csv
import io
import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from idp import clock
from idp.audit import entries, events, export, refusals, seals
from idp.audit.log import SYSTEM, Actor, record
from idp.db import db, transaction
from idp.vault import Secrets
from idp.web.current import service


@pytest.fixture
def session(app):
    with app.app_context():
        yield db.session()


def write(count, *, target="", name=""):
    with transaction() as session:
        for number in range(count):
            event = events.SetupCompleted(target_id=target or f"usr_{number}", target_name=name)
            record(session, event, now=clock.utc_now(), actor=SYSTEM)


def seal_all(limit=500):
    sealed = 0
    while True:
        with transaction() as session:
            found = seals.seal_batch(session, service(Secrets), clock.utc_now(), limit=limit)
        if not found:
            return sealed
        sealed += found


def last_row(session):
    return session.execute(text("SELECT max(row) FROM audit_events")).scalar_one()


def test_every_event_has_words_and_a_place_in_the_filter():
    assert len(events.TYPES) > 40
    for name, event in events.TYPES.items():
        assert event().type == name
        assert event.title
        assert event.about in events.ABOUT
        assert event().outcome in {events.DONE, events.REFUSED}


def test_an_entry_lasts_only_with_its_change(session):
    before = last_row(session)

    def fail():
        with transaction() as writing:
            record(writing, events.SetupLinkMade(), now=clock.utc_now(), actor=SYSTEM)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert last_row(session) == before


def test_M08_an_entry_is_one_line_whatever_it_tells(session):
    forged = "Ana\r\n2026-01-01 key.revoked\u2028x"
    with transaction() as writing:
        event = events.PersonChanged(
            target_id="usr_1", target_name=forged, changes=(events.Change("name", "", forged),)
        )
        event_id = record(writing, event, now=clock.utc_now(), actor=Actor("usr_1", forged, "::1", "req_1"))
    entry = entries.find(session, event_id)
    told = [entry.actor_name, entry.target_name, entry.detail["changes"][0]["after"]]
    assert all(not set(line) & set("\r\n\u2028") for line in told)
    assert (entry.address, entry.request_id) == ("::1", "req_1")


def test_an_event_tells_only_what_its_class_allows():
    with pytest.raises(TypeError):
        events.PersonSignedIn(password="secret")
    assert events.PersonSignedIn(amr=("pwd",)).detail() == {"amr": ["pwd"]}


def test_what_commits_late_is_sealed_later(session):
    write(3)
    assert seal_all() >= 3
    write(2)
    assert not entries.page(session, entries.Filter()).entries[0].seal_id
    session.rollback()
    assert seal_all(limit=1) == 2
    report = seals.verify_chain(session, service(Secrets))
    assert report.is_intact
    assert report.intact_to == last_row(session)


@pytest.mark.parametrize(
    ("tampering", "slack"),
    [
        ("UPDATE audit_events SET target_name = 'x' WHERE row = :row", 1),
        ("UPDATE audit_events SET detail = '{\"a\": 1}' WHERE row = :row", 1),
        ("DELETE FROM audit_events WHERE row = :row", 1),
        ("UPDATE audit_events SET row = row + 1000 WHERE row = :row", 1),
        ("UPDATE audit_events SET seal_id = NULL WHERE row = :row", 1),
        ("DELETE FROM audit_events WHERE seal_id = (SELECT seal_id FROM audit_events WHERE row = :row)", 3),
    ],
)
def test_M08_a_later_edit_shows(session, tampering, slack):
    write(9)
    seal_all(limit=3)
    row = last_row(session) - 4
    with transaction() as writing:
        writing.execute(text(tampering), {"row": row})
    report = seals.verify_chain(session, service(Secrets))
    assert not report.is_intact
    assert 1 <= row - report.intact_to <= slack
    assert report.broken_at > report.intact_to
    assert report.fault


@pytest.mark.parametrize("column", ["first_row", "last_row", "row_count"])
def test_M08_a_seal_cannot_be_rewritten(session, column):
    write(4)
    seal_all()
    with transaction() as writing:
        writing.execute(text(f"UPDATE audit_seals SET {column} = {column} + 1"))  # noqa: S608 - a name of this test
    assert not seals.verify_chain(session, service(Secrets)).is_intact


def test_M08_a_rehashed_chain_lacks_the_seal_of_this_installation(session):
    write(4)
    seal_all()
    with transaction() as writing:
        writing.execute(text("UPDATE audit_events SET target_name = 'x', seal_id = NULL, hash = NULL"))
        writing.execute(text("DELETE FROM audit_seals"))
        assert seals.seal_batch(writing, Secrets(b"y" * 32), clock.utc_now())
    report = seals.verify_chain(session, service(Secrets))
    assert "seal" in report.fault


def test_two_sealers_do_not_make_two_chains(session):
    write(2)
    seal_all()
    write(2)
    with transaction() as writing:
        head = seals.latest_seal(writing)
        stale = writing.execute(text("SELECT max(id) FROM audit_seals")).scalar_one()
        assert (head.id, seals.seal_batch(writing, service(Secrets), clock.utc_now())) == (stale, 2)
    assert seal_all() == 0
    assert seals.verify_chain(session, service(Secrets)).is_intact


def test_the_latest_check_is_kept(session):
    now = clock.utc_now()
    with transaction() as writing:
        seals.remember(writing, seals.Report(5), now)
        seals.remember(writing, seals.Report(3, 4, "It was changed."), now)
    found = seals.latest_check(session)
    assert (found.intact_to, found.broken_at, found.fault, found.at) == (3, 4, "It was changed.", now)


def test_filters_narrow_and_pages_go_on(session):
    write(60, target="usr_x", name="Find me")
    with transaction() as writing:
        failed = events.PersonSignInFailed(target_id="usr_y", reason="wrong_password")
        record(writing, failed, now=clock.utc_now() - timedelta(days=2), actor=Actor(address="192.0.2.1"))
    found = entries.page(session, entries.Filter(search="find ME"))
    assert (found.total, len(found.entries), found.newer) == (60, entries.PAGE_SIZE, None)
    older = entries.page(session, entries.Filter(search="Find me"), older_than=found.older)
    assert (len(older.entries), older.older) == (10, None)
    newer = entries.page(session, entries.Filter(search="Find me"), newer_than=older.newer)
    assert [one.id for one in newer.entries] == [one.id for one in found.entries]
    for narrow in (
        entries.Filter(outcome=events.REFUSED),
        entries.Filter(about=frozenset({"sign-ins"})),
        entries.Filter(search="192.0.2.1"),
        entries.Filter(end=clock.utc_now() - timedelta(days=1)),
    ):
        assert [one.target_id for one in entries.page(session, narrow).entries] == ["usr_y"]


def test_M12_an_export_holds_no_formula(session):
    write(1, target="usr_1", name='=HYPERLINK("https://evil.example")')
    write(600, target="+1", name=" @x")
    lines = list(csv.DictReader(io.StringIO("".join(export.as_csv(entries.stream(session, entries.Filter()))))))
    cells = [cell for line in lines for cell in line.values()]
    assert len(lines) >= 601
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@")) for cell in cells)
    assert "'=HYPERLINK" in lines[-601]["target_name"]


def test_json_lines_carry_the_hashes(session):
    write(3)
    seal_all()
    lines = [json.loads(line) for line in export.as_jsonl(entries.stream(session, entries.Filter()))]
    assert [line["row"] for line in lines] == sorted(line["row"] for line in lines)
    assert all(len(line["hash"]) == 64 for line in lines)


def test_a_refusal_is_kept_for_a_fortnight_with_allowed_facts_alone(session):
    now = clock.utc_now()
    facts = {"redirect_uri": "https://x.example/cb", "client_id": "app", "code": "secret", "scope": None}
    with transaction() as writing:
        refusals.keep(writing, request_id="req_1", reason="one", endpoint="authorize", facts=facts, now=now)
        refusals.keep(writing, request_id="req_1", reason="two", endpoint="authorize", now=now)
    found = refusals.find(session, "req_1")
    assert (found.reason, found.client_id, found.facts) == ("one", "app", {"redirect_uri": "https://x.example/cb"})
    session.rollback()
    with transaction() as writing:
        assert refusals.purge(writing, now + timedelta(days=13)) == 0
        assert refusals.purge(writing, now + timedelta(days=15)) == 1
