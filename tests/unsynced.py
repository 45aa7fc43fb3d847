"""Writes that nobody waits for: no test outlives a loss of power.

A disk takes milliseconds to confirm a write, and the tests make tens of thousands of files.
"""

import os


def install() -> None:
    """Let `os.fsync` return at once, in this process and in those forked from it."""
    os.fsync = _refusing_what_is_no_file


def _refusing_what_is_no_file(file) -> None:
    os.fstat(file if isinstance(file, int) else file.fileno())
