"""Whether training survives `kill -9`: `python -m benchmarks.resume --kills 25`.

A short CPU run is killed many times, half of them at a random moment, half while a checkpoint is
being saved, and restarted each time. In the end its weights, averages, optimiser states and journal
must equal, bit for bit, those of an uninterrupted run; timings (`WALL_CLOCK`) are not compared. A
run that completes before all kills are used is compared, and another one is started. Ends with one
JSON line; the exit status is 1 where anything differs.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import torch

import sagan
from benchmarks.counts import not_negative, positive
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.store.journal import Journal

# names of a state or a journal's record that depend on the clock and not on the computation
WALL_CLOCK = frozenset({"train_seconds", "images_per_second"})

WATCH_SECONDS = 0.0005  # between two looks at the run's folder
STEP_SECONDS, SAVE_SECONDS = 0.05, 0.01  # about
STEPS_A_SAVE = 3
PATIENCE_SECONDS = 300.0

TRAINING = {
    "model": {
        "generator": {"base_channels": 8, "latent_dim": 8, "attention_resolutions": [8]},
        "discriminator": {"base_channels": 8, "attention_resolutions": [8]},
    },
    "device": "cpu",
    "threads": 1,
    "batch_size": 4,
    "ema_decay": 0.9,
    "standing_batches": 2,
    "log_every_steps": 1,
    "checkpoint_every_images": 4 * STEPS_A_SAVE,
}


@dataclass
class Tally:
    """What happened to the starts that were to be killed."""

    kills: int = 0
    inside_saves: int = 0
    no_progress: int = 0
    differences: list[str] = field(default_factory=list)


class Run:
    """One training command with a folder of runs of its own."""

    def __init__(self, work: Path, name: str) -> None:
        """Bind to `work/<name>`; shards, configuration and code lie in `work` already."""
        self.work, self.out = work, work / name
        self.log = work / f"{name}.log"

    @property
    def folder(self) -> Path | None:
        """The run's own folder, once it is there."""
        return next((path.parent for path in self.out.glob("*/journal.jsonl")), None)

    def start(self) -> "subprocess.Popen[bytes]":
        """Begin, or go on from the newest checkpoint."""
        command = [sys.executable, "-m", "sagan", "train", str(self.work / "shards")]
        command += ["--out", str(self.out), "--config", str(self.work / "training.json")]
        environment = os.environ | {"PYTHONPATH": str(self.work / "code")}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def finish(self, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """Train to the end."""
        status = (process or self.start()).wait()
        if status != 0:
            raise SystemExit(
                f"training ended with status {status}:\n{self.log.read_text()[-2000:]}"
            )

    def saving(self) -> set[tuple[str, int]]:
        """What lies in the folder only while a checkpoint is being saved, or after a crash then."""
        found = set()
        for path in self.folder.iterdir() if self.folder else ():
            half = path.name.startswith(".checkpoint-") and path.name.endswith(".saving")
            orphan = path.suffix == ".pt" and not path.with_suffix(".json").exists()
            if half or orphan:
                try:
                    found.add((path.name, path.stat().st_mtime_ns))
                except FileNotFoundError:
                    continue
        return found

    def newest(self) -> str:
        """Name of the newest finished checkpoint, "" where there is none."""
        names = [path.name for path in self.out.glob("*/checkpoint-*.json")]
        return max(names, default="")

    def journal(self) -> tuple[int, int]:
        """Inode of the journal and how many records it has; zeros where there is none."""
        try:
            with (self.folder or self.out).joinpath("journal.jsonl").open("rb") as file:
                return os.fstat(file.fileno()).st_ino, file.read().count(b"\n")
        except FileNotFoundError:
            return 0, 0


def prepare(work: Path, steps: int) -> None:
    """Put shards of scikit-learn's digits, a configuration and a copy of the code into a folder.

    The code is copied because a run's identity holds its hash: an edit meanwhile changes nothing.
    """
    from sagan.commands.group import main
    from sagan.data.sources.digits import write_digits

    write_digits(work / "digits")
    arguments = ["data", str(work / "digits"), "--image-size", "16", "--out", str(work / "stores")]
    with redirect_stdout(StringIO()):
        if main(arguments) != 0:
            raise SystemExit("no shards could be made of the digits")
    next((work / "stores").glob("*/index.json")).parent.rename(work / "shards")
    settings = TRAINING | {"total_images": steps * TRAINING["batch_size"]}
    (work / "training.json").write_text(json.dumps({"training": settings}))
    shutil.copytree(Path(sagan.__file__).parent, work / "code" / "sagan")


def measure(work: Path, *, kills: int, steps: int, seed: int) -> Tally:
    """Kill and compare, until all kills are spent.

    Args:
        work: an empty folder.
        kills: how often.
        steps: length of the run [steps].
        seed: of the moments.
    """
    prepare(work, steps)
    whole = Run(work, "whole")
    process = whole.start()  # threads: 1, so that it may as well run beside the first killed one
    tally, moments, rounds = Tally(), random.Random(seed), 0
    try:
        while tally.kills < kills:
            run = Run(work, f"killed-{(rounds := rounds + 1)}")
            while tally.kills < kills and kill_once(run, tally, moments, steps // kills):
                pass
            run.finish()
            whole.finish(process)
            found = compare_runs(whole.folder, run.folder)
            tally.differences += [f"run {rounds}: {difference}" for difference in found]
    finally:
        process.kill()
    return tally


def kill_once(run: Run, tally: Tally, moments: random.Random, furthest_steps: int) -> bool:
    """Start, wait for the moment, kill; False where the run was complete before it."""
    newest, left, inode = run.newest(), run.saving(), run.journal()[0]
    steps = moments.randint(1, max(1, furthest_steps))
    moment = _in_a_save(run, steps, left) if tally.kills % 2 else _at_random(run, steps, inode)
    process = run.start()
    try:
        for until, seconds in moment:
            if not _wait(process, until):
                run.finish(process)
                return False
            time.sleep(moments.choice((0, moments.uniform(0, seconds))))
    finally:
        process.kill()
        process.wait()
    tally.kills += 1
    tally.inside_saves += bool(run.saving() - left)
    tally.no_progress += run.newest() == newest
    return True


Moment = Iterator[tuple[Callable[[], object], float]]  # what to wait for; how long after at most


def _at_random(run: Run, steps: int, inode: int) -> Moment:
    """So many steps after the start, which writes the journal afresh before it trains."""
    first: list[int] = []

    def trained() -> bool:
        now, records = run.journal()
        if now not in (0, inode):
            first.append(records)
        return bool(first) and records - first[0] >= steps

    yield trained, STEP_SECONDS


def _in_a_save(run: Run, steps: int, left: set[tuple[str, int]]) -> Moment:
    """While one of the next checkpoints is being saved: at its beginning, or somewhat later."""
    for _ in range(steps // STEPS_A_SAVE):
        yield lambda: run.saving() - left, 0
        yield lambda: not run.saving() - left, 0
    yield lambda: run.saving() - left, SAVE_SECONDS


def _wait(process: "subprocess.Popen[bytes]", until: Callable[[], object]) -> bool:
    """Whether it came true before the process ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if process.poll() is not None:
            return False
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing happened in {PATIENCE_SECONDS:.0f} s")
        time.sleep(WATCH_SECONDS)
    return True


def compare_runs(whole: Path | None, other: Path | None) -> list[str]:
    """What differs between two finished runs' states, journals and files, in words."""
    if whole is None or other is None:
        return ["a run has left no journal"]
    ours, theirs = (_flat(CheckpointStore(path, keep=1).load_newest()) for path in (whole, other))
    found = [
        f"state {name}"
        for name in sorted(ours.keys() | theirs.keys())
        if not _same(ours.get(name), theirs.get(name))
    ]
    records = [
        [_timeless(r) for r in Journal(path / "journal.jsonl").read()] for path in (whole, other)
    ]
    if len(records[0]) != len(records[1]):
        found.append(f"journal of {len(records[0])} and {len(records[1])} records")
    found += [
        f"journal at {a['images_seen']} images"
        for a, b in zip(*records, strict=False)
        if json.dumps(a) != json.dumps(b)
    ]
    names = [{path.name for path in folder.iterdir()} for folder in (whole, other)]
    return found + [f"file {name}" for name in sorted(names[0] ^ names[1])]


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in WALL_CLOCK}


def _flat(value: Any, name: str = "") -> dict[str, Any]:  # noqa: ANN401 - anything in a state
    """Nested dicts and lists as one dict with dotted names, without what the clock decides."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {name: value}
    flat = {}
    for key, part in value.items():
        if key not in WALL_CLOCK:
            flat |= _flat(part, f"{name}.{key}" if name else str(key))
    return flat


def _same(ours: object, theirs: object) -> bool:
    """Equal to the last bit."""
    if not isinstance(ours, torch.Tensor) or not isinstance(theirs, torch.Tensor):
        return type(ours) is type(theirs) and repr(ours) == repr(theirs)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    return torch.equal(*(t.reshape(-1).view(torch.uint8) for t in (ours, theirs)))


def main() -> None:
    """Measure, print the table, then one JSON line; status 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="benchmarks.resume", description=__doc__)
    parser.add_argument("--kills", type=positive, default=25)
    parser.add_argument("--steps", type=positive, default=400, help="length of the run")
    parser.add_argument("--seed", type=not_negative, default=0, help="seed of the moments")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sagan-resume-") as work:
        tally = measure(Path(work), **vars(options))
    seconds = round(time.monotonic() - started)
    print(f"{'kills':32}{tally.kills:6}")
    print(f"{'inside a save':32}{tally.inside_saves:6}")
    print(f"{'no progress since the one before':32}{tally.no_progress:6}")
    print(f"{'differences':32}{len(tally.differences):6}")
    print("".join(f"  {difference}\n" for difference in tally.differences[:20]), end="")
    result = asdict(tally) | {"steps": options.steps, "seconds": seconds}
    result["identical"] = not result.pop("differences")
    print(json.dumps(result))
    if tally.differences:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
