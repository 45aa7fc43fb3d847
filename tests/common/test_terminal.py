"""Text for people: short paths, and errors in words."""

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from sagan.common import terminal
from sagan.common.terminal import (
    LogFormatter,
    format_error,
    guard_log,
    in_environment,
    shorten_paths,
    with_own_program,
)


def test_paths_of_the_current_folder_are_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        shorten_paths(f"{tmp_path}/data/a.json and /elsewhere/b") == "data/a.json and /elsewhere/b"
    )


@pytest.mark.parametrize(
    ("started", "told"),
    [
        ("/env/bin/kedro", "kedro run"),
        ("/env/lib/kedro/__main__.py", "kedro run"),
        ("/env/bin/sagan", "sagan run"),
        ("/env/lib/sagan/__main__.py", "python -m sagan run"),
    ],
)
def test_a_messages_commands_are_of_the_program_that_was_started(
    started: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [started, "run"])
    assert with_own_program("`kedro run --env=a` makes it") == f"`{told} --env=a` makes it"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("kedro run --pipelines=a,b_c", "kedro run --pipelines=a,b_c --env=mine"),
        (
            "`kedro run --pipeline=a`, with the same --env if any, runs",
            "`kedro run --pipeline=a --env=mine` runs",
        ),
        ("kedro run --pipeline=a --env=other", "kedro run --pipeline=a --env=other"),
        ("<code>kedro explore</code> shows", "<code>kedro explore --env=mine</code> shows"),
        ("kedro explore --env=other", "kedro explore --env=other"),
        ("kedro run --pipeline=a, or", "kedro run --pipeline=a --env=mine, or"),
    ],
)
def test_commands_in_a_message_are_of_the_environment_asked_for(
    message: str, expected: str
) -> None:
    assert in_environment(message, "mine") == expected
    assert in_environment(message, None) == message
    assert in_environment(expected, "mine") == expected
    named = "kedro run --pipelines=acquisition,training --env=mine, or kedro explore --env=mine"
    assert in_environment(named, "other") == named


def test_a_missing_file_is_told_without_the_systems_number() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert format_error(caught.value) == "/no/such/file: No such file or directory"
    assert format_error(ValueError(" got 1 ")) == "got 1"


def test_a_link_to_nothing_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted")
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "runs").mkdir(parents=True, exist_ok=True)
    assert "a link to nothing, is in the place of this folder" in format_error(caught.value)


def test_control_characters_of_names_reach_neither_terminal_nor_log() -> None:
    assert shorten_paths("no class 'a\x1b[2Jb'\n- one\r") == "no class 'a\\x1b[2Jb'\n- one\\r"
    record = logging.makeLogRecord({"msg": "in %s", "args": ("a\x1b]0;b\nINFO c",)})
    assert LogFormatter("%(message)s").format(record) == "in a\\x1b]0;b\n    INFO c"


@pytest.mark.parametrize("missing", [False, True])
def test_a_log_file_that_cannot_be_written_is_one_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, missing: bool
) -> None:
    path = tmp_path / "missing" / "info.log" if missing else Path("/dev/full")
    handler = RotatingFileHandler(path, maxBytes=1000, delay=True)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("sagan.test_terminal")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        guard_log()
        for text in ("a\x1b", "b", "c"):
            logger.error(text)
        assert isinstance(handler.formatter, LogFormatter)
    finally:
        logger.removeHandler(handler)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("WARNING")
    assert str(path) in said[0]


@pytest.mark.parametrize(("takes", "said"), [(0.5, ["loading PyTorch"]), (0.0, [])])
def test_the_import_of_a_large_library_is_told_where_it_takes_long(
    tmp_path, monkeypatch, caplog, takes: float, said: list[str]
) -> None:
    (tmp_path / "torch.py").write_text(f"import time\ntime.sleep({takes})\n")
    monkeypatch.setattr("sys.meta_path", sys.meta_path[:])
    monkeypatch.setattr(terminal._SlowImport, "silent_seconds", 0.1)
    monkeypatch.setitem(sys.modules, "torch", None)  # so that what was there comes back
    del sys.modules["torch"]
    monkeypatch.syspath_prepend(tmp_path)
    caplog.set_level("INFO", "sagan")
    terminal.tell_of_slow_imports()
    __import__("torch")
    time.sleep(0.3)
    assert caplog.messages == said
