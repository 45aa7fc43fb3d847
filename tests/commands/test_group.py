"""The command line `sagan`: its help, its errors, and what it needs to be installed."""

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sagan.commands.group import COMMANDS, main, sagan
from tests.documented.pages import documented
from tests.drawn_images import draw_image_folder

ROOT = Path(__file__).parents[2]
ABSENT = ["kedro", "dvc", "great_expectations", "optuna", "pandas"]
KEDROS = {"run", "tune", "compare", "export"}  # these run the project's pipelines


def without_code(packages: list[str]) -> str:
    """Code after which nothing finds these packages, as where they are not installed."""
    return (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Others(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] not in {packages!r}:\n"
        "            return super().find_spec(name, path, target)\n"
        "sys.meta_path = [Others if one is PathFinder else one for one in sys.meta_path]\n"
    )


def without(packages: list[str], *words: str) -> subprocess.CompletedProcess:
    """`python -m sagan` where these packages are not installed."""
    run = "import runpy; runpy.run_module('sagan', run_name='__main__', alter_sys=True)"
    code = without_code(packages) + run
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
    for name, (_, does, (example, *_)) in COMMANDS.items():
        assert any(line.split() == [*name.split(), *does.split()] for line in lines), name
        assert f"  {example}" in lines
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


@pytest.fixture(scope="module")
def helped() -> dict[str, int]:
    """The exit status of each command's help in one process without Kedro and torch."""
    code = without_code([*ABSENT, "torch"]) + (
        "import json\n"
        "from sagan.commands.group import main\n"
        f"names = {sorted(COMMANDS.keys() - KEDROS)!r}\n"
        "statuses = {name: main([*name.split(), '--help']) for name in names}\n"
        "print('\\n' + json.dumps(statuses))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - KEDROS))
def test_a_commands_help_needs_neither_kedro_nor_torch(name: str, helped: dict[str, int]) -> None:
    assert helped[name] == 0


@pytest.mark.parametrize(
    ("package", "words", "remedy"),
    [
        ("kedro", ["tune"], "pip install kedro"),
        ("torch", ["evaluate", ".", ".", "--out", "c"], "pip install torch"),
        ("yaml", ["train", "a", "--out", "c"], "pip install pyyaml"),
        ("click", ["train", "a", "--out", "c"], "pip install click"),
    ],
)
def test_a_missing_package_is_one_line(package: str, words: list[str], remedy: str) -> None:
    done = without([package], *words)
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: this command needs the package {package}, which is not installed: {remedy}\n"
    )


REFUSED = [
    (["sample", "nowhere", "--out", "c"], "no generator bundle at nowhere"),
    (["explore", "nowhere"], "no generator bundle at nowhere"),
    (
        ["complete", "nowhere", ".", "--mask", "none", "--out", "c"],
        "no generator bundle at nowhere",
    ),
    (["evaluate", ".", "nowhere", "--out", "c"], "'nowhere' does not exist"),
    (["complete", ".", ".", "nowhere", "--mask", "none", "--out", "c"], "'nowhere' does not"),
    (["sample", ".", "--out", "c", "--latents", "nowhere.npz"], "'nowhere.npz' does not exist"),
    (["train", "nowhere", "--out", "c"], "'nowhere' is not a complete shard store"),
]


@pytest.fixture(scope="module")
def refused() -> list[tuple[int, str]]:
    """How each of these commands ends in one process that finds neither PyTorch nor Gradio."""
    code = without_code(["torch", "gradio"]) + (
        "import contextlib, io, json, sys\n"
        "from sagan.commands.group import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as said:\n"
        "        status = main(words)\n"
        "    print('\\n' + json.dumps([status, said.getvalue()]))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"}
    command = [sys.executable, "-c", code, json.dumps([words for words, _ in REFUSED])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda n: " ".join(REFUSED[n][0]))
def test_a_wrong_folder_is_refused_before_pytorch_is_loaded(
    number: int, refused: list[tuple[int, str]]
) -> None:
    status, said = refused[number]
    assert status == 1
    assert f"Error: {REFUSED[number][1]}" in said


CORE = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["core"]
# options added to the commands of README's block, so that they take seconds
LIGHTER = {
    "train": "--set total_images=16 --set batch_size=8 --set standing_batches=1 --set threads=1 "
    "--set model.generator.base_channels=8 --set model.discriminator.base_channels=8 "
    "--set scoring.evaluation.num_samples=24 --set scoring.evaluation.classifier.epochs=1 "
    "--set scoring.evaluation.classifier.base_channels=4",
    "evaluate": "--set num_samples=24 --set sweep.num_samples=24 --set classifier.epochs=1 "
    "--set classifier.base_channels=4",
}


def needed(requirements: list[str]) -> set[str]:
    """Names of the distributions that these requirements install here, markers respected."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            waiting += [Requirement(text) for text in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue  # of another platform
    return found


def new_environment(folder: Path, requirements: list[str]) -> Path:
    """An environment with what the requirements install and nothing else, as links to the files.

    Returns:
        Its folder of programs.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python3*/site-packages")
    for name in needed(requirements):
        try:
            of = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for entry in {file.parts[0] for file in of.files or []} - {"..", "__pycache__"}:
            if not (site / entry).exists():
                (site / entry).symlink_to(Path(str(of.locate_file(entry))))
    return folder / "bin"


def readmes_block() -> list[str]:
    """The commands that README gives a machine with PyTorch alone."""
    commands = documented([ROOT / "README.md"])
    (block,) = {one.block for one in commands if one.text == "pip install --group core"}
    return [one.text for one in commands if one.block == block]


def test_readmes_block_runs_where_the_core_group_alone_is_installed(tmp_path: Path) -> None:
    every = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(CORE) <= set(every)
    install, *commands = readmes_block()
    assert install == "pip install --group core"
    programs = new_environment(tmp_path / "environment", CORE)
    listed = "from importlib.metadata import distributions as d; print(*{x.name for x in d()})"
    python = [str(programs / "python"), "-c", listed]
    told = subprocess.run(python, capture_output=True, text=True, check=True).stdout
    has = set(map(canonicalize_name, told.split()))
    assert has <= needed(CORE)
    assert not has & {"kedro", "dvc", "pandas", "tensorboard", "matplotlib", "scikit-learn"}

    draw_image_folder(tmp_path / "images", per_class=12, size=64)
    for name in ("src", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = "\n".join(map(lighter, commands)).replace("/path/to/images", "images")
    script = script.replace("shards/<key>", "$(dirname shards/*/index.json)")
    script = script.replace("runs/<run>", "$(dirname runs/*/summary.json)")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=kept | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "metrics.json").is_file()
    assert (tmp_path / "pictures/attention_maps.png").is_file()
    named = re.findall(r"^INFO next: python -m sagan (\w+) \S+", done.stderr, re.MULTILINE)
    assert named == ["train", "sample", "explore", "explore"]


def lighter(command: str) -> str:
    name = command.removeprefix("python -m sagan ").split()[0]
    return f"{command} {LIGHTER.get(name, '')}"


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


def test_a_ctrl_c_amid_the_imports_of_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sagan.commands.group.import_module", interrupted)
    assert main(["evaluate", "a", "b"]) == 75
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
