"""Write the generated reference pages: settings from the settings class, commands from the command line itself.

With ``--check`` nothing is written; the exit status says whether the pages are up to date.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import get_args, get_origin

import click
from pydantic import BaseModel, SecretStr

from idp.cli import idp as command_line
from idp.settings import PREFIX, SECRET_SETTINGS, Settings

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def shown(value: object) -> str:
    """Return a default as somebody would write it in the environment."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next(((size, unit) for size, unit in UNITS if seconds and seconds % size == 0), (1, "s"))
        return f"`{seconds // size}{unit}`"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ", ".join(value)
    return f"`{value}`" if value is not None and str(value) else "empty"


def rows(model: type[BaseModel], prefix: str) -> list[str]:
    """Return a table row for each setting of *model*, those of its sections after it."""
    found = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += rows(field.annotation, f"{prefix}{name}__".upper())
            continue
        variable = f"{prefix}{field.alias or name}".upper()
        also = f" or `{variable}_FILE`" if variable.removeprefix(PREFIX).lower() in SECRET_SETTINGS else ""
        choices = get_args(field.annotation) if get_origin(field.annotation) is not None else ()
        words = [str(choice) for choice in choices if isinstance(choice, str)]
        one_of = f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
        found.append(f"| `{variable}`{also} | {shown(field.default)} | {field.description}{one_of} |")
    return found


def settings_page() -> str:
    """Return the page of the settings."""
    return "\n".join(
        [
            "# Settings",
            "",
            "A setting is read from the environment, then (for a secret) from the file that `<NAME>_FILE` names,",
            "then from `idp.toml` in the working directory (or the file that `IDP_CONFIG` names), where it has the",
            "same name in lower case without `IDP_`, and the part before `__` is a table. An unknown name or a value",
            "that does not fit stops the start, and every fault is named at once. A duration is a number and `s`,",
            "`min`, `h` or `d`.",
            "",
            "| setting | default | what it does |",
            "|---|---|---|",
            *rows(Settings, PREFIX),
            "",
        ]
    )


def commands(group: click.Group, path: str) -> list[str]:
    """Return a section for each command below *group*."""
    lines = []
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            lines += commands(command, f"{path} {name}")
            continue
        inner = click.Context(command, info_name=f"{path} {name}", max_content_width=100, terminal_width=100)
        lines += [f"## `{path} {name}`", "", "```text", command.get_help(inner), "```", ""]
    return lines


def commands_page() -> str:
    """Return the page of the commands."""
    head = [
        "# Commands",
        "",
        "A refusal is one plain sentence on standard error and exit status 1; a wrong call is exit status 2. With",
        "`--json` the answer is JSON whose names stay as they are from version to version.",
        "",
    ]
    return "\n".join([*head, *commands(command_line, "idp")])


def main() -> int:
    """Write or check the pages."""
    check = "--check" in sys.argv
    stale = []
    for name, text in (("settings.md", settings_page()), ("commands.md", commands_page())):
        path = REFERENCE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'out of date' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
