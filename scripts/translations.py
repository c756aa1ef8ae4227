"""Bring the catalogs in ``translations/`` up to the sentences of the code and the templates, and compile them.

New sentences come in empty, those that nothing says any more go; what lacks a translation is listed, and fails. With
``--check`` nothing is written, and everything that would be fails.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "translations"
# How many forms a counted sentence has, and which number takes which, as gettext writes it.
LANGUAGES = {
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ja": "nplurals=1; plural=0;",
    "pt_BR": "nplurals=2; plural=(n > 1);",
}
METHODS = [
    # These pages speak English alone.
    ("templates/admin/**", "ignore"),
    ("templates/developer/**", "ignore"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
    ("idp/**.py", "python"),
]
OPTIONS = {"templates/**": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"_": None, "say": None, "ngettext": (1, 2), "say_count": (1, 2)}
NOTE = "Translators:"


def sentences() -> Catalog:
    """Return every sentence that the pages and mails say, with the files it is in."""
    found = Catalog(charset="utf-8", fuzzy=False)
    for folder in ("idp", "templates"):
        methods = [(pattern.removeprefix(f"{folder}/"), how) for pattern, how in METHODS if pattern.startswith(folder)]
        options = {pattern: {"silent": "false"} for pattern, how in methods if how == "jinja2"}
        for name, _, message, comments, context in extract_from_dir(
            ROOT / folder,
            method_map=methods,
            options_map=options,
            keywords=KEYWORDS,
            comment_tags=(NOTE,),
            strip_comment_tags=True,
            # Without this, folders whose names begin with an underscore are passed over.
            directory_filter=lambda _folder: True,
        ):
            found.add(message, locations=[(f"{folder}/{name}", None)], auto_comments=comments, context=context)
    return found


def path_of(language: str, kind: str) -> Path:
    """Return the file of *language*: ``po``, to be translated, or ``mo``, to be read by the server."""
    return FOLDER / language / "LC_MESSAGES" / f"messages.{kind}"


def _empty(language: str) -> Catalog:
    made = Catalog(locale=language, charset="utf-8", fuzzy=False)
    made.mime_headers = [("Plural-Forms", LANGUAGES[language])]
    return made


def read(language: str) -> Catalog:
    """Return what is translated into *language* so far."""
    path = path_of(language, "po")
    if not path.exists():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str, template: Catalog) -> Catalog:
    """Return the catalog of *language* with the sentences of *template*: the translated ones kept, the rest empty."""
    old = read(language)
    new = _empty(language)
    for message in template:
        if message.id:
            known = old.get(message.id, message.context)
            fits = known is not None and isinstance(known.id, tuple) == isinstance(message.id, tuple)
            said = known.string if known is not None and fits else ""
            new.add(
                message.id,
                said,
                locations=message.locations,
                auto_comments=message.auto_comments,
                context=message.context,
            )
    return new


def as_po(catalog: Catalog) -> bytes:
    """Return *catalog* as a file in which the same sentences always stand in the same order, and no date."""
    made = io.BytesIO()
    write_po(made, catalog, width=120, sort_output=True, omit_header=True)
    head = f'msgid ""\nmsgstr ""\n"Language: {catalog.locale}\\n"\n"MIME-Version: 1.0\\n"\n'
    head += '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
    head += f'"Plural-Forms: {LANGUAGES[str(catalog.locale)]}\\n"\n\n'
    return head.encode() + made.getvalue()


def as_mo(po: bytes, language: str) -> bytes:
    """Return what the server reads of a catalog."""
    made = io.BytesIO()
    catalog = read_po(io.BytesIO(po), locale=language)
    catalog.mime_headers = [("Content-Type", "text/plain; charset=utf-8"), ("Plural-Forms", LANGUAGES[language])]
    # The same sentences make the same file, whenever it is made.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(made, catalog)
    return made.getvalue()


def faults_of(catalog: Catalog) -> list[str]:
    """Return the sentences of *catalog* that are not translated, or lost a placeholder on the way."""
    found = []
    for message in catalog:
        said = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(said):
            found.append(f"not translated: {message.id}")
        elif message.id:
            found += [f"{error}: {message.id}" for error in message.check(catalog)]
            meant = message.id if isinstance(message.id, tuple) else (message.id,)
            # Pages show messages as markup: another tag, or a quotation mark in an attribute, would break the page.
            if any(_markup(text) != _markup(meant[-1]) for text in said):
                found.append(f"other markup: {message.id}")
    return found


def _markup(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>|[<>\"]", text))


def main() -> int:
    """Update or check every catalog; return 1 if something is missing."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--check", action="store_true", help="write nothing, and fail if anything would be written")
    is_check = given.parse_args().check
    template = sentences()
    status = 0
    for language in LANGUAGES:
        catalog = updated(language, template)
        po = as_po(catalog)
        files = {path_of(language, "po"): po, path_of(language, "mo"): as_mo(po, language)}
        for path, wanted in files.items():
            if path.exists() and path.read_bytes() == wanted:
                continue
            if is_check:
                print(f"{path.relative_to(ROOT)} is not up to date: run make translations", file=sys.stderr)
                status = 1
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(wanted)
        for fault in faults_of(catalog):
            print(f"{language}: {fault}", file=sys.stderr)
            status = 1
        print(f"{language}: {len(catalog)} sentences")
    return status


if __name__ == "__main__":
    sys.exit(main())
