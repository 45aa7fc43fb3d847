"""The project as a program: `sagan run ...` or `python -m sagan ...`, in the project's folder."""

import sys
from pathlib import Path


def main() -> None:
    """Run pipelines, as `kedro run` does."""
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project

    package_name = Path(__file__).parent.name
    configure_project(package_name)
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        arguments = arguments[1:]
    find_run_command(package_name)(arguments, prog_name="sagan run")


if __name__ == "__main__":
    main()
