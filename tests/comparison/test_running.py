"""A comparison of tiny networks: rows, resumption, processes, and what is refused."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.contestants import entries
from sagan.comparison.rows import RowStore
from sagan.comparison.running import ComparisonError, run_comparison
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.training.config import TrainingConfig
from sagan.training.signals import TrainingInterrupted
from sagan.training.steps import NonFiniteError
from tests.small_world import small_shards

PROTOCOL = {
    "features": "classifier",
    "classifier": ClassifierConfig(epochs=1, base_channels=4, feature_dim=4),
    "num_samples": 12,
    "batch_size": 12,
    "kernel": None,
    "neighbours": None,
    "intra_class": False,
    "memorisation": False,
    "bootstrap_resamples": 0,
    "extrapolation_points": 0,
    "device": "cpu",
}
TRAINING = {
    "model": {
        "generator": {"base_channels": 8, "latent_dim": 8, "attention_resolutions": [8]},
        "discriminator": {"base_channels": 8, "attention_resolutions": [8]},
    },
    "device": "cpu",
    "threads": 1,
    "batch_size": 4,
    "total_images": 8,
    "tensorboard": False,
    "watch": {"enabled": False},
    "scoring": {"every_images": 4, "protocol": PROTOCOL},
    "checkpoint_every_images": 4,
}
EQUAL = {"batch_size": 4, "generator_batch_size": None, "discriminator_steps": 1}
CONTESTANTS = (
    {"name": "sagan", "preset": "sagan"},
    {"name": "acgan", "preset": "acgan", "parameters": EQUAL},
    {"name": "wide", "parameters": {"model": {"generator": {"base_channels": 16}}}},
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return small_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def compare(shards, features, tmp_path):
    def run(weights=None, **changes):
        config = ComparisonConfig(**{"contestants": CONTESTANTS, "seeds": [0, 1]} | changes)
        return run_comparison(
            config=config,
            training=TrainingConfig(**TRAINING),
            evaluation=EvaluationConfig(**PROTOCOL, weights=weights),
            shards=shards,
            workspace=tmp_path / "comparison",
            features=features,
        )

    return run


def count_trainings(monkeypatch):
    from sagan.training import run

    original, started = run.train, []

    def counted(config, *arguments, **keywords):
        started.append((config.preset, config.seed))
        return original(config, *arguments, **keywords)

    monkeypatch.setattr(run, "train", counted)
    return started


def test_a_row_for_every_contestant_and_seed(compare, tmp_path):
    rows = compare()

    assert [(row["contestant"], row["seed"]) for row in rows] == [
        (name, seed) for seed in (0, 1) for name in ("sagan", "acgan", "wide")
    ]
    assert len({row["metrics"]["fd_classifier"] for row in rows}) == len(rows)
    sagan, acgan, wide = rows[:3]
    assert acgan["preset"] == "acgan"
    assert wide["preset"] is None
    assert wide["parameters_generator"] > sagan["parameters_generator"]
    assert [point["images_seen"] for point in sagan["curve"]] == [4, 8]
    assert sagan["protocol"]["samples"]["count"] == 12
    assert "gamma/generator/8x8_attention" in sagan["attention"]
    json.dumps(rows, allow_nan=False)
    run = tmp_path / "comparison" / "runs" / sagan["run"]
    assert (run / "generator" / "config.json").is_file()
    assert not list(run.glob("checkpoint-*"))  # only while they are of use


def test_raw_weights_may_be_compared_where_averages_are_kept(compare):
    averaging = {"name": "sagan", "parameters": {"ema_decay": 0.9}}

    (row,) = compare("raw", contestants=[averaging], seeds=[0])

    assert row["protocol"]["samples"]["generator"]["weights"] == "raw"
    with pytest.raises(
        ValueError, match=r"\n  sagan: evaluation\.weights: ema was asked for"
    ) as told:
        compare("ema")
    assert len(str(told.value).splitlines()) == 1 + len(CONTESTANTS)


def test_what_was_measured_is_not_trained_again(compare, monkeypatch, tmp_path):
    first = compare(seeds=[0])
    started = count_trainings(monkeypatch)

    both = compare()

    assert both[:3] == first
    assert [seed for _, seed in started] == [1, 1, 1]
    renamed = ({"name": "ours", "preset": "sagan"},)
    assert compare(contestants=renamed, reference="ours", seeds=[1])[0]["contestant"] == "ours"
    assert len(started) == 3
    (tmp_path / "comparison" / "rows").joinpath("torn.json").write_text("{")
    compare()
    assert len(started) == 3


def test_other_code_of_the_metrics_measures_again_what_is_trained(compare, monkeypatch, tmp_path):
    (before,) = compare(seeds=[0], contestants=CONTESTANTS[:1])
    started = count_trainings(monkeypatch)
    monkeypatch.setattr("sagan.comparison.rows.source_hash", lambda *_: "of other code")
    monkeypatch.setattr(
        "sagan.metrics.of_generator.evaluate_generator",
        lambda *_, **__: {"fd_classifier": 7.0, "protocol": {"by": "other code"}},
    )

    for _ in range(2):
        (row,) = compare(seeds=[0], contestants=CONTESTANTS[:1])
        assert row["metrics"] == {"fd_classifier": 7.0}
        assert row["protocol"] == {"by": "other code"}
        assert row["curve"] == before["curve"]
    assert started == []

    shutil.rmtree(tmp_path / "comparison" / "runs" / row["bundle"])
    monkeypatch.setattr("sagan.comparison.rows.source_hash", lambda *_: "of yet other code")
    compare(seeds=[0], contestants=CONTESTANTS[:1])
    assert started == [("sagan", 0)]  # the generator is gone


def test_a_stopped_comparison_goes_on(compare, monkeypatch):
    from sagan.training import run

    original, steps = run.training_loop, []

    def interrupted(*arguments):
        for record in original(*arguments):
            steps.append(record.images_seen)
            if len(steps) == 3:  # inside the second run
                os.kill(os.getpid(), signal.SIGTERM)
            yield record

    with monkeypatch.context() as patch:
        patch.setattr(run, "training_loop", interrupted)
        with pytest.raises(TrainingInterrupted):
            compare(seeds=[0])
        assert steps == [4, 8, 4]

    started = count_trainings(monkeypatch)
    assert len(compare(seeds=[0])) == 3
    assert started == [("acgan", 0), (None, 0)]


def test_a_comparison_stopped_while_it_measures_goes_on(compare, monkeypatch, caplog):
    from sagan.metrics import of_generator

    original, calls = of_generator.evaluate_generator, []

    def stopped(*arguments, **keywords):
        calls.append(1)
        if len(calls) <= 2:  # scores while it trains
            return original(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)  # an impatient second one
        return time.sleep(1)

    with monkeypatch.context() as patch:
        patch.setattr(of_generator, "evaluate_generator", stopped)
        with pytest.raises(TrainingInterrupted):
            compare(seeds=[0], contestants=CONTESTANTS[:1])
    assert "SIGTERM: stopped; the same command resumes the run" in caplog.messages

    (row,) = compare(seeds=[0], contestants=CONTESTANTS[:1])
    assert row["status"] == "trained"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_diverged_run_is_a_result(compare, monkeypatch):
    from sagan.training import run

    original = run.train

    def diverging(config, *arguments, **keywords):
        if config.preset == "acgan":
            raise NonFiniteError("discriminator", {"loss": float("nan")})
        return original(config, *arguments, **keywords)

    monkeypatch.setattr(run, "train", diverging)

    sagan, acgan, wide = compare(seeds=[0])

    assert (sagan["status"], acgan["status"], wide["status"]) == ("trained", "diverged", "trained")
    assert "discriminator" in acgan["message"]
    assert acgan["metrics"] == {}


def test_runs_that_fail_are_told_after_the_others_were_made(compare, monkeypatch):
    from sagan.training import run

    original = run.train
    errors = {"acgan": OSError(28, "No space left on device"), None: RuntimeError("cuDNN error")}

    def failing(config, *arguments, **keywords):
        if config.preset in errors:
            raise errors[config.preset]
        return original(config, *arguments, **keywords)

    three = (*CONTESTANTS[1:], CONTESTANTS[0])  # those that fail come first
    with monkeypatch.context() as patch:
        patch.setattr(run, "train", failing)
        with pytest.raises(ComparisonError) as told:
            compare(seeds=[0], contestants=three)
    assert re.search(r"2 of 3 runs failed[^:]*:\n  acgan, seed 0:.*No space", str(told.value))
    assert "wide, seed 0: RuntimeError: cuDNN error" in str(told.value)

    started = count_trainings(monkeypatch)
    assert [row["status"] for row in compare(seeds=[0], contestants=three)] == ["trained"] * 3
    assert started == [("acgan", 0), (None, 0)]


def test_processes_make_the_rows_of_one(compare, shards, features, tmp_path):
    alone = compare(seeds=[0], contestants=CONTESTANTS[:2])
    told = {"train_seconds", "images_per_second", "curve", "fingerprint"}

    together = run_comparison(
        config=ComparisonConfig(contestants=CONTESTANTS[:2], seeds=[0], workers=2),
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


PROGRAM = """
import sys
from pathlib import Path
from sagan.comparison.config import ComparisonConfig
from sagan.comparison.running import run_comparison
from sagan.data.shards import ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from tests.comparison.test_running import CONTESTANTS, PROTOCOL, TRAINING

