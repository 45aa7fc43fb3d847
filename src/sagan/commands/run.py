"""`kedro run` of this project, and the commands of `sagan` that run one of its pipelines.

A run that fails ends in one message; the full traceback goes to the log file, and to the terminal
with `--verbose`.
"""

import logging
import os
import traceback
from copy import copy
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import configure_logging, configure_project
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from kedro.utils import find_kedro_project

from sagan.commands.group import example, interruptible
from sagan.commands.run_options import (
    RunCommand,
    require_names,
    require_pipelines,
    runtime_params,
    split_params,
)
from sagan.common.addresses import mask_secrets
from sagan.common.terminal import (
    guard_log,
    in_environment,
    log_handlers,
    shorten_paths,
    tell_of_slow_imports,
    with_own_program,
)
from sagan.common.text import shown

logger = logging.getLogger("sagan.cli")  # its level and handlers are in conf/logging.yml


def run_or_explain(verbose: bool, dry_run: bool, **options: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """Run pipelines."""
    try:
        _configure_log()
        tell_of_slow_imports()
        if options["pipeline"] and not options["pipelines"]:
            # Kedro deprecates this spelling, with a warning on every run
            options |= {"pipeline": None, "pipelines": [options["pipeline"]]}
        require_pipelines(options["pipelines"])
        require_names(options)
        if dry_run:
            options["runner"] = f"{DryRunner.__module__}.{DryRunner.__name__}"
            _remove_log_files()
        with interruptible():  # training takes the signals over, and saves
            options["params"] = runtime_params(options["params"])
            result: dict[str, Any] = kedro_run.callback(**options)
    except (SystemExit, click.ClickException, click.exceptions.Exit):
        raise  # a training that was asked to stop ends with its own status
    except Exception as error:
        logger.debug("kedro run failed", exc_info=True)
        if verbose:
            click.echo(shown(traceback.format_exc()), err=True)
        from sagan.commands.errors import explain

        message = in_environment(explain(error), options.get("env"))
        raise click.ClickException(shorten_paths(with_own_program(message))) from None
    return result


class DryRunner(SequentialRunner):  # type: ignore[misc]
    """Prints what would run: nodes, their parameters, and what they would take."""

    def run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        *_: object,
        only_missing_outputs: bool = False,
        **__: object,
    ) -> dict[str, Any]:
        """Print the plan, and end before hooks of plugins write files about a run.

        Raises:
            SystemExit: with status 0.
        """
        from sagan.commands.dry_run import (
            comparison_plan,
            configuration,
            evaluation_plan,
            training_plan,
            tuning_plan,
        )
        from sagan.comparison.config import ComparisonConfig
        from sagan.metrics.config import EvaluationConfig
        from sagan.preflight.images import image_facts
        from sagan.preflight.pipeline import without_finished
        from sagan.training.config import TrainingConfig
        from sagan.tuning.config import TuningConfig

        if only_missing_outputs:
            pipeline = without_finished(pipeline, catalog)
        names = sorted(name for name in pipeline.inputs() if name.startswith("params:"))
        parameters = {name.removeprefix("params:"): catalog.load(name) for name in names}
        click.echo(f"{mask_secrets(configuration(parameters))}\n\nnodes:")
        for node in pipeline.nodes:
            click.echo(f"  {node.name}")
        running = {node.namespace for node in pipeline.nodes}
        if running & {"comparison", "tuning"}:
            training = TrainingConfig.model_validate(parameters["training"])
        if "comparison" in running:
            compared = ComparisonConfig.model_validate(parameters["comparison"])
            click.echo(f"\n{comparison_plan(compared, training)}")
        if "tuning" in running:
            tuned = TuningConfig.model_validate(parameters["tuning"])
            click.echo(f"\n{tuning_plan(tuned, training)}")
        if "training" in running:
            runs = catalog.get("checkpoints_workspace").filepath
            config = TrainingConfig.model_validate(parameters["training"])
            plan = training_plan(config, runs, **image_facts(pipeline, catalog))
            click.echo(f"\n{plan}")
        if "evaluation" in running:
            asked = EvaluationConfig.model_validate(parameters["evaluation"])
            click.echo(f"\n{evaluation_plan(asked)}")
        raise SystemExit(0)


