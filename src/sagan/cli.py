"""Kedro's entry to the project's own commands: `kedro run` and `kedro explore`."""

import os
import warnings

import click

from sagan.processes.signals import exit_on_signal

with exit_on_signal():  # a Ctrl-C ends in one line, not in Kedro's traceback
    from sagan.commands.errors import show_kedro_errors
    from sagan.commands.explore import explore
    from sagan.commands.run import run

# of Kedro-Viz's own, in this process and in its server's; users cannot act on it
_OF_VIZ = "ORJSONResponse is deprecated"
warnings.filterwarnings("ignore", message=_OF_VIZ)
os.environ.setdefault("PYTHONWARNINGS", f"ignore:{_OF_VIZ}")

show_kedro_errors()

__all__ = ["cli", "run"]


@click.group(name="sagan")
def cli() -> None:
    """Commands of this project; `run` replaces Kedro's own."""


cli.add_command(run)
cli.add_command(explore)