if __name__ == "__main__":
    run_comparison(
        config=ComparisonConfig(
            contestants=CONTESTANTS[:2], seeds=[0], workers=2, total_images=40_000
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
        within(90, lambda: len(list(tmp_path.glob("w/runs/*/checkpoint-*.json"))) >= 2, process)
    within(90, lambda: len(child_pids(process.pid)) >= 3, process)  # one is multiprocessing's own
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


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"contestants": [{"name": "a", "preset": "sagn"}]}, "did you mean 'sagan'"),
        ({"contestants": [{"name": "a"}, {"name": "a"}]}, r"got twice: \['a'\]"),
        ({"reference": "sagen"}, "reference: unknown contestant 'sagen'; did you mean 'sagan'"),
        ({"seeds": []}, "at least 1 item"),
        ({"seeds": [1, 1]}, "expected each seed once"),
        ({"workers": 0}, "greater than 0"),
    ],
)
def test_a_wrong_configuration_is_refused(config, message):
    with pytest.raises(ValidationError, match=message):
        ComparisonConfig(**config)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"generator_ler": 1.0}, "wrong: .*generator_ler.*did you mean 'generator_lr'"),
        ({"seed": 3}, "wrong: parameters: the comparison sets seed itself"),
        ({"model": {"generator": {"attention_resolutions": [64]}}}, "wrong: .*64"),
    ],
)
def test_every_contestant_is_checked_before_the_first_is_trained(
    compare, monkeypatch, parameters, message
):
    started = count_trainings(monkeypatch)
    wrong = {"name": "wrong", "preset": "sagan", "parameters": parameters}

    with pytest.raises(ValueError, match=message):
        compare(contestants=(*CONTESTANTS, wrong))
    assert started == []


