"""`python -m sagan`: the command line `sagan`."""

import sys

from sagan.commands.group import main

if __name__ == "__main__":
    sys.exit(main())
