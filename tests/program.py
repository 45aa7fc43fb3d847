"""A command of `sagan`, run in this process."""

from collections.abc import Callable

from sagan.commands.group import main


def program(*name: str) -> Callable[[list[str]], int]:
    """Takes the words after the command's name; gives the exit status."""
    return lambda words: main([*name, *words])
