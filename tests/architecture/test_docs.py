"""The documentation: every link inside it leads somewhere, and every page of it can be found from its index."""

import re
import unicodedata
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PAGES = sorted(
    page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")] if page.is_file()
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# Not for readers of the documentation, or reached from the page beside it.
_APART = ("docs/decisions/", "docs/how-to/connect/")


def links(page: Path) -> list[str]:
    """Return the links of a page to files beside it, as they are written."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def headings(page: Path) -> set[str]:
    """Return the names by which the headings of a page are linked to."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE)
    return {_slug(title) for title in titles}


def _slug(title: str) -> str:
    kept = "".join(c for c in title.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return kept.strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    lost = []
    for link in links(page):
        path, _, heading = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (heading and there.suffix == ".md" and heading not in headings(there)):
            lost.append(link)
    assert lost == []


def test_the_index_names_every_page():
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link).resolve() for link in links(index)}
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs") and page != index}
    pages = {page for page in pages if not str(page.relative_to(ROOT)).startswith(_APART)}
    assert pages - named == set()
