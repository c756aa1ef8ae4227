"""The reference pages say what is so: settings and commands as the code has them, every endpoint that is served."""

import re
import subprocess
import sys

import pytest

from idp.clients.claim_mapping import MOST_CLAIMS, SOURCES, VOUCHED_FOR
from idp.protocol import claims, standard_claims
from tests.architecture.tree import ROOT

ENDPOINTS = (ROOT / "docs" / "reference" / "endpoints.md").read_text(encoding="utf-8")


def test_settings_and_commands_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "scripts/write_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), "run scripts/write_reference.py"


def test_pages_about_applications_show_the_files_that_are_tested():
    done = subprocess.run(
        [sys.executable, "scripts/write_connect.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), "run scripts/write_connect.py"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_every_endpoint_is_in_the_reference(app):
    def is_named(rule: str) -> bool:
        if rule.startswith("/admin"):
            family = rule.removeprefix("/admin").lstrip("/").partition("/")[0]
            return not family or f"`{family}`" in ENDPOINTS
        if rule.startswith("/static/"):
            return "`/static/…`" in ENDPOINTS
        return f"`{rule.replace('session_id', 'session')}`" in ENDPOINTS

    rules = [rule.rule for rule in app.url_map.iter_rules()]

    assert len(rules) > 50
    assert [rule for rule in rules if not is_named(rule)] == []


def test_every_claim_is_in_the_reference_with_its_scope():
    page = (ROOT / "docs" / "reference" / "claims.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(\w+)`|–) \|", page, re.MULTILINE))

    assert rows == {"sub": "", **claims.SCOPE_OF}
    assert set(rows) == set(SOURCES)
    assert all(f"`{member}`" in page for member in standard_claims.ADDRESS_MEMBERS)


def test_the_rules_of_mapped_names_are_told():
    page = (ROOT / "docs" / "how-to" / "map-claims.md").read_text(encoding="utf-8")

    assert f"At most {MOST_CLAIMS} names" in page
    assert all(f"`{name}`" in page for name in VOUCHED_FOR)
