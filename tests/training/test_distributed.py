"""Several processes on the CPU (gloo), started by torchelastic as on GPUs."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from torch.distributed.elastic.rendezvous.api import RendezvousConnectionError

from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.config import TrainingConfig
from sagan.training.core.finite import NonFiniteError
from sagan.training.launch.error_files import WorkerErrorFiles
from sagan.training.launch.torchelastic import TrainingFailedError, launch
from sagan.training.store.identity import identity_hash, run_identity
from tests.training import distributed_workers
from tests.training.conftest import TINY
from tests.training.whole_runs import Stop, assert_equal_states, final_state

# batch norm over all processes, so that their number does not change the maths
SHARED = {"sync_batch_norm": True, "tensorboard": False, "checkpoint_every_images": 16}
SHARED |= {"total_images": 120, "collective_timeout_seconds": 20}
LONG = 40_000  # images: a run that something else ends
SECONDS = 90  # for anything here to happen, on a busy machine


@pytest.fixture(scope="module")
def alone(shards, tmp_path_factory):
    """One process's journal, and the folder of its run with every checkpoint."""
    workspace = tmp_path_factory.mktemp("alone")
    result = train(TrainingConfig(**(TINY | SHARED | {"keep_checkpoints": 99})), shards, workspace)
    return result.journal, workspace


class Command:
    """`sagan train` with two processes, in the background."""

    def __init__(self, shards, out: Path, **changes) -> None:
        config = out.parent / f"{out.name}.yml"
        config.write_text(yaml.safe_dump({"training": TINY | SHARED | {"devices": 2} | changes}))
        words = [sys.executable, "-m", "sagan", "train", str(shards.path), "--out", str(out)]
        self.out, self.log = out, out.parent / f"{out.name}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*words, "--config", str(config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )

    def wait_for_checkpoint(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not list(self.out.glob("*/checkpoint-*.json")):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Process ids of the processes that train."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [
            pid
            for pid in map(int, children.read_text().split())
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def wait(self) -> int:
        return self.process.wait(SECONDS)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.1)


def assert_close_to(alone, workspace: Path, *, images: int) -> None:
    """The same losses at every step, and the same weights, but for rounding."""
    journal, runs = alone
    records = [json.loads(line) for line in next(workspace.glob("*/journal.jsonl")).open()]
    numbers = [record for record in records if "event" not in record]
    ours = final_state(workspace)
    assert ours["images_seen"] == images
    journal = [one for one in journal if "event" not in one and one["images_seen"] <= images]
    assert [r["images_seen"] for r in numbers] == [r["images_seen"] for r in journal]
    for here, there in zip(numbers[:20], journal[:20], strict=True):
        for name in ("discriminator_loss", "generator_loss", "gradient_norm/generator"):
            assert here[name] == pytest.approx(there[name], rel=1e-3, abs=1e-4), here
    state = torch.load(next(runs.glob(f"*/checkpoint-{images:012d}.pt")), weights_only=True)
    for network in ("generator", "discriminator", "ema_generator"):
        there, here = (
            torch.cat([tensor.double().flatten() for tensor in side[network].values()])
            for side in (state, ours)
        )
        assert (here - there).norm() <= 0.02 * there.norm(), network


def test_two_processes_then_one_then_two_make_the_run_of_one(  # noqa: PLR0917 - fixtures
    alone, shards, tmp_path, launched, tiny, monkeypatch, caplog, capfd
):
    """Stopped by a signal to the launcher, then in one process, then a process is killed."""
    command = Command(shards, tmp_path)
    command.wait_for_checkpoint()
    workers = command.workers()
    assert len(workers) == 2

    command.process.send_signal(signal.SIGUSR1)

    assert command.wait() == 75, command.log.read_text()
    wait_until_gone(workers, 5)
    assert final_state(tmp_path)["images_seen"] < 100
    log = command.log.read_text()
    assert "; the same command resumes the run" in log
    for noise in ("Traceback", "W1", "resource_tracker"):
        assert noise not in log

    with monkeypatch.context() as patch:
        Stop(patch, steps=2)
        with pytest.raises(TrainingInterrupted), caplog.at_level(logging.WARNING):
            train(tiny(**SHARED), shards, tmp_path)
    assert "resumed under other conditions, not bit-exact: processes: 2 -> 1" in caplog.text

    capfd.readouterr()
    launched(distributed_workers.dying, restarts=1, total_images=120)
    said = "all are started again from the last checkpoint (1 of at most 1 times)"
    assert said in capfd.readouterr().err

    events = [json.loads(line) for line in next(tmp_path.glob("*/journal.jsonl")).open()]
    changes = [e["message"] for e in events if e.get("event") == "resumed_elsewhere"]
    assert changes[:2] == [f"not bit-exact: processes: {n}" for n in ("2 -> 1", "1 -> 2")]
    assert_close_to(alone, tmp_path, images=120)


