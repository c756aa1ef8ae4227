"""The command line, one module a command family."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DBAPIError

from idp import registry
from idp.errors import FieldErrors, IdpError
from idp.prepare import StartError
from idp.settings import SettingsError
from idp.vault import VaultError


class _Commands(click.Group):
    """Finds its commands in the modules of this package, importing them when they are asked for."""

    def _load(self) -> None:
        if not self.commands:
            for module in registry.modules_in("idp.cli"):
                if hasattr(module, "command"):
                    self.add_command(module.command)
                for command in getattr(module, "COMMANDS", ()):
                    self.add_command(command)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command."""
        self._load()
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def idp() -> None:
    """Doorward: a Single Sign-On identity provider."""


def main() -> None:
    """Run the command line; a refusal is one plain sentence on standard error and exit status 1."""
    try:
        idp.main(prog_name="idp", standalone_mode=True)
    except SettingsError as error:
        _refuse(*error.faults)
    except FieldErrors as error:
        _refuse(*(f"{field}: {sentence}" for field, sentence in error.fields.items()))
    except IdpError as error:
        _refuse(error.public)
    except (StartError, VaultError) as error:
        _refuse(str(error))
    except DBAPIError as error:
        _refuse("The database cannot be used: " + " ".join(str(error.orig).split()))


def _refuse(*sentences: str) -> None:
    for sentence in sentences:
        click.echo(f"idp: {sentence}", err=True)
    sys.exit(1)
