"""A copy of the project to run commands in, so that tests never touch the user's data."""

import inspect
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from sagan import cli
from sagan.pipeline_registry import EXPORTS, PIPELINES
from sagan.processes.lock import folder_lock

ROOT = Path(__file__).parents[2]

# a run in seconds: everything is real, nothing is good
SMOKE = """
training:
  threads: 1
  model:
    generator: {base_channels: 8}
    discriminator: {base_channels: 8}
  total_images: 256
  log_every_steps: 2
  checkpoint_every_images: 128
  standing_batches: 2
  scoring:
    evaluation:
      num_samples: 40
      classifier: {epochs: 1, base_channels: 4}
sampling:
  samples_per_class: 2
  attention: {samples: 2, tile_px: 64}
evaluation:
  num_samples: 40
  classifier:
    epochs: 1
    base_channels: 4
  sweep:
    truncations: [1.0]
    num_samples: 20
export: {program: false}
"""

AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")

_NO_SOURCE = shutil.ignore_patterns("__pycache__", "dvc.lock")

# files that nothing writes into once they are there
_NEVER_CHANGED = {".png", ".npy", ".npz", ".pt", ".parquet", ".safetensors"}

Command = Callable[..., subprocess.CompletedProcess]


def copy_project(target: Path) -> Path:
    """Copy all that a run needs; nothing that is not part of the project."""
    for name in ("conf", "src", "notebooks", "studies"):
        shutil.copytree(ROOT / name, target / name, ignore=_NO_SOURCE)
    for name in (
        "pyproject.toml",
        "requirements.lock",
        ".telemetry",
        ".gitignore",
        "dvc.yaml",
        ".dvcignore",
    ):
        shutil.copy(ROOT / name, target / name)
    (target / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", target / ".dvc" / "config")
    (target / "conf" / "local").mkdir(exist_ok=True)
    for stray in (target / "conf" / "local").glob("*.yml"):  # the developer's own
        stray.unlink()
    return target


def copy_finished(finished: Path, target: Path) -> Path:
    """A copy to change; images, arrays, weights and DVC's objects are hard links."""

    def link_or_copy(source: str, to: str) -> None:
        path = Path(source)
        fixed = path.suffix in _NEVER_CHANGED or "files/md5" in source
        (os.link if fixed else shutil.copy2)(source, to)

    return shutil.copytree(finished, target, symlinks=True, copy_function=link_or_copy)


def make_small(project: Path) -> None:
    """Replace parameters of `conf/base` by those of a run in seconds."""
    for pipeline, changes in yaml.safe_load(SMOKE).items():
        path = project / "conf" / "base" / f"parameters_{pipeline}.yml"
        parameters = yaml.safe_load(path.read_text())
        _merge(parameters[pipeline], changes)
        path.write_text(yaml.safe_dump(parameters, sort_keys=False))


def _merge(parameters: dict, changes: dict) -> None:
    for name, value in changes.items():
        if isinstance(value, dict):
            _merge(parameters[name], value)
        else:
            parameters[name] = value


def environment(project: Path) -> dict[str, str]:
    """The user's environment, with the project's copy of the code and its tools first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEDRO_")}
    return kept | {
        "PYTHONPATH": str(project / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",  # the same on every machine, and no CUDA where that is tested
    }


def command_in(project: Path) -> Command:
    """A function that runs a command in the project and returns what came of it."""

    def run(*words: str, timeout_seconds: float = 600) -> subprocess.CompletedProcess:
        return subprocess.run(
            words,
            cwd=project,
            env=environment(project),
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )

    return run


def run_here(project: Path, *words: str, command: click.Command = cli.run) -> Result:
    """`kedro run` in the project, in this process: no second import of everything."""
    with pytest.MonkeyPatch.context() as patch, _logging_kept():
        patch.chdir(project)
        patch.setattr(sys, "path", [*sys.path])
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        patch.setenv("COLUMNS", "80")
        # Kedro's settings look at the whole stack: without the source of each of pytest's frames
        patch.setattr(inspect, "stack", partial(inspect.stack, context=0))
        bootstrap_project(project)
        return CliRunner().invoke(command, words)


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Kedro configures the loggers of the process; put them back."""
    names = [None, *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(one, [*one.handlers], one.level, one.propagate, one.disabled) for one in loggers]
    try:
        yield
    finally:
        for one, handlers, level, propagate, disabled in before:
            one.handlers[:], one.propagate, one.disabled = handlers, propagate, disabled
            one.setLevel(level)
        # those that are new: as if never configured
        for name in logging.root.manager.loggerDict.keys() - {*names}:
            one = logging.getLogger(name)
            one.handlers[:], one.propagate, one.disabled = [], True, False
            one.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which nothing has run; tests leave it as it is."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def own_project(tmp_path: Path) -> Path:
    """A copy for one test to change."""
    return copy_project(tmp_path / "own")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which every stage of DVC is up to date, on small parameters; committed.

    It is made once, whichever of pytest's processes asks first; each has a copy of its own.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made, mine = shared / "finished_project", tmp_path_factory.mktemp("finished") / "project"
    with folder_lock(shared / "finished_project_lock"):
        if not made.exists():
            _finish(shared / "finished_project_partial").rename(made)
    return copy_finished(made, mine)


def _finish(target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)  # another process failed
    make_small(copy_project(target))
    run = command_in(target)
    assert run("git", "init", "--quiet").returncode == 0
    ran = run_here(target, f"--pipelines={','.join((*PIPELINES, *EXPORTS))}")
    assert ran.exit_code == 0, ran.output
    done = run("dvc", "commit", "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    run("git", "add", "--all")
    committed = run("git", *AUTHOR, "commit", "--quiet", "--message=run")
    assert committed.returncode == 0, committed.stderr
    return target
