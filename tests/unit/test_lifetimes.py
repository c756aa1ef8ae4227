"""How long a token lives that an app has had before."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from idp.settings import KeySettings, Settings, TokenSettings
from idp.tokens import lifetimes

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("held", "usual", "keep", "expected"),
    [
        ({}, MINUTE, HOUR, MINUTE),
        ({"other": 5}, MINUTE, HOUR, MINUTE),
        ({"kind": 60}, MINUTE, HOUR, MINUTE),
        ({"kind": 30}, MINUTE, HOUR, timedelta(seconds=30)),
        ({"kind": 3600}, MINUTE, HOUR, HOUR),
        # Nobody could check the signature to the end.
        ({"kind": 3601}, MINUTE, HOUR, MINUTE),
    ],
)
def test_it_lives_as_its_app_knows_it(held, usual, keep, expected):
    settings = Settings(keys=KeySettings(keep=keep), tokens=TokenSettings(id=MINUTE, access=MINUTE, api_refresh=MINUTE))
    assert lifetimes.of(SimpleNamespace(lifetimes=held), "kind", usual, settings) == expected