def _remove_log_files() -> None:
    for logger, handler in log_handlers():
        if isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)


def _configure_log() -> None:
    """Log as conf/logging.yml says, from a subfolder too: Kedro looks in the current one only.

    Where the package is installed there is no project, but perhaps its configuration.
    """
    project = find_kedro_project(Path.cwd())
    folder = project or Path.cwd()
    path = folder / "conf" / "logging.yml"
    if project != Path.cwd() and path.is_file() and "KEDRO_LOGGING_CONFIG" not in os.environ:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        for handler in config["handlers"].values():
            if "filename" in handler:
                handler["filename"] = str(folder / handler["filename"])
        configure_logging(config)
    guard_log()


def _parameter(parameter: click.Parameter) -> click.Parameter:
    """Kedro's option; `--params` is read by this project."""
    if parameter.name != "params":
        return parameter
    ours = copy(parameter)
    ours.callback = split_params
    ours.help = (
        "Parameters for this run only, comma-separated; dots separate nested keys, a list or "
        "text with a comma is written as in YAML: training.seed=1,training.betas=[0.0,0.9]"
    )
    return ours


PARAMETERS: list[click.Parameter] = [
    *map(_parameter, kedro_run.params),
    click.Option(["--dry-run"], is_flag=True, help="Print the configuration and the plan, stop."),
    click.Option(["--verbose"], is_flag=True, help="Show the full traceback of an error."),
]
run = RunCommand(
    "run",
    callback=run_or_explain,
    params=PARAMETERS,
    help="Run pipelines, such as `train`; without --pipeline from images to the report.",
    epilog=example(
        "kedro run --pipeline=train --params=training.seed=1",
        "kedro run --pipeline=evaluate --env=my_images --dry-run",
    ),
)


class PackagedRun(RunCommand):
    """`run` started by the program `sagan`, which knows the project without Kedro's help."""

    def __init__(self, name: str, does: str, pipeline: str | None = None) -> None:
        """Take the pipeline; None leaves it to the options."""
        self._pipeline = pipeline
        alike = f"kedro run --pipeline={pipeline}" if pipeline else "kedro run"
        super().__init__(
            name,
            callback=run_or_explain,
            params=[_hidden(p) for p in PARAMETERS] if pipeline else PARAMETERS,
            help=f"{does}\n\nThe same as `{alike}`; it needs the project's conf/.",
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, with the pipeline's name.

        Raises:
            click.UsageError: where there is no configuration.
        """
        elsewhere = any(word.startswith(("--conf-source", "--help")) for word in args)
        here = Path.cwd()
        if not elsewhere and not any(
            (folder / "conf").is_dir() for folder in (here, *here.parents)
        ):
            raise click.UsageError(
                "there is no conf/ here: go to the project's folder, or name its configuration "
                "with --conf-source=FOLDER"
            )
        configure_project("sagan")
        chosen = [] if self._pipeline is None else [f"--pipelines={self._pipeline}"]
        return super().parse_args(ctx, [*chosen, *args])


_SHOWN = {"env", "params", "conf_source", "config", "dry_run", "verbose"}


def _hidden(parameter: click.Parameter) -> click.Parameter:
    hidden = copy(parameter)
    if isinstance(hidden, click.Option) and hidden.name not in _SHOWN:
        hidden.hidden = True
    return hidden


run_packaged = PackagedRun("run", "Run pipelines; without --pipeline from images to the report.")
tune = PackagedRun(
    "tune",
    "Search hyperparameters with Optuna; `sagan tune adopt` uses what was found.",
    "tune",
)
compare = PackagedRun(
    "compare",
    "Train and compare model variants; `sagan compare publish` writes the results.",
    "compare",
)
export = PackagedRun(
    "export",
    "Make a folder to share: weights, model card, picture, exported program.",
    "export",
)
