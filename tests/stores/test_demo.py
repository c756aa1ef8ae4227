"""The demo's data: added once, brought up to date at every further start."""

from __future__ import annotations

import pytest

from idp import demo
from idp.clients import secrets, store
from idp.db import db
from idp.prepare import StartError
from tests.factories import make_person


def test_the_demo_can_be_prepared_again_and_survives_the_loss_of_its_secret_file(app, settings):
    where = demo.ports(8001)
    for lost in (False, False, True):
        if lost:
            (settings.data_dir / "demo" / "notes-secret").unlink()
        made = demo.prepare(settings, where)
        secret = (settings.data_dir / "demo" / "notes-secret").read_text().strip()
        assert len(made.processes) == 2
        assert secret not in str(made)
        with app.app_context():
            notes = store.read(db.session(), "demo-notes")
            assert len(notes.secrets) == 1
            assert secrets.verify(notes, secret) is not None


def test_the_demo_leaves_real_people_alone(app, settings):
    make_person(app, "ana", email="ana@real.example")
    with pytest.raises(StartError, match="Somebody called ana is here already"):
        demo.prepare(settings, demo.ports(8001))
