"""Runs of a comparison at once, a process each."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.runner import run_comparison
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from tests.comparison.small_comparison import PROTOCOL, TRAINING, VARIANTS

pytestmark = pytest.mark.slow  # a process for each run of a comparison


def test_processes_make_the_rows_of_one(compare, shards, features, tmp_path):
    alone = compare(seeds=[0], variants=VARIANTS[:2])
    told = {"train_seconds", "images_per_second", "curve", "fingerprint"}

    together = run_comparison(
        config=ComparisonConfig(variants=VARIANTS[:2], seeds=[0], workers=2),
        training=TrainingConfig(**TRAINING),
        evaluation=EvaluationConfig(**PROTOCOL),
        shards=shards,
        workspace=tmp_path / "together",
        features=features,
    )

    for ours, theirs in zip(together, alone, strict=True):
        assert {k: v for k, v in ours.items() if k not in told} == {
            k: v for k, v in theirs.items() if k not in told
        }


def test_what_a_process_warns_of_is_logged_with_its_name(shards, features, tmp_path, caplog):
    watch = {"every_steps": 1, "patience": 1, "min_diversity": 1000}
    with caplog.at_level("WARNING", logger="sagan"):
        run_comparison(
            config=ComparisonConfig(variants=VARIANTS[:2], seeds=[0], workers=2),
            training=TrainingConfig(**TRAINING | {"watch": watch}),
            evaluation=EvaluationConfig(**PROTOCOL),
            shards=shards,
            workspace=tmp_path / "together",
            features=features,
        )
    warned = [
        one.getMessage() for one in caplog.records if one.name == "sagan.training.monitor.collapse"
    ]
    for run in ("sagan, seed 0", "acgan, seed 0"):
        assert [text for text in warned if text.startswith(f"{run}: collapse:")]


PROGRAM = """
import sys
from pathlib import Path
from sagan.comparison.config import ComparisonConfig
from sagan.comparison.runner import run_comparison
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from tests.comparison.small_comparison import VARIANTS, PROTOCOL, TRAINING

if __name__ == "__main__":
    run_comparison(
        config=ComparisonConfig(
            variants=VARIANTS[:2], seeds=[0], workers=2, total_images=40_000
        ),
        training=TrainingConfig(**TRAINING | {"scoring": {}}),
        evaluation=EvaluationConfig(**PROTOCOL),
        shards=ShardStore.open(Path(sys.argv[1])),
        workspace=Path(sys.argv[2]),
        features=Path(sys.argv[3]),
    )
"""


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", 75), ("SIGKILL", -9), ("SIGINT", 75)])
def test_no_process_outlives_the_comparison(shards, features, tmp_path, number, status):
    """Ctrl-C reaches all processes of a terminal, here while they import large libraries."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(program), str(shards.path), str(tmp_path / "w"), str(features)]
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    process = subprocess.Popen(command, env=environment, stderr=terminal, start_new_session=True)
    os.close(terminal)
    shown: list[str] = []
    reader = threading.Thread(target=read_all, args=(screen, shown))
    reader.start()
    if number != "SIGINT":
        within(240, lambda: len(list(tmp_path.glob("w/runs/*/checkpoint-*.json"))) >= 2, process)
    within(240, lambda: len(child_pids(process.pid)) >= 3, process)  # one is multiprocessing's own
    children = child_pids(process.pid)

    send = os.killpg if number == "SIGINT" else os.kill
    send(process.pid, getattr(signal, number))

    assert process.wait(timeout=60) == status
    within(60, lambda: not any(map(alive, children)))
    reader.join(timeout=60)
    assert re.search(r"runs 0/2\|.*\| 00:\d\d passed, \? left", "".join(shown))
    assert "training" not in "".join(shown), "bars of several processes on one line"
    assert "Traceback" not in "".join(shown), "".join(shown)[-3000:]


def read_all(screen, shown):
    """What comes to a terminal, until nobody can write to it any more."""
    while True:
        try:
            shown.append(os.read(screen, 4096).decode(errors="replace"))
        except OSError:
            os.close(screen)
            return


def child_pids(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in children.split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def within(seconds, met, process=None):
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.1)
