"""Sessions end in one place, so that no app is forgotten."""

import ast

from tests.architecture.tree import ROOT, name

ENDING = {"end", "end_all"}
TELLING = "idp/deliveries/sign_outs.py"


def test_only_sign_outs_end_sessions():
    found = set()
    for path in (ROOT / "idp").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ENDING and ast.unparse(node.value) == "sessions":
                found.add(name(path))

    assert found == {TELLING}


def test_only_the_sessions_own_module_writes_that_one_ended():
    found = {
        name(path)
        for path in (ROOT / "idp").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "ended_at"
    }

    assert found == {"idp/sessions/store.py"}
