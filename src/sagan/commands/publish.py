"""`sagan compare publish`: a comparison's results as files to keep and cite."""

from pathlib import Path

import click

from sagan.commands.group import Command, path_argument, path_option


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
