"""`sagan train`: training on image shards, without Kedro."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sagan.commands.group import (
    Command,
    config_option,
    path_argument,
    path_option,
    say_next,
    set_option,
)

if TYPE_CHECKING:
    from sagan.training.config import TrainingConfig


@click.command(cls=Command)
@path_argument("shards")
@path_option("--out", required=True, metavar="DIR", help="Folder of runs; each has its own in it.")
@config_option
@click.option(
    "--recipe",
    metavar="NAME",
    help="A published configuration that overrides those files, such as sagan or acgan.",
)
@set_option
@click.option("--dry-run", is_flag=True, help="Print the configuration and the plan, and stop.")
def train(
    *,
    shards: Path,
    out: Path,
    files: tuple[Path, ...],
    recipe: str | None,
    assignments: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Train on SHARDS, the folder of a shard store; the summary is one line of JSON.

    An interrupted run is resumed from its newest checkpoint by the same command.
    """
    from sagan.processes.signals import exit_on_signal

    with exit_on_signal():  # an exception amid the imports of large libraries would be lost
        from sagan.data.shards.store import ShardStore, read_index

        config = _configured(files, recipe, assignments)
        index = read_index(shards)  # before PyTorch is loaded
        from sagan.training import train as train_run
        from sagan.training.store.runs import log_disk_usage

        if dry_run:
            from sagan.commands.dry_run import configuration, training_plan

            sizes = {"image_size": index["image_size"], "num_classes": len(index["class_names"])}
            sizes["image_channels"] = index.get("channels", 3)
            click.echo(f"{configuration({'training': config})}\n")
            click.echo(training_plan(config, out, **sizes))
            return
        log_disk_usage(out)
        result = train_run(config, ShardStore.open(shards), out)
    click.echo(json.dumps({"generator_bundle": str(result.bundle.path), **result.summary}))
    say_next("sample", result.bundle.path, "--out", "pictures")


def _configured(
    files: tuple[Path, ...], recipe: str | None, assignments: tuple[str, ...]
) -> TrainingConfig:
    from pydantic import ValidationError

    from sagan.common.parameters import load_settings
    from sagan.common.schema import describe_faults
    from sagan.training.config import TrainingConfig
    from sagan.training.config.recipes import refuse_replaced

    chosen = [f"recipe={recipe}"] if recipe else []
    settings = load_settings("training", files, [*chosen, *assignments], TrainingConfig)
    refuse_replaced(
        settings.get("recipe"), load_settings("training", [], assignments, TrainingConfig)
    )
    try:
        return TrainingConfig(**settings)
    except ValidationError as error:
        raise ValueError("\n".join(describe_faults(error, "training"))) from None
