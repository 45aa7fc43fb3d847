"""`sagan tune adopt` and `sagan compare publish`: what is made of a study's results."""

from pathlib import Path

import click

from sagan.commands.group import Command, path_argument, path_option
from sagan.common.terminal import own_program


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

    target, changes, left = write_environment(conf, env, name, best, force=force)
    for line in changes:
        click.echo(f"  {line}")
    click.echo(f"{display_path(target)} written")
    if left:
        click.echo("not adopted, set for all trials by tuning.training:")
    for line in left:
        click.echo(f"  {line}")
    click.echo(f"next: {own_program() or 'kedro'} run --pipeline=train --env={name}")


@click.command(cls=Command)
@path_argument("rows")
@path_option("--runs", required=True, metavar="DIR", help="Folder of the comparison's runs.")
@path_option("--out", required=True, metavar="DIR", help="Folder to write to.")
@click.option("--reference", default="sagan", show_default=True, help="Variant compared with.")
def publish(rows: Path, runs: Path, out: Path, reference: str) -> None:
    """Write the tables, pictures and page of a comparison; ROWS is comparison_rows.json."""
    from sagan.comparison.publish import publish as write_files

    write_files(rows, runs, out, reference=reference)
    click.echo(out)
