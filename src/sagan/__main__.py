"""The command line `sagan`, also as `python -m sagan`."""

import sys


def main() -> int:
    """Run the command line; returns the exit status.

    A Ctrl-C amid the first imports, or a missing click, ends in one line too.
    """
    try:
        from sagan.commands.group import main as run

        return run()
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            "Error: this command needs the package click, which is not installed: "
            "pip install click\n"
        )
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 75


if __name__ == "__main__":
    sys.exit(main())
