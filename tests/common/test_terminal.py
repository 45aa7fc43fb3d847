"""Text for people: short paths, and errors in words."""

from pathlib import Path

import pytest

from sagan.common.terminal import format_error, shorten_paths


def test_paths_of_the_current_folder_are_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        shorten_paths(f"{tmp_path}/data/a.json and /elsewhere/b") == "data/a.json and /elsewhere/b"
    )


def test_a_missing_file_is_told_without_the_systems_number() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert format_error(caught.value) == "/no/such/file: No such file or directory"
    assert format_error(ValueError(" got 1 ")) == "got 1"
