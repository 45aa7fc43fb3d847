"""The project as a program: `sagan run` in the project's folder; `sample`, `explore` anywhere.

`python -m sagan` does the same. The latter two need a generator bundle, torch and its friends;
no Kedro.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run pipelines, as `kedro run` does; or draw from a generator bundle, or look into it."""
    if sys.argv[1:2] == ["sample"]:
        from sagan.sampling.__main__ import main as sample

        sys.exit(sample(sys.argv[2:], prog="sagan sample"))
    if sys.argv[1:2] == ["explore"]:
        from sagan.exploring.__main__ import main as explore

        sys.exit(explore(sys.argv[2:], prog="sagan explore"))
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
