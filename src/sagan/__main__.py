"""The project as a program: `sagan run` in the project's folder; `sample`, `explore` anywhere.

`python -m sagan` does the same. The latter two need a generator bundle, torch and its friends;
no Kedro.
"""

import sys
from difflib import get_close_matches
from pathlib import Path

_COMMANDS = ("run", "sample", "explore")


def main() -> None:
    """Run pipelines, as `kedro run` does; or draw from a generator bundle, or look into it."""
    if sys.argv[1:2] == ["sample"]:
        from sagan.sampling.__main__ import main as sample

        sys.exit(sample(sys.argv[2:], prog="sagan sample"))
    if sys.argv[1:2] == ["explore"]:
        from sagan.explorer.__main__ import main as explore

        sys.exit(explore(sys.argv[2:], prog="sagan explore"))
    fault = _fault(sys.argv[1:])
    if fault:
        from sagan.common.terminal import write_error

        write_error(f"Error: {fault}")
        sys.exit(2)
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project

    package_name = Path(__file__).parent.name
    configure_project(package_name)
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        arguments = arguments[1:]
    find_run_command(package_name)(arguments, prog_name="sagan run")


def _fault(words: list[str]) -> str | None:
    """What is wrong before Kedro is asked; None: nothing."""
    command = next(iter(words), "run")
    if command not in _COMMANDS and not command.startswith("-"):
        near = get_close_matches(command, _COMMANDS, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_COMMANDS)}"
        return f"unknown command '{command}'; {remedy}"
    elsewhere = any(word.startswith(("--conf-source", "--help")) for word in words)
    here = Path.cwd()
    if elsewhere or any((folder / "conf").is_dir() for folder in (here, *here.parents)):
        return None
    return (
        "there is no conf/ here: go to the project's folder, or name its configuration with "
        "--conf-source=FOLDER"
    )


if __name__ == "__main__":
    main()
