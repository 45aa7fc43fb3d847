"""The command line `sagan`, also as `python -m sagan`."""

import sys


def main() -> int:
    """Run the command line; returns the exit status.

    A Ctrl-C amid the first imports ends in one line too.
    """
    try:
        from sagan.commands.group import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 75


if __name__ == "__main__":
    sys.exit(main())
