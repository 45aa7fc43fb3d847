"""A user's day: the commands one after another, each with what it came to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from subprocess import CalledProcessError

from tests.documented import shell, tables
from tests.documented.between import AFTER, BEFORE, start_page
from tests.documented.clone import share_environment
from tests.documented.pages import Command
from tests.documented.shell import Outcome, Shell
from tests.documented.world import NotHereError, World

_TAIL_LINES = 15


@dataclass(frozen=True)
class Result:
    """One line: where, how long, what came of it, the command."""

    command: Command
    state: str  # ok, failed, repeated, named or not run
    seconds: float = 0.0
    why: str = ""
    lightened: bool = False

    def __str__(self) -> str:
        state = f"{self.state}: {self.why}" if self.why else self.state
        return f"{self.command.place:<22} {self.seconds:6.1f} s  {self.command.text}  [{state}]"


class Session:
    """Types the pages' commands in the clone.

    Args:
        world: the clone and all around it.
        fetch: run what fetches packages too.
    """

    def __init__(self, world: World, *, fetch: bool) -> None:
        self._world, self._fetch = world, fetch
        self._numbers = count(1)
        self._done: dict[str, Command] = {}
        self._shell = self._fresh_shell()

    def work_off(self, commands: Sequence[Command]) -> Iterator[Result]:
        """The result of each, in their order."""
        page, block = None, None
        for command in commands:
            if command.page != page:
                start_page(self._world)
            if command.page != page or command.block is None or command.block != block:
                self._shell = self._fresh_shell()
            page, block = command.page, command.block
            yield self._result(command)

    def _fresh_shell(self) -> Shell:
        return Shell(self._world.project, self._world.variables)

    def _result(self, command: Command) -> Result:
        text = command.text
        if text in tables.NAMES:
            return Result(command, "named", why="a command's name alone")
        if text in tables.NOT_EXECUTED:
            return Result(command, "not run", why=tables.NOT_EXECUTED[text])
        if fetches_packages(text) and not self._fetch:
            self._stand_in_for(text)
            return Result(command, "not run", why="fetches packages; --setup runs it")
        if command.block is None and text in self._done:
            return Result(command, "repeated", why=f"as {self._done[text].place}")
        self._done.setdefault(text, command)
        try:
            return self._executed(command)
        except NotHereError as error:
            return Result(command, "not run", why=str(error))

    def _stand_in_for(self, text: str) -> None:
        """Another clone shares the environment too."""
        folder, variables = self._shell.folder, self._shell.variables
        if text == "make setup" and not (folder / ".venv").exists():
            share_environment(folder)
            own = {"PYTHONPATH": str(folder / "src")}
            self._shell = Shell(folder, variables | own)

    def _executed(self, command: Command) -> Result:
        lighter = lightened(command.text)
        log = self._world.folder / "logs" / f"{next(self._numbers):03d}.txt"
        try:
            self._step(BEFORE, command.text)
            outcome = self._typed(command.text, filled(lighter, self._world), log)
            if not outcome.fault:
                self._step(AFTER, command.text)
            fault, seconds = outcome.fault, outcome.seconds
        except (CalledProcessError, RuntimeError) as error:
            output = getattr(error, "output", None) or ""
            log.write_text(output)
            fault, seconds = f"beside it: {error}", 0.0
        changed = lighter != command.text
        if fault:
            return Result(command, "failed", seconds, f"{fault}\n{tail(log)}", changed)
        return Result(command, "ok", seconds, f"lighter: {lighter}" if changed else "", changed)

    def _step(self, steps: dict, text: str) -> None:
        if text in steps:
            steps[text](self._world)

    def _typed(self, text: str, typed: str, log: Path) -> Outcome:
        if text in tables.ELSEWHERE:
            folder = Path(getattr(self._world, tables.ELSEWHERE[text]))
            self._shell = Shell(folder, self._shell.variables)
        says = server(text)
        if says:
            return shell.serve(typed, self._shell, log, says=says)
        good = (0, 1) if text.startswith(tables.ANSWERS) else (0,)
        outcome = shell.run(typed, self._shell, log, good=good)
        self._shell = outcome.shell
        return outcome


def fetches_packages(text: str) -> bool:
    """Whether a command needs a package index."""
    return text in tables.FETCHES_PACKAGES or "pip install" in text


def server(text: str) -> str | None:
    """What the page of a command that serves one must say; None: it serves none."""
    for begin, says in tables.SERVERS.items():
        if text == begin or text.startswith(f"{begin} "):
            return says
    return None


def lightened(text: str) -> str:
    """The command with a small budget."""
    for phrase in sorted(tables.LIGHTER_WORDS, key=len, reverse=True):
        if re.search(rf"{re.escape(phrase)}(?![\w-])", text):
            return text.replace(phrase, tables.LIGHTER_WORDS[phrase])
    return text


def filled(text: str, world: World) -> str:
    """The command with the user's own things in it.

    Raises:
        NotHereError: when this machine has none.
    """
    return _placeholder().sub(lambda found: getattr(world, tables.PLACES[found[0]]), text)


def placeholders(text: str) -> list[str]:
    """The phrases of a command that something of the user's stands for."""
    return _placeholder().findall(text)


@cache
def _placeholder() -> re.Pattern[str]:
    phrases = sorted(tables.PLACES, key=len, reverse=True)
    return re.compile("|".join(map(_bounded, phrases)))


def _bounded(phrase: str) -> str:
    before = r"(?<!\w)" if phrase.startswith("/") else ""
    return rf"{before}{re.escape(phrase)}(?![\w-])"


def tail(log: Path) -> str:
    """The last lines that a command printed."""
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])
