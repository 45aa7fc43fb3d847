"""`sagan train`: training on image shards, without Kedro."""

import json
from pathlib import Path

import click

from sagan.commands.group import Command, config_option, example, path_argument, path_option


@click.command(
    cls=Command, epilog=example("sagan train shards/<key> --out runs --set batch_size=64 --dry-run")
)
@path_argument("shards")
@path_option("--out", required=True, metavar="DIR", help="Folder of runs; each has its own in it.")
@config_option
@click.option(
    "--preset",
    metavar="NAME",
    help="A published configuration that overrides those files, such as sagan or acgan.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="One parameter: batch_size=64, model.generator.base_channels=32.",
)
@click.option("--dry-run", is_flag=True, help="Print the configuration and the plan, and stop.")
def train(
    *,
    shards: Path,
    out: Path,
    files: tuple[Path, ...],
    preset: str | None,
    assignments: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Train on SHARDS, the folder of a shard store; the summary is one line of JSON.

    An interrupted run is resumed from its newest checkpoint by the same command.
    """
    from sagan.processes.signals import leaving_at_once

    with leaving_at_once():  # an exception amid the imports of large libraries would be lost
        from pydantic import ValidationError

        from sagan.common.schema import describe_faults, load_settings
        from sagan.data.shards.store import ShardStore
        from sagan.training import train as train_run
        from sagan.training.config import TrainingConfig
        from sagan.training.config.recipes import refuse_replaced
        from sagan.training.store.runs import tell_of

        chosen = [f"preset={preset}"] if preset else []
        settings = load_settings("training", files, [*chosen, *assignments])
        refuse_replaced(settings.get("preset"), load_settings("training", [], assignments))
        try:
            config = TrainingConfig(**settings)
        except ValidationError as error:
            raise ValueError("\n".join(describe_faults(error, "training"))) from None
        store = ShardStore.open(shards)
        if not dry_run:
            tell_of(out)
            result = train_run(config, store, out)
    if dry_run:
        from sagan.commands.dry_run import configuration, training_plan

        click.echo(configuration({"training": config}))
        click.echo(training_plan(config, store.image_size, store.num_classes, [out]))
        return
    click.echo(json.dumps({"generator_bundle": str(result.bundle.path), **result.summary}))
