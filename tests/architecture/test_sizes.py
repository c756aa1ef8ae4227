"""Modules and functions that fit on a few screens."""

import ast

from tests.architecture.tree import ROOT, name

MOST_MODULE_LINES = 400
MOST_FUNCTION_LINES = 50


def product_modules():
    return sorted((ROOT / "idp").rglob("*.py"))


def test_no_module_is_longer_than_400_lines():
    lengths = {name(path): len(path.read_text().splitlines()) for path in product_modules()}

    assert lengths
    assert {module: length for module, length in lengths.items() if length > MOST_MODULE_LINES} == {}


def test_no_function_is_longer_than_50_lines():
    long = {}
    for path in product_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    long[f"{name(path)}:{node.name}"] = length

    assert long == {}


def test_the_wiki_shows_in_ten_lines_how_to_take_the_jwt_redirect():
    tree = ast.parse((ROOT / "examples" / "wiki" / "app.py").read_text())
    [shown] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "claims_of"]

    after_docstring = shown.body[1:]
    assert after_docstring[-1].end_lineno - after_docstring[0].lineno + 1 <= 10


def test_no_module_hides_behind_an_empty_word():
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

    assert [name(path) for path in product_modules() if path.stem in empty_words] == []
