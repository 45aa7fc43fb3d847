"""Text for people: short paths, and lines that fit where a person looks at a terminal."""

import logging
import sys
from pathlib import Path

import pytest

from sagan.common.terminal import (
    TerminalFormatter,
    fit_log_to_terminal,
    format_error,
    shorten_paths,
    wrap_error,
    wrap_for_terminal,
)

LONG = "shards are up to date: " + " ".join(["word"] * 30) + " end"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("sagan", logging.INFO, "", 1, message, None, None)


def test_paths_of_the_current_folder_are_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        shorten_paths(f"{tmp_path}/data/a.json and /elsewhere/b") == "data/a.json and /elsewhere/b"
    )


@pytest.mark.usefixtures("terminal")
def test_long_lines_are_broken_between_words_and_none_is_lost() -> None:
    text = wrap_for_terminal(LONG, first=len("Error: "), indent=4)
    lines = text.split("\n")
    assert len("Error: " + lines[0]) <= 80
    assert all(len(line) <= 80 and line.startswith("    ") for line in lines[1:])
    assert text.split() == LONG.split()


@pytest.mark.usefixtures("terminal")
def test_lines_keep_their_own_indent_and_short_ones_are_left_alone() -> None:
    text = f"2 faults:\n  {LONG}\n\n  short"
    lines = wrap_for_terminal(text).split("\n")
    assert lines[0] == "2 faults:"
    assert lines[-2:] == ["", "  short"]
    assert all(line.startswith("  ") for line in lines[1:-2])


@pytest.mark.usefixtures("terminal")
def test_a_path_is_never_broken() -> None:
    path = "/" + "x" * 100
    assert path in wrap_for_terminal(f"written to {path} at last").split("\n")


@pytest.mark.usefixtures("terminal")
def test_a_command_to_copy_is_left_whole() -> None:
    command = "  curl --location --output /root/.cache/weights.pth https://example.org/" + "x" * 60
    assert (
        wrap_for_terminal(f"place them with\n{command}\nor so")
        == f"place them with\n{command}\nor so"
    )


def test_what_goes_to_a_file_keeps_its_lines() -> None:
    assert not sys.stderr.isatty()
    assert wrap_for_terminal(LONG) == LONG


@pytest.mark.usefixtures("terminal")
def test_a_log_line_goes_on_below_its_message() -> None:
    formatter = TerminalFormatter("%(levelname)-7s %(message)s")
    lines = formatter.format(record(LONG)).split("\n")
    assert len(lines) > 1
    assert lines[0].startswith("INFO    shards are")
    assert all(len(line) <= 80 and line.startswith(" " * 8 + "word") for line in lines[1:])


@pytest.mark.usefixtures("terminal")
def test_a_message_of_several_lines_stays_in_its_column() -> None:
    lines = TerminalFormatter("%(levelname)-7s %(message)s").format(record("one\n  two"))
    assert lines == "INFO    one\n          two"


def test_terminal_handlers_are_fitted_and_log_files_left_alone(tmp_path: Path) -> None:
    logger = logging.getLogger("sagan.test_terminal")
    plain = logging.Formatter("%(message)s", "%H")
    stream, file = logging.StreamHandler(), logging.FileHandler(tmp_path / "log", delay=True)
    for handler in (stream, file):
        handler.setFormatter(plain)
        logger.addHandler(handler)
    try:
        fit_log_to_terminal()
    finally:
        logger.handlers.clear()
    assert isinstance(stream.formatter, TerminalFormatter)
    assert (stream.formatter._fmt, stream.formatter.datefmt) == ("%(message)s", "%H")
    assert file.formatter is plain


@pytest.mark.usefixtures("terminal")
def test_an_error_has_short_paths_and_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = f"Error: {wrap_error(f'{tmp_path}/data: {LONG}')}".splitlines()
    assert lines[0].startswith("Error: data: ")
    assert max(map(len, lines)) <= 80


def test_a_missing_file_is_told_without_the_systems_number() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert format_error(caught.value) == "/no/such/file: No such file or directory"
    assert format_error(ValueError(" got 1 ")) == "got 1"
