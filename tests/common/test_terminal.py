"""Text for people: short paths, and lines that fit where a person looks at a terminal."""

import argparse
import logging
import sys
from pathlib import Path

import pytest

from sagan.common.terminal import (
    ParagraphFormatter,
    Parser,
    TerminalFormatter,
    fit_log_to_terminal,
    fitted,
    shortened,
    worded,
    write_error,
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
    assert shortened(f"{tmp_path}/data/a.json and /elsewhere/b") == "data/a.json and /elsewhere/b"


@pytest.mark.usefixtures("terminal")
def test_long_lines_are_broken_between_words_and_none_is_lost() -> None:
    text = fitted(LONG, first=len("Error: "), indent=4)
    lines = text.split("\n")
    assert len("Error: " + lines[0]) <= 80
    assert all(len(line) <= 80 and line.startswith("    ") for line in lines[1:])
    assert text.split() == LONG.split()


@pytest.mark.usefixtures("terminal")
def test_lines_keep_their_own_indent_and_short_ones_are_left_alone() -> None:
    text = f"2 faults:\n  {LONG}\n\n  short"
    lines = fitted(text).split("\n")
    assert lines[0] == "2 faults:"
    assert lines[-2:] == ["", "  short"]
    assert all(line.startswith("  ") for line in lines[1:-2])


@pytest.mark.usefixtures("terminal")
def test_a_path_is_never_broken() -> None:
    path = "/" + "x" * 100
    assert path in fitted(f"written to {path} at last").split("\n")


@pytest.mark.usefixtures("terminal")
def test_a_command_to_copy_is_left_whole() -> None:
    command = "  curl --location --output /root/.cache/weights.pth https://example.org/" + "x" * 60
    assert fitted(f"place them with\n{command}\nor so") == f"place them with\n{command}\nor so"


def test_what_goes_to_a_file_keeps_its_lines() -> None:
    assert not sys.stderr.isatty()
    assert fitted(LONG) == LONG


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
def test_a_programs_error_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    write_error(f"error: {tmp_path}/data: {LONG}")
    said = capsys.readouterr().err
    assert said.startswith("error: data: ")
    assert max(map(len, said.splitlines())) <= 80


def test_a_missing_file_is_told_without_the_systems_number() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert worded(caught.value) == "/no/such/file: No such file or directory"
    assert worded(ValueError(" got 1 ")) == "got 1"


def test_help_keeps_paragraphs_and_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = argparse.ArgumentParser(
        description=f"First.\n\n{LONG}\n", formatter_class=ParagraphFormatter
    )
    said = parser.format_help()
    assert "First.\n\nshards are" in said
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.usefixtures("terminal")
def test_what_a_program_refuses_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    parser = Parser(prog="python -m sagan.data")
    parser.add_argument("--source", choices=[f"a_long_name_{n}" for n in range(9)], metavar="KIND")
    for commands in (parser, parser.add_subparsers().add_parser("adopt")):
        with pytest.raises(SystemExit) as ended:
            commands.parse_args(["--source", "digts"])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert "error: " in said
        assert max(map(len, said.splitlines())) <= 80