def test_a_dropped_connection_saves_in_both_processes(shards, tmp_path):
    """SIGHUP to all processes of the terminal, as to one process of a run."""
    command = Command(shards, tmp_path / "out", total_images=LONG)
    command.wait_for_checkpoint()
    workers = command.workers()

    os.killpg(command.process.pid, signal.SIGHUP)

    assert command.wait() == 75, command.log.read_text()
    wait_until_gone(workers, 5)
    log = command.log.read_text()
    assert "SIGHUP: saved at" in log
    assert "Traceback" not in log
    saved = final_state(tmp_path / "out")["images_seen"]
    assert f"SIGHUP: saved at {saved:,} images" in log


def test_killed_launcher_leaves_no_orphan(shards, tmp_path):
    command = Command(shards, tmp_path / "out", total_images=LONG)
    command.wait_for_checkpoint()
    workers = command.workers()

    command.process.kill()

    wait_until_gone(workers, 30)
    assert final_state(tmp_path / "out")["images_seen"] >= 16


def test_a_signal_while_the_processes_are_being_started_is_kept_for_them(shards, tmp_path):
    """They are importing; to end them there would be noise, and here and there a hang."""
    command = Command(shards, tmp_path / "out", total_images=LONG)
    deadline = time.monotonic() + SECONDS
    while len(command.workers()) < 2:
        assert time.monotonic() < deadline, command.log.read_text()
        time.sleep(0.05)
    time.sleep(0.3)  # amid the imports

    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does: the whole group

    assert command.wait() == 75, command.log.read_text()
    log = command.log.read_text()
    assert "SIGINT: the processes have ended" in log
    assert "Traceback" not in log
    assert not list(tmp_path.rglob("*.saving"))


def test_two_machines_meet_and_one_keeps_what_was_made(alone, shards, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"devices": 1, "nnodes": 2, "rdzv_endpoint": f"127.0.0.1:{port}"}
    meeting["total_images"] = 48  # of the 120 that the one process saw
    machines = [Command(shards, tmp_path / "out", **meeting) for _ in range(2)]

    logs = []
    for machine in machines:
        assert machine.wait() == 0, machine.log.read_text()
        logs.append(machine.log.read_text())

    assert sum("generator_bundle" in log for log in logs) == 1
    assert sum("the machine with process 0 has the outputs" in log for log in logs) == 1
    assert_close_to(alone, tmp_path / "out", images=48)


@pytest.fixture
def launched(shards, tmp_path):
    """Launch two processes of a kind here, without another interpreter in between."""

    def run(worker, **changes):
        return launch_pair(worker, shards, tmp_path, **changes)

    return run


def launch_pair(worker, shards, runs, **changes):
    values = {"devices": 2, "restarts": 0, "total_images": 40} | changes
    config = TrainingConfig(**(TINY | SHARED | values))
    folder = runs / identity_hash(run_identity(config, shards))
    launch(config, shards, runs, runs / "features", folder, worker=worker)


@pytest.fixture(scope="module")
def pair(shards, tmp_path_factory):
    """The folder of runs that one pair of processes made, until one of the two was signalled."""
    runs = tmp_path_factory.mktemp("pair")
    with pytest.raises(TrainingInterrupted):
        launch_pair(distributed_workers.then_signalled, shards, runs, restarts=3, total_images=LONG)
    return runs


def test_one_signalled_process_stops_all_at_the_same_step(pair):
    assert final_state(pair)["images_seen"] == 12


def test_the_lead_scores_while_the_others_wait(pair):
    records = map(json.loads, next((pair / "scored").glob("*/journal.jsonl")).open())
    assert [r["images_seen"] for r in records if r.get("event") == "score"] == [12, 24]
    ours, theirs = (final_state(pair / side) | {"watched": None} for side in ("scored", "plain"))
    assert_equal_states(ours, theirs)


