"""Ctrl-C in the middle of training, under DVC as under Kedro: nothing is lost, nothing is stale."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.conftest import command_in, copy_finished, environment

REPRO = ("dvc", "repro", "--single-item", "training@base")
KEDRO = ("kedro", "run", "--pipeline=training")


@pytest.fixture
def long_run(finished_project: Path, tmp_path: Path) -> Path:
    """A finished project whose training parameters ask for a run of some seconds."""
    target = copy_finished(finished_project, tmp_path / "long")
    set_parameters(target, "total_images: 256", "total_images: 1280")
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
        deadline = time.monotonic() + 300
        while set(workspace.glob("*/checkpoint-*.json")) == before:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
        return process.wait(180), log.read_text()


def test_dvc_resumes_an_interrupted_training(long_run: Path) -> None:
    run = command_in(long_run)

    status, log = interrupt(long_run, REPRO)
    assert status != 0
    assert "SIGINT: saved at" in log

    resumed = run(*REPRO)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "resumes at" in resumed.stdout + resumed.stderr


def test_kedro_exits_with_75_without_a_traceback(long_run: Path) -> None:
    status, log = interrupt(long_run, KEDRO)

    assert status == 75
    assert "SIGINT: saved at" in log
    assert "Traceback" not in log


def add_a_line(project: Path, module: str) -> None:
    with (project / "src" / "sagan" / module).open("a") as source:
        source.write("# another line\n")


def identity(project: Path) -> dict:
    """Of the run that the project's summary names; it has a folder of its own."""
    summary = json.loads((project / "data/08_reporting/training_summary.json").read_text())
    folder = project / "data/06_models/checkpoints" / summary["fingerprint"]["run"]
    return json.loads((folder / "identity.json").read_text())


def test_dvc_starts_afresh_when_code_or_images_changed(
    finished_project: Path, tmp_path: Path
) -> None:
    """Its own sources: the copy's come first on the path, so that a line can be changed there."""
    project = copy_finished(finished_project, tmp_path / "changed")
    run = command_in(project)

    def repro(*command: str) -> str:
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Running stage 'training@base'" in done.stdout
        return done.stdout + done.stderr

    before = identity(project)
    add_a_line(project, "training/monitor/progress.py")  # decides about no weight
    assert " is complete" in repro(*REPRO)
    assert identity(project) == before

    add_a_line(project, "training/core/losses.py")
    path = project / "conf/base/parameters_preprocessing.yml"
    path.write_text(path.read_text().replace("bicubic", "bilinear"))
    assert " starts on cpu" in repro("dvc", "repro", "training@base")
    other = identity(project)
    assert other["code"] != before["code"]
    assert other["data"]["key"] != before["data"]["key"]
    assert other | {"code": before["code"], "data": before["data"]} == before