def test_contestants_that_would_be_the_same_run_are_refused(compare, monkeypatch):
    """What is exported is no other training: both would get the row of whoever came first."""
    started = count_trainings(monkeypatch)
    same = {"name": "best", "preset": "sagan", "parameters": {"export": "best"}}

    with pytest.raises(ValueError, match="best: trains exactly as sagan does; leave one"):
        compare(contestants=(*CONTESTANTS, same))
    assert started == []


def test_another_generator_of_the_same_run_has_a_row_of_its_own(shards, tmp_path):
    store = RowStore(tmp_path, shards, EvaluationConfig(**PROTOCOL))
    config = ComparisonConfig(contestants=CONTESTANTS[:1], seeds=[0])

    last, best = (
        entries(config, TrainingConfig(**TRAINING | {"export": export}), shards)[0]
        for export in ("last", "best")
    )

    store.save(last, {"metrics": {}})
    assert store.load(last) is not None
    assert store.load(best) is None


def test_runs_at_once_are_a_process_each(compare, monkeypatch):
    started = count_trainings(monkeypatch)
    two = {"name": "two", "preset": "sagan", "parameters": {"devices": 2}}

    with pytest.raises(ValueError, match=r"two: training\.devices 2 .*comparison\.workers=1"):
        compare(contestants=(*CONTESTANTS, two), workers=2)
    assert started == []


def test_training_with_a_preset_of_its_own_is_refused(shards):
    training = TrainingConfig(**TRAINING | {"preset": "sagan_no_ttur"})

    with pytest.raises(
        ValueError, match=r"training\.preset is sagan_no_ttur.*leave training\.preset null"
    ):
        entries(ComparisonConfig(), training, shards)


def test_contestants_keep_their_own_parameters_over_the_preset(shards):
    config = ComparisonConfig(
        contestants=[{"name": "sagan", "preset": "acgan", "parameters": EQUAL}], total_images=4
    )

    (entry,) = entries(
        config.model_copy(update={"seeds": (7,)}), TrainingConfig(**TRAINING), shards
    )

    assert entry.training.model.discriminator.head == "classifier"
    assert entry.training.discriminator_steps == 1
    assert (entry.training.seed, entry.training.total_images) == (7, 4)
    assert not entry.training.export_raw, "runs keep one set of weights"
