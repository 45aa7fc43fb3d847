"""`kedro run` of this project: Kedro's own command, ending in one clear message when it fails.

The full traceback goes to the log file, and to the terminal with `--verbose`.
"""

import logging
import os
import traceback
from copy import copy
from pathlib import Path
from types import FrameType
from typing import Any

import click
import yaml
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import configure_logging
from kedro.framework.project import pipelines as registered_pipelines
from kedro.utils import find_kedro_project

from sagan.commands.run_options import RunCommand, refuse_unknown, split_params
from sagan.common.terminal import fit_log_to_terminal, fitted_error, shortened
from sagan.processes.signals import EXIT_INTERRUPTED, signal_handler

logger = logging.getLogger(__name__)


@click.group(name="sagan")
def cli() -> None:
    """Commands of this project; `run` stands in for Kedro's own."""


def run_or_explain(verbose: bool, **options: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """Run pipelines."""
    try:
        _prepare_log()
        _name_pipelines(options)
        with signal_handler(_stop):  # training takes the signals over, and saves
            result: dict[str, Any] = kedro_run.callback(**options)
    except (SystemExit, click.ClickException, click.exceptions.Exit):
        raise  # a training that was asked to stop ends with its own status
    except KeyboardInterrupt:
        click.echo("\nStopped. Finished work is saved; the same command continues.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Exception as error:
        logger.debug("kedro run failed", exc_info=True)
        if verbose:
            traceback.print_exc()
        from sagan.commands.errors import explain

        raise click.ClickException(fitted_error(shortened(explain(error)))) from None
    return result


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SIGTERM and SIGUSR1 stop as Ctrl-C does


def _prepare_log() -> None:
    """Log as conf/logging.yml says, from a subfolder too: Kedro looks in the current one only."""
    project = find_kedro_project(Path.cwd())
    if project not in (None, Path.cwd()) and "KEDRO_LOGGING_CONFIG" not in os.environ:
        _log_as(project)
    fit_log_to_terminal()


def _log_as(project: Path) -> None:
    path = project / "conf" / "logging.yml"
    if not path.is_file():
        return
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for handler in config["handlers"].values():
        if "filename" in handler:
            handler["filename"] = str(project / handler["filename"])
    configure_logging(config)


def _name_pipelines(options: dict[str, Any]) -> None:
    """Take `--pipeline` as `--pipelines`, and refuse names that nobody knows.

    Both spellings are fine here; Kedro prints a deprecation warning for the first on every run.
    """
    if options["pipeline"] and not options["pipelines"]:
        options["pipelines"] = [options["pipeline"]]
        options["pipeline"] = None
    refuse_unknown(options, registered_pipelines)


def _parameter(parameter: click.Parameter) -> click.Parameter:
    """Kedro's own, but that `--params` takes lists."""
    if parameter.name != "params":
        return parameter
    taking_lists = copy(parameter)
    taking_lists.callback = split_params
    taking_lists.help = (
        "Parameters for this run only, comma-separated; dots separate nested keys, values are "
        "YAML: training.seed=1,training.betas=[0.0,0.9]"
    )
    return taking_lists


run = RunCommand(
    "run",
    callback=run_or_explain,
    params=[
        *map(_parameter, kedro_run.params),
        click.Option(["--verbose"], is_flag=True, help="Show the full traceback of an error."),
    ],
    help="Run pipelines, such as `train`; without --pipeline all stations.",
)
cli.add_command(run)


@cli.command("explore")
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option(
    "--env", "-e", default="base", show_default=True, help="Environment whose generator to open."
)
@click.option("--compare", type=click.Path(path_type=Path), help="A second bundle to compare with.")
@click.option(
    "--weights",
    type=click.Choice(["ema", "raw"]),
    help="Only averaged or only raw weights; default: all in the bundle, selectable on the page.",
)
@click.option("--port", type=int, help="Default: the first free one from 7860.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--no-browser", is_flag=True, help="Print the address, do not open a browser.")
def explore(
    *,
    bundle: Path | None,
    env: str,
    compare: Path | None,
    weights: str | None,
    port: int | None,
    device: str,
    no_browser: bool,
) -> None:
    """Look into a generator: a page on this machine.

    Click on a sample, and see where the generator attends from there. BUNDLE is its folder; left
    out, what training left in the environment.
    """
    from sagan.explorer.__main__ import explore as serve

    try:
        fit_log_to_terminal()
        place = bundle or _trained(env)
        serve(
            place,
            compare,
            weights=weights,
            port=port,
            device=device,
            open_browser=not no_browser,
        )
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        raise click.ClickException(fitted_error(str(error))) from None


def _trained(env: str) -> Path:
    """Folder of the bundle in the environment's catalog."""
    from kedro.framework.session import KedroSession

    project = find_kedro_project(Path.cwd()) or Path.cwd()
    with KedroSession.create(project_path=project, env=env) as session:
        catalog = session.load_context().catalog
        return Path(catalog.get("generator_bundle").filepath)
