"""The command line `sagan`: its help, its errors, and what it needs to be installed."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sagan.commands.group import COMMANDS, main, sagan

ABSENT = ["kedro", "dvc", "great_expectations", "optuna", "pandas"]
KEDROS = {"run", "tune", "compare", "export"}  # these run the project's pipelines


def without(packages: list[str], *words: str) -> subprocess.CompletedProcess:
    """`python -m sagan` where these packages are not installed."""
    code = (
        "import runpy, sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name.partition('.')[0] in {packages!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "runpy.run_module('sagan', run_name='__main__', alter_sys=True)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_without_arguments_it_shows_its_help_and_does_nothing_else(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, does) in COMMANDS.items():
        assert any(line.split() == [*name.split(), *does.split()] for line in lines), name
    assert max(map(len, lines)) <= 80
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_has_an_example_and_fits_eighty_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: sagan {name} ")
    assert f"Example:\n    sagan {name}" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_is_understood(name: str) -> None:
    command = sagan.get_command(click.Context(sagan), name)
    text = (command.epilog or "").partition(":\n")[2].replace("\\\n", " ")
    for line in filter(None, text.split("\n")):
        words = line.split()[1 + len(name.split()) :]
        assert command.make_context(name, words).params


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    done = without([*ABSENT, "torch", "numpy", "pydantic", "yaml"], "--help")
    assert done.returncode == 0, done.stderr
    assert "train prune" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - KEDROS))
def test_a_commands_help_needs_neither_kedro_nor_torch(name: str) -> None:
    done = without([*ABSENT, "torch"], *name.split(), "--help")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "words", "remedy"),
    [
        ("kedro", ["tune"], "pip install kedro"),
        ("torch", ["evaluate", "a", "b", "--out", "c"], "pip install torch"),
        ("yaml", ["train", "a", "--out", "c"], "pip install pyyaml"),
    ],
)
def test_a_missing_package_is_one_line(package: str, words: list[str], remedy: str) -> None:
    done = without([package], *words)
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: this command needs the package {package}, which is not installed: {remedy}\n"
    )


@pytest.mark.parametrize(
    ("word", "near"), [("smaple", "sample"), ("exlore", "explore"), ("prune", "train prune")]
)
def test_a_misspelt_command_is_refused_with_the_nearest(
    word: str, near: str, capsys: pytest.CaptureFixture
) -> None:
    assert main([word]) == 2
    error = capsys.readouterr().err
    assert f"'{word}'" in error
    assert f"'{near}'" in error


@pytest.mark.parametrize("words", [["run", "--pipeline=train"], ["tune"], ["export"]])
def test_outside_of_the_project_the_remedy_is_shown(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "Error: there is no conf/ here: go to the project's folder" in error
    assert "--conf-source=FOLDER" in error


def test_ctrl_c_amid_the_first_imports_is_one_line() -> None:
    code = (
        "import builtins, os, signal, sys\n"
        "original = builtins.__import__\n"
        "def importing(name, *rest):\n"
        "    if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return original(name, *rest)\n"
        "builtins.__import__ = importing\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sagan.__main__ import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (75, "\nStopped.\n")