def test_two_processes_augment_with_the_probability_and_averages_of_one(
    pair, tiny, shards, tmp_path
):
    augmentation = distributed_workers.AUGMENTED
    changes = SHARED | distributed_workers.SHORT | {"augmentation": augmentation, "batch_size": 8}
    alone = train(tiny(**changes), shards, tmp_path)

    lines = next((pair / "augmented").glob("*/journal.jsonl")).open()
    records = [record for record in map(json.loads, lines) if "event" not in record]
    for ours, theirs in zip(records, alone.journal, strict=True):
        assert ours["overfitting/real_signs"] == theirs["overfitting/real_signs"]
        assert ours["overfitting/probability"] == theirs["overfitting/probability"]
        for name in ("lecam/real_logits", "lecam/fake_logits", "discriminator_loss"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4)
    state = final_state(pair / "augmented")
    assert (
        state["augmentation"]["signs"].tolist()
        == final_state(tmp_path)["augmentation"]["signs"].tolist()
    )
    assert state["augmentation"]["signs"][1] == 8  # of both processes' images


def test_all_processes_start_from_the_model_that_the_main_one_reads(pair, shards, tmp_path):
    """With frozen blocks, which get no gradients to average."""
    model = distributed_workers.newest_of(pair / "plain")
    changes = SHARED | distributed_workers.SCENARIOS["started"][0] | {"start_from": str(model)}

    alone = train(TrainingConfig(**(TINY | changes)), shards, tmp_path)

    assert_close_to((alone.journal, tmp_path), pair / "started", images=24)
    before = torch.load(model, weights_only=True)["discriminator"]
    after = final_state(pair / "started")["discriminator"]
    frozen = [name for name in before if name.startswith(("layers.8x8_b", "layers.8x8_a"))]
    assert all(torch.equal(after[name], before[name]) for name in frozen)
    assert not torch.equal(after["head.linear.weight"], before["head.linear.weight"])


def test_saving_may_take_longer_than_a_step_may(pair):
    assert final_state(pair / "slow_to_save")["images_seen"] == 8
    assert list((pair / "slow_to_save").glob("*/summary.json"))


def test_losses_that_diverge_in_one_process_are_told_by_all(pair):
    (notes,) = (pair / "diverging").glob("processes")
    failure = WorkerErrorFiles(notes).permanent_failure()
    assert isinstance(failure, NonFiniteError)
    assert "discriminator's update is not finite" in str(failure)
    assert len(list(notes.glob("failure-*.json"))) == 2
    state = final_state(pair / "diverging")
    assert state["images_seen"] == 8
    assert all(t.isfinite().all() for t in state["discriminator"].values())


def test_a_process_that_raises_ends_one_that_handles_no_signal_and_is_the_one_reported(
    launched, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    with pytest.raises(TrainingFailedError, match=r"process 1 failed: OSError:.*disk of this") as e:
        launched(distributed_workers.raising)

    ended = time.time()
    (note,) = tmp_path.glob("*/processes/failure-1.json")
    assert ended - json.loads(note.read_text())["time"] < 30
    assert not list(temporary.iterdir())
    logs = Path(str(e.value).rpartition("output: ")[2])
    assert logs.is_relative_to(tmp_path)
    assert [path.read_text() for path in logs.glob("**/1/stderr.log")] == [
        "what a library printed\n"
    ]


def test_more_gpus_than_there_are_is_refused_before_any_process_starts(launched, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    with pytest.raises(ValueError, match=r"devices: got 2, and this machine has 1 GPUs; set"):
        launched(distributed_workers.raising, device="cuda")


def test_machines_that_do_not_meet_are_told_where_they_should(launched, monkeypatch):
    def apart(*_):
        def meet(*_):
            try:
                raise RuntimeError("timed out while trying to connect\nException raised from ...")
            except RuntimeError as error:
                raise RendezvousConnectionError("See inner exception for details.") from error

        return meet

    monkeypatch.setattr("torch.distributed.launcher.api.elastic_launch", apart)
    meeting = {"nnodes": 2, "devices": 1, "rdzv_endpoint": "node1:29500"}

    with pytest.raises(TrainingFailedError) as raised:
        launched(distributed_workers.raising, **meeting)

    assert str(raised.value).startswith(
        "the 2 machines did not meet at training.rdzv_endpoint node1:29500 "
        "(timed out while trying to connect); expected host:port"
    )
