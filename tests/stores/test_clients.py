"""The client registry on both databases: what is kept, what is cached, who waits for whom."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from idp import clock, opaque
from idp.admin.client_reach import Reach, reach_of
from idp.audit.log import COMMAND_LINE
from idp.audit.models import AuditEvent
from idp.cache import Cache
from idp.clients import administration, jwt_secrets, registration, secrets, store
from idp.clients.models import ClientRow, ClientSecret
from idp.db import db, transaction
from idp.errors import Conflict, FieldErrors, NotFound
from idp.vault import Vault
from idp.web.current import service
from tests import factories

WEB = {"client_name": "Notes", "redirect_uris": ["https://notes.example/callback"]}


@pytest.fixture
def context(app):
    with app.app_context():
        yield app


def register(**given):
    with transaction() as session:
        read = registration.read(WEB | given)
        return administration.register(session, service(Vault), read, actor=COMMAND_LINE, now=clock.utc_now())


def events():
    """The entries about clients; making the first keys is in the log, too."""
    about_clients = select(AuditEvent).where(AuditEvent.type.startswith("client.")).order_by(AuditEvent.row)
    return list(db.session().execute(about_clients).scalars())


def test_a_secret_is_kept_as_its_fingerprint_alone(context):
    created = register()

    row = db.session().execute(select(ClientSecret)).scalar_one()
    assert created.client_secret.startswith("idps_")
    assert secrets.has_good_checksum(created.client_secret)
    assert row.fingerprint == opaque.fingerprint(created.client_secret)
    assert created.client_secret not in str(row.__dict__)
    assert secrets.verify(created.client, created.client_secret) == row.id


def test_M07_no_column_and_no_audit_entry_holds_a_secret(context):
    jwt_sso = {"delivery_uri": "https://notes.example/jwt", "alg": "HS256"}
    created = register(jwt_sso=jwt_sso)
    with transaction() as session:
        second = administration.add_secret(
            session, service(Vault), created.client.client_id, actor=COMMAND_LINE, now=clock.utc_now()
        )

    tables = [ClientRow, ClientSecret, AuditEvent]
    rows = " ".join(str(row) for one in tables for row in db.session().execute(select(*one.__table__.columns)))
    for secret in (created.client_secret, created.jwt_secret, second):
        assert len(secret) >= 43
        assert secret not in rows


def test_a_chosen_secret_is_kept(context):
    chosen = "chosen-by-the-administrator~0123456789"

    created = register(client_id="notes", client_secret=chosen)

    assert (created.client.client_id, created.client_secret) == ("notes", chosen)
    assert secrets.verify(created.client, chosen) is not None


def test_an_identifier_is_given_once(context):
    register(client_id="notes")

    with pytest.raises(FieldErrors) as refused:
        register(client_id="notes")

    assert list(refused.value.fields) == ["client_id"]
    assert len(events()) == 1


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "\0",
        "idps_",
        "{secret}x",
        "{head}",
        "{secret}\0",
        " {secret}",
        "{upper}",
        "None",
        "' OR 1=1 --",
        "{fingerprint}",
        "x" * 100_000,
        "é" * 50,
        "\ud800",
    ],
)
def test_T08_a_secret_that_is_not_exactly_the_one_is_refused(context, presented):
    created = register()
    secret = created.client_secret
    presented = presented.format(
        secret=secret, head=secret[:-1], upper=secret.upper(), fingerprint=opaque.fingerprint(secret)
    )

    assert secrets.verify(created.client, presented) is None
    assert secrets.verify_with_reread(db.session(), created.client, presented) is None


def test_C03_a_secret_that_begins_or_ceases_to_be_signed_with_is_another_one(context):
    vault, now = service(Vault), clock.utc_now()
    created = register()
    client_id, found = created.client.client_id, [created.client_secret]
    for method in ("client_secret_jwt", "client_secret_basic", "client_secret_post", "client_secret_jwt", "none"):
        changed = registration.read({**WEB, "token_endpoint_auth_method": method}).metadata
        with transaction() as session:
            _, after = store.update(session, vault, client_id, changed, now)
        kept = db.session().execute(select(ClientSecret.envelope).where(ClientSecret.client_id == client_id)).all()
        found.append(after.client_secret)
        # Readable as long as it is signed with, and nowhere and never else.
        assert [envelope is not None for (envelope,) in kept] == [method == "client_secret_jwt"] * len(kept)
        assert [secret.decode() for _, secret in secrets.signing_keys(vault, after.client)] == (
            [after.client_secret] if method == "client_secret_jwt" else []
        )

    # From basic to post it stays; each of the others is new, and the last has none.
    assert [secret is None for secret in found] == [False, False, False, True, False, True]
    assert len({secret for secret in found if secret}) == 4


def test_a_second_secret_that_is_signed_with_is_kept_too(context):
    vault = service(Vault)
    created = register(token_endpoint_auth_method="client_secret_jwt")
    with transaction() as session:
        second = administration.add_secret(
            session, vault, created.client.client_id, actor=COMMAND_LINE, now=clock.utc_now()
        )
    client = store.read(db.session(), created.client.client_id)

    assert {secret.decode() for _, secret in secrets.signing_keys(vault, client)} == {created.client_secret, second}


def test_T23_every_fingerprint_is_compared_in_constant_time(context, monkeypatch):
    created = register()
    with transaction() as session:
        administration.add_secret(
            session, service(Vault), created.client.client_id, actor=COMMAND_LINE, now=clock.utc_now()
        )
    client = store.read(db.session(), created.client.client_id)
    compared = []
    original = opaque.same
    monkeypatch.setattr(opaque, "same", lambda left, right: compared.append((left, right)) or original(left, right))

    assert secrets.verify(client, created.client_secret) is not None
    assert secrets.verify(client, "wrong") is None

    # Both live secrets each time, whether or not the first was right, and as hashes of one length.
    assert len(compared) == 4
    assert {len(side) for pair in compared for side in pair} == {64}


def test_two_secrets_live_side_by_side_and_no_third(context):
    created = register()
    client_id = created.client.client_id
    with transaction() as session:
        second = administration.add_secret(session, service(Vault), client_id, actor=COMMAND_LINE, now=clock.utc_now())
    client = store.read(db.session(), client_id)

    assert secrets.verify(client, created.client_secret) != secrets.verify(client, second)
    with pytest.raises(Conflict), transaction() as session:
        administration.add_secret(session, service(Vault), client_id, actor=COMMAND_LINE, now=clock.utc_now())

    first_id = secrets.verify(client, created.client_secret)
    with transaction() as session:
        administration.remove_secret(session, client_id, first_id, actor=COMMAND_LINE, now=clock.utc_now())
    client = store.read(db.session(), client_id)
    assert secrets.verify(client, created.client_secret) is None
    assert secrets.verify(client, second) is not None
    assert [one.type for one in events()] == ["client.created", "client.secret_added", "client.secret_removed"]


def test_of_eight_administrators_who_add_a_secret_at_once_one_succeeds(context):
    client_id = register().client.client_id
    outcomes = []

    def add():
        with context.app_context():
            try:
                with transaction() as session:
                    administration.add_secret(
                        session, service(Vault), client_id, actor=COMMAND_LINE, now=clock.utc_now()
                    )
                outcomes.append("added")
            except Conflict:
                outcomes.append("refused")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["added", *["refused"] * 7]
    assert len(secrets.live(db.session(), client_id)) == 2


def test_a_secret_made_in_another_process_works_at_once(context):
    client_id = register().client.client_id
    cached = store.find(service(Cache), db.session(), client_id)
    with transaction() as session:
        fresh = administration.add_secret(session, service(Vault), client_id, actor=COMMAND_LINE, now=clock.utc_now())

    # What this process cached a moment ago does not know it.
    assert secrets.verify(cached, fresh) is None
    assert secrets.verify_with_reread(db.session(), cached, fresh) is not None


def test_a_client_is_read_once_and_again_after_a_change(context):
    client_id = register().client.client_id
    cache = service(Cache)
    store.find(cache, db.session(), client_id)
    db.session.remove()
    statements = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    assert store.find(cache, db.session(), client_id).name == "Notes"
    assert statements == []

    with transaction() as session:
        administration.disable(session, client_id, actor=COMMAND_LINE, now=clock.utc_now())
    assert store.find(cache, db.session(), client_id).disabled


def test_another_process_sees_a_change_when_it_looks(context):
    client_id = register().client.client_id
    elsewhere = Cache()
    elsewhere.check(db.engine)
    assert not store.find(elsewhere, db.session(), client_id).disabled

    with transaction() as session:
        administration.disable(session, client_id, actor=COMMAND_LINE, now=clock.utc_now())
    elsewhere.check(db.engine)

    assert store.find(elsewhere, db.session(), client_id).disabled


def test_last_use_is_written_later_and_never_backwards(context):
    created = register()
    secret_id = secrets.verify(created.client, created.client_secret)
    use, now = secrets.SecretUse(db.engine, every=60), clock.utc_now()

    use.note(secret_id, now)
    assert secrets.live(db.session(), created.client.client_id)[0].last_used_at is None
    db.session.remove()
    use.flush()
    assert secrets.live(db.session(), created.client.client_id)[0].last_used_at == now
    db.session.remove()

    use.note(secret_id, now - timedelta(hours=1))
    use.note("sec_gone", now)
    use.stop()
    assert secrets.live(db.session(), created.client.client_id)[0].last_used_at == now


def test_what_could_not_be_written_is_written_the_next_time(context):
    created = register()
    secret_id = secrets.verify(created.client, created.client_secret)
    use, now = secrets.SecretUse(db.engine, every=60), clock.utc_now()
    use.note(secret_id, now)
    db.session.remove()

    def fail(*_):
        raise OSError

    event.listen(db.engine, "before_cursor_execute", fail)
    with pytest.raises(OSError, match=r"^$"):
        use.flush()
    event.remove(db.engine, "before_cursor_execute", fail)
    use.stop()

    assert secrets.live(db.session(), created.client.client_id)[0].last_used_at == now


def test_changes_are_audited_with_before_and_after(context):
    client_id = register().client.client_id
    changed = registration.read(WEB | {"client_name": "Notebook", "skip_consent": True}).metadata
    with transaction() as session:
        administration.change(session, service(Vault), client_id, changed, actor=COMMAND_LINE, now=clock.utc_now())
        administration.change(session, service(Vault), client_id, changed, actor=COMMAND_LINE, now=clock.utc_now())

    assert [one.type for one in events()] == ["client.created", "client.changed"]
    assert events()[1].detail["changes"] == [
        {"field": "client_name", "before": "Notes", "after": "Notebook"},
        {"field": "skip_consent", "before": "false", "after": "true"},
    ]


def test_a_client_that_becomes_public_loses_its_secrets(context):
    created = register()
    public = registration.read(WEB | {"token_endpoint_auth_method": "none"}).metadata
    with transaction() as session:
        _, changed = store.update(session, service(Vault), created.client.client_id, public, clock.utc_now())

    assert changed.client.secrets == ()
    assert changed.client_secret is None
    assert changed.client.view.is_public


def test_the_jwt_secret_comes_and_goes_with_hs256(context):
    jwt_sso = {"delivery_uri": "https://notes.example/jwt", "alg": "HS256"}
    created = register(jwt_sso=jwt_sso)
    vault, client_id = service(Vault), created.client.client_id

    assert jwt_secrets.key_bytes(vault, client_id, created.client.jwt_secret) == created.jwt_secret.encode()
    with transaction() as session:
        again = administration.replace_jwt_secret(session, vault, client_id, actor=COMMAND_LINE, now=clock.utc_now())
    assert again != created.jwt_secret

    rs256 = registration.read(WEB | {"jwt_sso": jwt_sso | {"alg": "RS256"}}).metadata
    with transaction() as session:
        _, changed = store.update(session, vault, client_id, rs256, clock.utc_now())
    assert changed.client.jwt_secret is None
    with pytest.raises(Conflict), transaction() as session:
        administration.replace_jwt_secret(session, vault, client_id, actor=COMMAND_LINE, now=clock.utc_now())


def test_pages_follow_one_another_both_ways(context):
    names = ["Émile", "alpha", "Beta", "beta", "Gamma", "delta", "100%"]
    for number, name in enumerate(names):
        register(client_name=name, client_id=f"c{number}")

    seen, after, backwards = [], None, []
    while True:
        page = store.page(db.session(), after=after, limit=3)
        assert page.total == len(names)
        seen.append([client.client_id for client in page.clients])
        if page.after is None:
            break
        after = page.after
    before = page.before
    while before is not None:
        page = store.page(db.session(), before=before, limit=3)
        backwards.append([client.client_id for client in page.clients])
        before = page.before

    assert sorted(client_id for page in seen for client_id in page) == [f"c{number}" for number in range(len(names))]
    assert [len(one) for one in seen] == [3, 3, 1]
    assert list(reversed(backwards)) == seen[:-1]


@pytest.mark.parametrize(
    ("search", "found"),
    [("NOTES", ["n1"]), ("n1", ["n1"]), ("ÉCOLE", ["n2"]), ("%", ["n3"]), ("_", []), ("nothing", []), ("  ", 3)],
)
def test_search_finds_names_and_identifiers(context, search, found):
    register(client_name="My notes", client_id="n1")
    register(client_name="école", client_id="n2")
    register(client_name="100%", client_id="n3")

    page = store.page(db.session(), search=search)

    assert page.total == (found if isinstance(found, int) else len(found))
    if not isinstance(found, int):
        assert [client.client_id for client in page.clients] == found


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "WzEsMl0", "eyJhIjoxfQ", "é", "A" * 5000, "WyJcdWQ4MDAiLCJ4Il0"])
def test_a_cursor_that_nobody_gave_begins_at_the_first_page(context, cursor):
    register(client_id="only")

    assert [client.client_id for client in store.page(db.session(), after=cursor).clients] == ["only"]


def test_what_a_client_reaches_is_counted_and_goes_with_it(context, app):
    person, other = factories.make_person(app), factories.make_person(app)
    client_id = register().client.client_id
    from idp.consents import store as consents
    from idp.sessions import store as sessions

    browser = app.test_client()
    session_id = factories.sign_in(app, browser, person)
    now = clock.utc_now()
    with transaction() as session:
        sessions.note_client(session, session_id, client_id, now)
        consents.remember(session, other.id, client_id, ["openid"], now=now)

    assert reach_of(db.session(), client_id, now) == Reach(sessions=1, grants=0, consents=1, people=2)

    with transaction() as session:
        administration.delete(session, client_id, grants=0, people=2, actor=COMMAND_LINE, now=now)
    assert store.read(db.session(), client_id) is None
    assert reach_of(db.session(), client_id, now) == Reach(sessions=0, grants=0, consents=0, people=0)
    assert events()[-1].detail == {"grants": 0, "people": 2}
    assert events()[-1].target_name == "Notes"


def test_nothing_can_be_done_to_a_client_that_is_gone(context):
    now, vault = clock.utc_now(), service(Vault)
    for act in (
        lambda session: administration.disable(session, "gone", actor=COMMAND_LINE, now=now),
        lambda session: administration.enable(session, "gone", actor=COMMAND_LINE, now=now),
        lambda session: administration.delete(session, "gone", grants=0, people=0, actor=COMMAND_LINE, now=now),
        lambda session: administration.add_secret(session, service(Vault), "gone", actor=COMMAND_LINE, now=now),
        lambda session: administration.remove_secret(session, "gone", "sec", actor=COMMAND_LINE, now=now),
        lambda session: administration.replace_jwt_secret(session, vault, "gone", actor=COMMAND_LINE, now=now),
        lambda session: store.update(session, vault, "gone", registration.read(WEB).metadata, now),
        lambda session: secrets.issue(session, vault, "gone", now),
    ):
        with pytest.raises(NotFound), transaction() as session:
            act(session)

    assert events() == []
