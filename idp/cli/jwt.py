"""``idp jwt inspect | verify | presets``: look into a token, or decide about it in a script."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from idp import clock
from idp.cli.context import emit, json_option, opened
from idp.clients.presets import Presets
from idp.db import db
from idp.developer import inspection
from idp.protocol.jwt_claim_checks import MOST_LEEWAY, Expected
from idp.protocol.jwt_parts import MAX_LENGTH
from idp.settings import Settings
from idp.vault import Vault
from idp.web.current import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from idp.cli.context import Command
    from idp.protocol.jwt_inspection import Line, Report

_NOT_GOOD = 1
_MARKS = {"ok": "good", "info": "note", "warn": "open", "bad": "BAD "}


def _token_argument(command: Command) -> Command:
    argument: Callable[[Command], Command] = click.argument("token", default="-", metavar="[TOKEN|-]")
    return argument(command)


def _expectations(command: Command) -> Command:
    options: tuple[Callable[[Command], Command], ...] = (
        click.option(
            "--leeway",
            type=click.IntRange(0, MOST_LEEWAY),
            default=0,
            show_default=True,
            help="Seconds that clocks may differ by, granted after exp and before nbf.",
        ),
        click.option("--issuer", default="", help="The iss to expect; left out, that of this server."),
        click.option("--audience", default="", help="The aud to expect; left out, it is not compared."),
    )
    for option in options:
        command = option(command)
    return command


@click.group(name="jwt")
def command() -> None:
    """Tokens: look into one, or decide about it in a script.

    Send the token by standard input. As an argument it shows in the list of processes and in the history of the shell.
    """


@command.command()
@_token_argument
@_expectations
@json_option
def inspect(token: str, *, audience: str, issuer: str, leeway: int, as_json: bool) -> None:
    """Explain a token: its parts, what each claim means, whether it is good here and now, and why not.

    The token comes by standard input, or as TOKEN, where other users of the machine see it in the list of processes.
    Nothing of it is kept. Exit status 0: a signed JWT of this server that is good; 1: anything else; 2: a wrong call.
    """
    report = _report(token, Expected(audience=audience, issuer=issuer, leeway=leeway))
    emit(_explained(report), _text(report), as_json=as_json)
    _leave(report)


@command.command()
@_token_argument
@_expectations
@click.option("--typ", default="", help="The typ that the header must have, such as at+jwt; left out, any.")
@json_option
def verify(token: str, *, audience: str, issuer: str, leeway: int, typ: str, as_json: bool) -> None:
    """Tell whether a token was signed here and is good now; --audience and --typ say for whom and as what.

    The token comes by standard input, or as TOKEN, where other users of the machine see it in the list of processes.
    Exit status 0: it is good; 1: it is not, and the reason is on standard error; 2: a wrong call.
    """
    report = _report(token, Expected(audience=audience, issuer=issuer, leeway=leeway, typ=typ))
    if as_json or report.is_good:
        emit(_decision(report), report.verdict.title, as_json=as_json)
    else:
        for sentence in _reasons(report):
            click.echo(f"idp: {sentence}", err=True)
    _leave(report)


@command.command()
@json_option
def presets(*, as_json: bool) -> None:
    """List the apps whose rules for the JWT redirect are known, for `idp client add --jwt-preset`."""
    with opened():
        known = list(service(Presets))
    data = [{"name": one.name, "title": one.title, "hint": one.hint, "example": one.example} for one in known]
    emit(data, "\n".join(f"{one.name:<12}{one.hint}" for one in known), as_json=as_json)


def _report(token: str, expected: Expected) -> Report:
    text = _standard_input() if token == "-" else token
    if not text.strip():
        raise click.UsageError("Send a token by standard input, or name it.")
    with opened():
        settings = service(Settings)
        # Whoever runs commands can read the secrets of the installation anyhow.
        return inspection.inspect(
            db.session(), text, expected, issuer=settings.issuer, now=clock.utc_now(), vault=service(Vault)
        )


def _standard_input() -> str:
    if sys.stdin.isatty():
        click.echo("Paste the token, then press Enter and Ctrl-D.", err=True)
    # One character more than is read tells that there is too much; bytes that are no text are no token either.
    return sys.stdin.buffer.read(4 * MAX_LENGTH + 1).decode("utf-8", "replace")


def _leave(report: Report) -> None:
    if not report.is_good:
        sys.exit(_NOT_GOOD)


def _reasons(report: Report) -> list[str]:
    found = [f"{check.title}. {check.note}" for check in report.checks if check.result == "bad"]
    return found or [f"{report.verdict.title}. {report.verdict.text}"]


def _decision(report: Report) -> dict[str, Any]:
    return {
        "good": report.is_good,
        "kind": report.kind.code if report.kind else None,
        "reasons": [] if report.is_good else _reasons(report),
        "claims": dict(report.values) if report.is_good else None,
    }


def _explained(report: Report) -> dict[str, Any]:
    return {
        "good": report.is_good,
        "verdict": {"result": report.verdict.result, "title": report.verdict.title, "text": report.verdict.text},
        "form": report.form.value,
        "kind": report.kind.code if report.kind else None,
        "checks": [
            {"code": one.code, "result": one.result, "title": one.title, "note": one.note} for one in report.checks
        ],
        "header": [_line(line) for line in report.header],
        "claims": [_line(line) for line in report.claims],
        "payload": dict(report.values),
        "notes": list(report.notes),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "value": line.value,
        "meaning": line.meaning,
        "note": line.note,
        "instant": line.instant.isoformat(timespec="seconds") if line.instant else None,
    }


def _text(report: Report) -> str:
    lines = [f"{report.verdict.title}.", f"  {report.verdict.text}", *(f"  {note}" for note in report.notes)]
    if report.checks:
        lines += ["", "Checked"]
        for check in report.checks:
            lines += [f"  {_MARKS[check.result]}  {check.title}", f"        {check.note}"]
    for title, entries in (("Claims", report.claims), ("Header", report.header)):
        if entries:
            lines += ["", title, *_listed(entries)]
    for name, text in report.unread:
        lines += ["", f"The decoded {name}", *(f"  {line}" for line in text.split("\n"))]
    return "\n".join(lines)


def _listed(entries: Iterable[Line]) -> list[str]:
    found = []
    for line in entries:
        found += [f"  {line.name}: {line.value}", *(f"      {words}" for words in (line.note, line.meaning) if words)]
    return found
