"""The catalogs hold every sentence that is said, and none that is not, and are compiled."""

import subprocess
import sys

from idp import assets
from idp.web.language import ENGLISH, LANGUAGES
from tests.architecture.tree import ROOT

SCRIPT = ROOT / "scripts" / "translations.py"


def test_no_sentence_is_missing_or_unused_in_any_language():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_language_that_pages_speak_has_a_catalog():
    folders = {path.parent.parent.name.replace("_", "-") for path in assets.folder("translations").rglob("*.mo")}
    assert folders == set(LANGUAGES) - {ENGLISH}


def test_the_controls_that_every_page_is_made_of_are_looked_through_as_well():
    said = (assets.folder("translations") / "de" / "LC_MESSAGES" / "messages.po").read_text()
    assert "#: templates/_ui/password.html" in said
