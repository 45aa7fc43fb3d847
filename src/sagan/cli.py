"""`kedro run` of this project: Kedro's own command, ending in one clear message when it fails.

The full traceback goes to the log file, and to the terminal with `--verbose`.
"""

import logging
import traceback
from types import FrameType
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines as registered_pipelines

from sagan.training.signals import EXIT_INTERRUPTED, handled_by

logger = logging.getLogger(__name__)


@click.group(name="sagan")
def cli() -> None:
    """Commands of this project; `run` stands in for Kedro's own."""


def run_or_explain(verbose: bool, **options: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """Run pipelines."""
    try:
        _name_pipelines(options)
        with handled_by(_stop):  # training takes the signals over, and saves
            result: dict[str, Any] = kedro_run.callback(**options)
    except (SystemExit, click.ClickException, click.exceptions.Exit):
        raise  # a training that was asked to stop ends with its own status
    except KeyboardInterrupt:
        click.echo("\nStopped. What was finished is saved; the same command goes on.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Exception as error:
        logger.debug("kedro run failed", exc_info=True)
        if verbose:
            traceback.print_exc()
        from sagan.messages import explain

        raise click.ClickException(explain(error)) from None
    return result


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SIGTERM and SIGUSR1 stop as Ctrl-C does


def _name_pipelines(options: dict[str, Any]) -> None:
    """Take `--pipeline` as `--pipelines`, and refuse names that nobody registered.

    Both spellings are fine here; Kedro prints a deprecation warning for the first on every run.
    """
    if options["pipeline"] and not options["pipelines"]:
        options["pipelines"] = [options["pipeline"]]
        options["pipeline"] = None
    for name in options["pipelines"]:
        if name not in registered_pipelines:
            from sagan.messages import unknown_pipeline

            raise click.ClickException(unknown_pipeline(name, registered_pipelines))


run = click.Command(
    "run",
    callback=run_or_explain,
    params=[
        *kedro_run.params,
        click.Option(["--verbose"], is_flag=True, help="Show the full traceback of an error."),
    ],
    help="Run pipelines, `train` to begin with; nothing named: all stations.",
)
cli.add_command(run)
