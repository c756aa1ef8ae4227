"""No client changes past its contracts."""

import re

from tests.architecture.tree import ROOT

# The store's own callers, and the one function that every change of a client goes through.
_ALLOWED = {"idp/clients/administration.py": "store.update(", "idp/contracts/pins.py": "administration.change("}


def test_clients_are_changed_by_the_contracts_alone():
    found = {}
    for path in sorted((ROOT / "idp").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not re.search(r"from idp\.clients import [^\n]*\b(administration|store)\b", text):
            continue
        calls = re.findall(r"\b(?:administration\.change|(?:store|clients)\.update)\(", text)
        if calls:
            found[str(path.relative_to(ROOT))] = calls
    assert found == {path: [call] for path, call in _ALLOWED.items()}
