"""The command line: what a run prints, how it ends, and the ways to call it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run

from sagan import cli
from sagan.explorer import explore
from tests.fork_server import real_starts
from tests.integration.conftest import command_in, environment, run_here
from tests.small_world import small_bundle, small_shards


@pytest.fixture(scope="module")
def acquired(project: Path) -> subprocess.CompletedProcess:
    with real_starts():  # a warning of an import would be the server's
        return command_in(project)("kedro", "run", "--pipeline=acquisition")


def test_run_is_quiet_and_fits_eighty_columns(acquired: subprocess.CompletedProcess) -> None:
    assert acquired.returncode == 0, acquired.stderr
    assert "[1/1] acquisition.acquire_images" in acquired.stderr
    assert "done in" in acquired.stderr
    assert max(map(len, acquired.stderr.splitlines())) <= 80
    assert len(acquired.stderr.splitlines()) < 10


def test_run_prints_no_warning(acquired: subprocess.CompletedProcess) -> None:
    assert "warning" not in (acquired.stdout + acquired.stderr).lower()


def test_run_takes_all_of_kedros_options() -> None:
    own = {parameter.name for parameter in cli.run.params}
    assert own == {parameter.name for parameter in kedro_run.params} | {"verbose", "dry_run"}


def test_package_runs_as_a_program(project: Path) -> None:
    done = command_in(project)(sys.executable, "-m", "sagan", "run", "--help")
    assert done.returncode == 0
    assert "Usage: sagan run [OPTIONS]" in done.stdout


def test_package_as_a_program_refuses_as_kedro_does(project: Path) -> None:
    done = command_in(project)(sys.executable, "-m", "sagan", "run", "--pipeline=trian")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: unknown pipeline 'trian'; did you mean 'train'?")


def test_dry_run_prints_parameters_nodes_and_plan_and_writes_nothing(own_project: Path) -> None:
    def files() -> set[Path]:
        return {path for path in own_project.rglob("*") if "__pycache__" not in path.parts}

    before = files()
    done = command_in(own_project)(
        *("kedro", "run", "--pipeline=train", "--params=training.seed=5", "--dry-run")
    )
    assert done.returncode == 0, done.stderr
    assert files() == before
    parameters, nodes, plan = done.stdout.split("\n\n")
    assert yaml.safe_load(parameters)["training"]["seed"] == 5
    assert "  training.train_gan" in nodes.splitlines()
    assert "  images      48,000" in plan.splitlines()


def test_explore_names_what_is_missing(project: Path) -> None:
    words = ("--env=tiny_imagenet64", "--weights=raw", "--no-browser")
    done = run_here(project, *words, command=cli.explore)
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "no generator bundle at" in said
    assert "data/tiny_imagenet64/06_models/generator" in said.replace(" ", "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("channels", [3, 1])
def test_explore_offers_the_projects_shards_only_where_the_generator_makes_such_images(
    own_project: Path,
    channels: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    small_bundle(own_project / "data" / "06_models" / "generator", channels=channels)
    shards = small_shards(tmp_path)
    record = own_project / "data" / "05_model_input" / "image_shards.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"path": str(shards.path)}))
    served = {}
    monkeypatch.setattr(explore, "explore", lambda *_, **options: served.update(options))
    done = run_here(own_project, "--no-browser", command=cli.explore)
    assert done.exit_code == 0, done.output
    assert served["shards"] == (shards.path if channels == 3 else None)
    said = [line for line in caplog.messages if "samples are offered" in line]
    assert [line.split(":")[0] for line in said] == [
        "the project's shards hold images of 16 px and 3 channels, the generator makes 16 px and "
        "1 channels"
    ] * (channels == 1)
    run_here(own_project, "--shards", str(tmp_path), command=cli.explore)
    assert served["shards"] == tmp_path  # as asked for: the page refuses what does not fit


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (SystemExit(75), 75),  # training that was asked to stop, and saved
        (KeyboardInterrupt(), 75),
        (ValueError("got 1, expected 2"), 1),
        (click.UsageError("no such option"), 2),
    ],
)
def test_status_tells_how_it_ended(
    raised: BaseException, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def callback(**_: object) -> None:
        raise raised

    monkeypatch.setattr(kedro_run, "callback", callback)
    result = CliRunner().invoke(cli.run, [])
    assert result.exit_code == status
    assert "Traceback" not in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_every_signal_stops_any_pipeline_with_its_clean_up_done(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = []

    def callback(**_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            cleaned.append(number)

    monkeypatch.setattr(kedro_run, "callback", callback)
    before = signal.getsignal(number)
    result = CliRunner().invoke(cli.run, [])
    assert result.exit_code == 75
    assert cleaned == [number]
    assert "Traceback" not in result.output
    assert signal.getsignal(number) is before


def test_unforeseen_error_is_told_with_its_kind_and_where_to_read_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def callback(**_: object) -> None:
        raise KeyError("mu")

    monkeypatch.setattr(kedro_run, "callback", callback)
    output = CliRunner().invoke(cli.run, []).output
    assert output == (
        "Error: KeyError: 'mu'\n(the full traceback is in info.log, or shown with --verbose)\n"
    )


def test_both_spellings_of_the_pipeline_option_reach_kedro(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(kedro_run, "callback", lambda **options: seen.append(options["pipelines"]))
    for words in (["--pipeline=train"], ["--pipelines=train,evaluate"]):
        assert CliRunner().invoke(cli.run, words).exit_code == 0
    assert seen == [["train"], ["train", "evaluate"]]


def test_run_from_a_subfolder_logs_as_the_project_does(own_project: Path) -> None:
    folder = own_project / "notebooks"
    done = subprocess.run(
        ["kedro", "run", "--pipeline=acquisition"],
        cwd=folder,
        env=environment(own_project),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "INFO    [1/1] acquisition.acquire_images" in done.stderr
    assert "acquire_images" in (own_project / "info.log").read_text()
    assert not (folder / "info.log").exists()


def test_lists_reach_the_parameters(project: Path) -> None:
    """Kedro alone would split them at their commas."""
    words = (
        "--params=training.betas=[0.0,2.0],training.model.generator.attention_resolutions=[8,16]"
    )
    done = run_here(project, "--pipeline=acquisition", words)
    assert done.exit_code == 1
    assert "1 wrong parameter" in done.stderr
    assert "betas must lie below 1, got (0.0, 2.0)" in done.stderr
