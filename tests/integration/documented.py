"""The commands that README and docs tell the user to type, and who executes each."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.integration.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?:console|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:kedro (?:run|viz|jupyter|package|registry)|python -m) [^`…]+)`")

# executed by a test: how the command begins -> a file of tests/, and what stands in it
TESTED = {
    "kedro registry list": ("integration/test_documented_commands.py", '"registry", "list"'),
    "kedro explore": ("integration/test_cli.py", '"kedro", "explore"'),
    "kedro jupyter": ("integration/test_documented_commands.py", '"jupyter", "lab"'),
    "kedro viz": ("integration/test_viz.py", '"viz", "build"'),
    "dvc repro": ("integration/test_reproduce.py", '"dvc", "repro"'),
    "dvc status": ("integration/test_reproduce.py", '"dvc", "status"'),
    "dvc dag": ("integration/test_reproduce.py", '"dvc", "dag"'),
    "dvc remote": ("integration/test_reproduce.py", '"dvc", "remote"'),
    "dvc push": ("integration/test_reproduce.py", '"dvc", "push"'),
    "dvc metrics diff": ("integration/test_reproduce.py", '"dvc", "metrics", "diff"'),
    "dvc plots diff": ("integration/test_reproduce.py", '"dvc", "plots", "diff"'),
    "dvc exp run -S": ("integration/test_reproduce.py", '"dvc", "exp", "run"'),
    "dvc exp show": ("integration/test_reproduce.py", '"dvc", "exp", "show"'),
    "dvc import-url": ("integration/test_reproduce.py", '"dvc", "import-url"'),
    "dvc update": ("integration/test_reproduce.py", '"dvc", "update"'),
    "make docs": ("test_docs.py", '"mkdocs", "build", "--strict"'),
}
# executed by no test, and why
UNTESTED = {
    "kedro package": "it builds in an environment that it fetches from the network",
    "make": "installs packages, or runs the tests themselves",
    "source": "the shell's own",
    "export": "the shell's own",
    "cd": "the shell's own",
    "tar": "the system's own",
    "git": "the user's own repository",
    "grep": "the system's own",
    "xdg-open": "opens a window",
    "head": "in a job of SLURM's; needs a cluster",
    "options": "in a job of SLURM's; needs a cluster",
    "srun": "needs a cluster",
    "[": "needs a cluster",
    "tensorboard": "serves until it is stopped; its files are read in tests/training",
    "optuna-dashboard": "serves until it is stopped",
    "pre-commit install": "writes into the user's .git",
    "dvc import-url --to-remote": "run by hand (docs/reproduce.md says so)",
    "dvc import-url --no-download": "run by hand (docs/reproduce.md says so)",
    "dvc params diff": "its numbers are those of dvc.lock, which the tests compare",
    "dvc queue": "run by hand (docs/reproduce.md says so)",
    "dvc exp run --queue": "run by hand (docs/reproduce.md says so)",
    "dvc exp apply": "run by hand (docs/reproduce.md says so)",
    "dvc config": "DVC's own settings",
    "dvc checkout": "run by hand (docs/reproduce.md says so)",
}
MAY_BE_MISSING = {"xdg-open", "srun", "tar", "["}


class Command(NamedTuple):
    """One command of one page, as the shell would see it."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def documented() -> list[Command]:
    """Every command in a console block, and those within the text that start something of ours."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.findall(text):
            lines = block.replace("\\\n", "").splitlines()
            found += [Command(page.name, line.strip()) for line in lines]
        inline = BLOCK.sub("", text)
        found += [Command(page.name, " ".join(c.split())) for c in INLINE.findall(inline)]
    return [command for command in found if command.words]


def longest_prefix(text: str, known: dict) -> str | None:
    """The longest entry that the command begins with, word by word."""
    words = text.split()
    fitting = [name for name in known if words[: len(name.split())] == name.split()]
    return max(fitting, key=len, default=None)


def expected_file(path: str) -> Path:
    return ROOT / "tests" / path
