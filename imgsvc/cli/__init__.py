"""The command line: `imgsvc serve | keys | accounts | sign | optimize | doctor`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from imgsvc import __version__
from imgsvc.cli.accounts import accounts
from imgsvc.cli.doctor import doctor
from imgsvc.cli.keys import keys
from imgsvc.cli.optimize import optimize
from imgsvc.cli.serve import serve
from imgsvc.cli.sign import sign
from imgsvc.errors import ImgsvcError
from imgsvc.settings import SettingsError


@click.group(
    commands=(serve, keys, accounts, sign, optimize, doctor), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="imgsvc")
def commands() -> None:
    """Self-hosted image optimisation: the smallest file that still looks as promised.

    Settings come from IMGSVC_* variables; the README lists them.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default with the process's arguments, and exit.

    What goes wrong on purpose is said in one sentence and ends with status 1.
    """
    try:
        commands.main(arguments, prog_name="imgsvc")
    except (SettingsError, ImgsvcError, OSError) as error:
        click.echo(f"imgsvc: {error}", err=True)
        sys.exit(1)
