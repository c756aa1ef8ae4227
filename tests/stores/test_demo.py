"""The demo's data: added once, brought up to date at every further start."""

from __future__ import annotations

from idp import demo
from idp.clients import secrets, store
from idp.db import db


def test_the_demo_can_be_prepared_again_and_survives_the_loss_of_its_secret_file(app, settings):
    where = demo.ports(8001)
    for lost in (False, False, True):
        if lost:
            (settings.data_dir / "demo" / "notes-secret").unlink()
        banner, parties = demo.prepare(settings, where)
        secret = (settings.data_dir / "demo" / "notes-secret").read_text().strip()
        assert len(parties) == 2
        assert all(secret not in line for line in banner)
        with app.app_context():
            notes = store.read(db.session(), "demo-notes")
            assert len(notes.secrets) == 1
            assert secrets.verify(notes, secret) is not None
