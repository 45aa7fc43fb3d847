"""Ctrl-C in the middle of training, under DVC as under Kedro: nothing is lost, nothing is stale."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.conftest import command_in, environment

REPRO = ("dvc", "repro", "--single-item", "training@base")
KEDRO = ("kedro", "run", "--pipeline=training")


@pytest.fixture
def long_run(finished_project: Path, tmp_path: Path) -> Path:
    """A finished project whose training parameters ask for a run of some seconds."""
    target = tmp_path / "long"
    shutil.copytree(finished_project, target, symlinks=True)
    set_parameters(target, "total_images: 256", "total_images: 3200")
    return target


def set_parameters(project: Path, old: str, new: str) -> None:
    path = project / "conf" / "base" / "parameters_training.yml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def interrupt(project: Path, command: tuple[str, ...]) -> tuple[int, str]:
    """Press Ctrl-C once the first checkpoint of a new run is there; exit status and output."""
    workspace = project / "data" / "06_models" / "checkpoints"
    before = set(workspace.glob("*/checkpoint-*.json"))
    log = project / "interrupted.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment(project),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while set(workspace.glob("*/checkpoint-*.json")) == before:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
        return process.wait(60), log.read_text()


def test_dvc_resumes_an_interrupted_training_and_starts_a_changed_one_afresh(
    long_run: Path,
) -> None:
    run = command_in(long_run)

    status, log = interrupt(long_run, REPRO)
    assert status != 0
    assert "SIGINT: saved at" in log

    resumed = run(*REPRO)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "resumes at" in resumed.stdout + resumed.stderr

    set_parameters(long_run, "total_images: 3200", "total_images: 128")
    changed = run(*REPRO)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert " starts on cpu" in changed.stdout + changed.stderr


def test_kedro_exits_with_75_without_a_traceback(long_run: Path) -> None:
    status, log = interrupt(long_run, KEDRO)

    assert status == 75
    assert "SIGINT: saved at" in log
    assert "Traceback" not in log
