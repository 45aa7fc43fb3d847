"""`sagan tune adopt`: a study's best parameters as an environment of `conf/`."""

from pathlib import Path

import click

from sagan.commands.group import Command, path_option


@click.command(cls=Command)
@click.option("--env", help="Environment that was tuned; default: base.")
@click.option("--as", "name", default="tuned", show_default=True, help="Environment to write.")
@path_option("--best", help="best_parameters.yml; default: that environment's.")
@path_option("--conf", default=Path("conf"), show_default=True, help="Folder of environments.")
@click.option("--force", is_flag=True, help="Replace existing files.")
def adopt(*, env: str | None, name: str, best: Path | None, conf: Path, force: bool) -> None:
    """Write a study's best parameters into an environment, to be committed like any other."""
    from sagan.common.files import display_path
    from sagan.tuning.adopt import adopt as write_environment

    target, changes = write_environment(conf, env, name, best, force=force)
    for line in changes:
        click.echo(f"  {line}")
    click.echo(f"{display_path(target)} written; kedro run --pipeline=train --env={name}")
