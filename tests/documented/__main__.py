"""`python -m tests.documented`: every command of README and docs, in a fresh clone.

Clones what is committed into a temporary folder, with a home that has nothing in it, and types the
pages' commands there in their order; servers are started, asked for a page, and stopped. What
differs from a user's day stands by name in `tables.py`, `lighter.yml` and `between.py`: small
budgets, drawn images in place of the user's own, a bucket and a database on this machine. Prints
a line a command and one line of JSON; the status is 1 where a command failed.
"""

import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.documented.clone import environment, fresh_clone, lighten, share_environment
from tests.documented.pages import PAGES, documented
from tests.documented.session import Session
from tests.documented.world import World, bucket


def main(words: list[str] | None = None) -> int:
    """Run them; returns the exit status."""
    options = _parser().parse_args(words)
    begun = time.monotonic()
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="documented-", ignore_cleanup_errors=True)
        folder = options.keep or Path(stack.enter_context(temporary))
        session = _session(folder.resolve(), stack, setup=options.setup)
        pages = [page for page in PAGES if not options.only or page.name in options.only]
        counts = Counter(dict.fromkeys(("ok", "failed", "not run", "repeated", "named"), 0))
        lighter = 0
        for result in session.work_off(documented(pages)):
            counts[result.state] += 1
            lighter += result.lightened
            sys.stdout.write(f"{result}\n")
            sys.stdout.flush()
    named = {state.replace(" ", "_"): number for state, number in counts.items()}
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = {
        "commands": counts.total(),
        **named,
        "lighter_words": lighter,
        "seconds": round(time.monotonic() - begun),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if counts["failed"] else 0


def _session(folder: Path, stack: ExitStack, *, setup: bool) -> Session:
    (folder / "logs").mkdir(parents=True)
    project = fresh_clone(folder)
    if not setup:
        share_environment(project)
    variables = environment(folder / "home", project, shared=not setup)
    world = World(folder, project, variables, stack)
    variables |= stack.enter_context(bucket(Path(world.photos)))
    lighten(project, world.parameters())
    return Session(world, fetch=setup)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.documented",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--setup",
        action="store_true",
        help="make the environment as the pages say, and run what else fetches packages; else "
        "the one that runs this program is shared",
    )
    names = [page.name for page in PAGES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="PAGE", help="these pages only")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work there, and leave it")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    sys.exit(main())
