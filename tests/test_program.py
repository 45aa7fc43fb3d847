"""`python -m sagan`: what is wrong is told before Kedro is imported."""

import sys
from pathlib import Path

import pytest

from sagan.__main__ import main


def refused(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["sagan", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("smaple", "did you mean 'sample'?"),
        ("exlore", "did you mean 'explore'?"),
        ("train", "known: run, sample, explore"),
    ],
)
def test_a_misspelt_command_is_told_with_the_nearest(
    word: str, remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert refused([word], monkeypatch) == 2
    assert capsys.readouterr().err == f"Error: unknown command '{word}'; {remedy}\n"


@pytest.mark.parametrize("words", [[], ["run", "--pipeline=train"]])
def test_outside_of_the_project_the_remedy_is_told(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(words, monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: there is no conf/ here: go to the project's folder")
    assert "--conf-source=FOLDER" in said
