"""Templates: nothing inline, nothing unescaped, every one of them compiles, every file they name exists."""

import ast
import re

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes

from tests.architecture.tree import ROOT, name

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PARTIES = sorted((ROOT / "examples").rglob("*.html"))

FORBIDDEN = {
    "an inline style sheet": re.compile(r"<style[\s>]", re.IGNORECASE),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE),
    "a style attribute": re.compile(r"[\s\"']style\s*=", re.IGNORECASE),
    "an event handler": re.compile(r"\son[a-z]+\s*=\s*[\"'{]", re.IGNORECASE),
    "an unescaped value": re.compile(r"\|\s*safe\b|\bautoescape\s+false|\bMarkup\("),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "a file of another host": re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?:https?:)?//"),
}
# Mail programs load no style sheet, and our headers do not reach them: the layout of a mail carries its own.
EXCEPT = {"templates/mail/_layout.html": {"an inline style sheet"}}


def without_comments(text):
    return re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES + PARTIES, ids=name)
def test_a_template_holds_nothing_that_the_csp_or_escaping_forbids(path):
    text = without_comments(path.read_text())

    assert {what for what, pattern in FORBIDDEN.items() if pattern.search(text)} == EXCEPT.get(name(path), set())


@pytest.fixture(scope="module")
def environment():
    return Environment(
        loader=FileSystemLoader(ROOT / "templates"), undefined=StrictUndefined, autoescape=True, extensions=[]
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_compiles_and_imports_only_what_is_there(path, environment):
    environment.filters.update(dict.fromkeys(("ago", "absolute", "iso"), str))
    source = path.read_text()
    tree = environment.parse(source)
    environment.compile(tree)
    wanted = {
        node.template.value
        for node in environment.parse(source).find_all((nodes.Extends, nodes.Import, nodes.FromImport, nodes.Include))
        if isinstance(node.template, nodes.Const) and isinstance(node.template.value, str)
    }

    assert {one for one in wanted if not (ROOT / "templates" / one).is_file()} == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_imports_only_macros_that_exist(path, environment):
    missing = []
    for imported in environment.parse(path.read_text()).find_all(nodes.FromImport):
        exporting = environment.parse((ROOT / "templates" / imported.template.value).read_text())
        offered = {macro.name for macro in exporting.find_all(nodes.Macro)}
        offered |= {
            target.name
            for found in exporting.find_all(nodes.Assign)
            for target in [found.target]
            if isinstance(target, nodes.Name)
        }
        wanted = {entry[0] if isinstance(entry, tuple) else entry for entry in imported.names}
        missing += [f"{imported.template.value}: {macro}" for macro in sorted(wanted - offered)]

    assert missing == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_names_only_static_files_that_exist(path):
    named = re.findall(r"\basset\(\s*[\"']([^\"']+)[\"']\s*\)", path.read_text())

    assert [one for one in named if not (ROOT / "static" / one).is_file()] == []


def test_every_template_is_used():
    sources = [path.read_text() for path in [*(ROOT / "idp").rglob("*.py"), *TEMPLATES]]
    unused = [
        inner
        for inner in (path.relative_to(ROOT / "templates").as_posix() for path in TEMPLATES)
        if not any(f'"{inner}"' in source or f"'{inner}'" in source for source in sources)
    ]

    assert unused == []


def test_every_icon_that_is_named_is_drawn():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static" / "icons.svg").read_text()))
    named = re.compile(r"""\bicon_?(?:=|\()"([a-z0-9-]+)\"""")
    files = [*TEMPLATES, *(ROOT / "idp").rglob("*.py")]
    found = {(name(path), icon) for path in files for icon in named.findall(path.read_text())}
    assert len(found) > 50
    assert {one for one in found if one[1] not in drawn} == set()


def test_no_page_hides_from_its_layout_who_is_signed_in():
    # What is handed to a template wins over what every template knows: the menu would name somebody else.
    known = {"person", "site", "account_nav", "admin_nav"}
    hidden = {
        f"{name(path)}: {keyword.arg}"
        for path in (ROOT / "idp").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "render_template"
        for keyword in node.keywords
        if keyword.arg in known
    }
    assert hidden == set()
