"""No command of README and docs rots unseen: each is held against the code that it starts.

Commands of ours are parsed by their own parsers: pipelines, environments, parameters, modules,
options and files must exist, and parameters must pass the configuration models. That is quick;
`make commands` executes them all (tests/documented).
"""

import argparse
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.pipeline import Pipeline

from sagan.cli import run as kedro_run
from sagan.commands.group import sagan
from sagan.commands.run_options import RunCommand, runtime_params
from sagan.metrics.named_protocols import refuse_set_by_quick
from sagan.pipeline_registry import register_pipelines
from sagan.preflight.parameters import check_environment, check_parameters
from sagan.settings import CONFIG_LOADER_ARGS
from sagan.training.config.recipes import refuse_replaced
from tests.documented.pages import Command, documented
from tests.documented.session import lightened
from tests.integration.conftest import ROOT, command_in, environment

COMMANDS = documented()
MAY_BE_MISSING = {"xdg-open", "srun", "tar", "[", "pip"}
# environments that `sagan tune adopt` writes, and those that it makes them of
ADOPTED = {
    "tuned": None,
    "tiny_imagenet64_tuned": "tiny_imagenet64",
    "my_images_tuned": "my_images",
}
FOUND_SOUND: set[str] = set()  # environments with parameters, as several commands have the same


class UnderstoodError(Exception):
    """The command line was understood; nothing is to be run."""


def of_kind(*begin: str) -> list[Command]:
    """Each such command once, and with the small budget that `make commands` gives it."""
    found = {c.text: c for c in reversed(COMMANDS) if tuple(c.words[: len(begin)]) == begin}
    lighter = {lightened(text): c._replace(text=lightened(text)) for text, c in found.items()}
    return list(reversed((lighter | found).values()))


def named(command: Command) -> str:
    return f"{command.place}: {command.text[:70]}"


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Pipeline]:
    return register_pipelines()


def hold_run(words: list[str], pipelines: dict[str, Pipeline]) -> None:
    """A `kedro run` that could start, but for the user's own images and machines."""
    options = kedro_run.make_context("run", list(words)).params
    named_pipelines = [options.get("pipeline"), *(options.get("pipelines") or [])]
    for name in filter(None, named_pipelines):
        assert name in pipelines
    environment = options.get("env")
    environment = ADOPTED.get(environment, environment)
    check_environment(str(ROOT / "conf"), environment)
    given = runtime_params(options["params"])
    asked = json.dumps([environment, given], sort_keys=True)
    if asked in FOUND_SOUND:
        return
    loader = OmegaConfigLoader(
        str(ROOT / "conf"), env=environment, runtime_params=given, **CONFIG_LOADER_ARGS
    )
    parameters = loader["parameters"]
    check_parameters(parameters, pipelines)
    refuse_replaced(parameters["training"].get("recipe"), given.get("training", {}))
    refuse_set_by_quick(parameters["evaluation"].get("protocol"), given.get("evaluation", {}))
    FOUND_SOUND.add(asked)


@pytest.mark.parametrize("command", of_kind("kedro", "run"), ids=named)
def test_run_is_sound(command: Command, pipelines: dict[str, Pipeline]) -> None:
    hold_run([re.sub(r"<\w+>", "name", word) for word in command.words[2:]], pipelines)


@pytest.mark.parametrize(
    "command", [*of_kind("sagan"), *of_kind("python", "-m", "sagan")], ids=named
)
def test_command_takes_its_options(command: Command, pipelines: dict[str, Pipeline]) -> None:
    words = command.words[command.words.index("sagan") + 1 :]
    if not words:  # the group's help
        return
    name, found, rest = sagan.resolve_command(click.Context(sagan), words)
    if isinstance(found, RunCommand):
        hold_run([word for word in rest if not word.startswith("--conf-source")], pipelines)
    elif rest:  # where a page only names a command, it may lack what it needs
        found.make_context(name, rest)


OTHERS = [command for command in of_kind("python", "-m") if command.words[2] != "sagan"]


@pytest.mark.parametrize("command", OTHERS, ids=named)
def test_program_takes_its_options(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    module, *words = command.words[2:]
    parse = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser, *given: object, **named: object) -> None:
        parse(self, *given, **named)
        raise UnderstoodError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    monkeypatch.setattr(sys, "argv", [module, *words])
    folder = module.replace(".", "/")
    package = (ROOT / "src" / folder).is_dir() or (ROOT / folder).is_dir()
    program = importlib.import_module(f"{module}.__main__" if package else module)
    # where a page only names a program, its parser may ask for what it needs
    asks = words and words != ["--help"]
    with pytest.raises(UnderstoodError if asks else (UnderstoodError, SystemExit)):
        program.main()


@pytest.mark.parametrize("command", of_kind("make"), ids=named)
def test_make_has_the_target(command: Command) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.words[1] in targets


def test_named_programs_are_installed() -> None:
    names = {command.words[0] for command in COMMANDS} - MAY_BE_MISSING
    assert {"kedro", "dvc", "tensorboard", "optuna-dashboard"} <= names
    for name in names - {"source", "export", "cd"}:
        if "=" not in name:
            assert shutil.which(name) or (Path(sys.executable).parent / name).exists(), name


def holds(parameters: dict, path: list[str]) -> bool:
    for part in path:
        if not isinstance(parameters, dict) or part not in parameters:
            return False
        parameters = parameters[part]
    return True


def test_named_files_and_parameters_exist() -> None:
    found = 0
    for command in COMMANDS:
        for word in command.words:
            file, _, change = word.partition(":")
            if not re.match(r"conf/\w+/\w+\.yml$", file):
                continue
            found += 1
            if not (ROOT / file).is_file():
                assert file.split("/")[1] in ADOPTED, command
            elif change:
                path = change.partition("=")[0].split(".")
                files = (ROOT / "conf/base" / Path(file).name, ROOT / file)
                assert any(holds(yaml.safe_load(one.read_text()), path) for one in files), command
    assert found > 3


def test_pipelines_are_listed(project: Path) -> None:
    run = command_in(project)
    listed = run("kedro", "registry", "list")
    assert listed.returncode == 0, listed.stderr
    assert set(yaml.safe_load(listed.stdout)) == set(register_pipelines())


def test_jupyter_gets_a_kernel_with_the_catalog(project: Path, tmp_path: Path) -> None:
    """As Kedro users expect: `catalog`, `context`, `pipelines`, `session` are there."""
    settings = environment(project) | {"JUPYTER_DATA_DIR": str(tmp_path)}
    words = ["kedro", "jupyter", "lab", "--help"]
    done = subprocess.run(words, cwd=project, env=settings, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    kernel = json.loads((tmp_path / "kernels/kedro_sagan/kernel.json").read_text())
    assert "kedro.ipython" in kernel["argv"]


def test_a_command_that_rots_is_found(pipelines: dict[str, Pipeline]) -> None:
    with pytest.raises(AssertionError):
        hold_run(["--pipeline=trian"], pipelines)
    with pytest.raises(ValueError, match="generator_rate"):
        hold_run(["--pipeline=train", "--params=training.generator_rate=1"], pipelines)
    with pytest.raises(ValueError, match="unknown environment"):
        hold_run(["--env=imagenet"], pipelines)
