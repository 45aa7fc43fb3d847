"""Numbers that a benchmark is told on its command line."""

import argparse


def positive(text: str) -> int:
    """A count of at least one.

    Raises:
        argparse.ArgumentTypeError: for anything else, which the parser says in one line.
    """
    return _at_least(1, text)


def not_negative(text: str) -> int:
    """A seed.

    Raises:
        argparse.ArgumentTypeError: for anything else, which the parser says in one line.
    """
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text}")
    return number
