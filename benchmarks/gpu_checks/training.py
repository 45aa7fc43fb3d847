"""Training: steps, graphs, every recipe, and runs that stop, are killed or do not fit."""

import io
import time
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_checks.bench import (
    CPU,
    Bench,
    NotRun,
    Numbers,
    error,
    exact_products,
    require,
    tiny_shards,
)
from sagan.common.schema import deep_merge
from sagan.data.shards.store import ShardStore
from sagan.training import train
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import RECIPES, recipe_settings
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.finite import NonFiniteError
from sagan.training.core.loop import StepRecord, training_loop
from sagan.training.core.state import CUDA_GRAPH, TrainingState
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.torch_errors import OutOfMemoryError

SAME_RUN = 1e-3  # of two runs on a GPU, where some sums are in no fixed order


def no_host_wait(bench: Bench) -> Numbers:
    """Steps of the loop while torch refuses everything for which the host would wait."""
    if not bench.on_gpu:
        raise NotRun("a CPU has no queue to wait for; tests count the operations that would wait")
    config, shards = training_config(bench), tiny_shards(bench)
    state = TrainingState(config, shards, bench.device)
    run_steps_without_wait(state, shards, config, 3).close()  # type: ignore[attr-defined]
    return {"steps": 3}


def replays_agree(bench: Bench) -> Numbers:
    """Updates replayed as CUDA graphs, against the same ones started kernel by kernel."""
    if not bench.on_gpu:
        raise NotRun("a CUDA graph needs a GPU; tests replay the operations of a CPU")
    changes = {"compile": CUDA_GRAPH, "lr_schedule": "linear", "real_noise": 1 / 128}
    shards = tiny_shards(bench)
    config = TrainingConfig(**training_settings(bench) | changes)
    replayed, eager = (TrainingState(config, shards, bench.device) for _ in range(2))
    loop = run_steps_without_wait(replayed, shards, config, 5)
    run_steps(eager, shards, config.model_copy(update={"compile": "off"}), 10)
    found = _compared(replayed.state_dict(), eager.state_dict(), bench)
    with torch.no_grad():  # replayed updates that are not finite are skipped as well
        next(replayed.generator.parameters()).fill_(torch.nan)
    try:
        for _ in range(2):
            next(loop)
    except NonFiniteError as told:
        return found | {"told": str(told).partition(":")[0]}
    raise AssertionError("a network with NaN went on training")


def resumes(bench: Bench) -> Numbers:
    """The state after loading it half way, against that of an uninterrupted run."""
    config, shards = training_config(bench), tiny_shards(bench)
    whole = TrainingState(config, shards, bench.device)
    run_steps(whole, shards, config, 3)
    saved = _written_and_read(whole)
    run_steps(whole, shards, config, 3)
    again = TrainingState(config, shards, bench.device)
    again.load_state_dict(saved)
    run_steps(again, shards, config, 3)
    return _compared(again.state_dict(), whole.state_dict(), bench)


def goes_on_from_the_cpu(bench: Bench) -> Numbers:
    """A CPU's checkpoint continued on the device, against one continued on the CPU."""
    config, shards = training_config(bench), tiny_shards(bench)
    on_cpu = TrainingState(config, shards, CPU)
    run_steps(on_cpu, shards, config, 2)
    moved = TrainingState(config, shards, bench.device)
    moved.load_state_dict(_written_and_read(on_cpu))
    with exact_products():
        run_steps(moved, shards, config, 1)
    run_steps(on_cpu, shards, config, 1)
    found = error(floats(moved.state_dict()), floats(on_cpu.state_dict()))
    return {"difference": require(found, 1e-2)}  # Adam's step is lr at any size of a gradient


def survives_kill_9(bench: Bench) -> Numbers:
    """A run killed after its first checkpoint and started again, against an uninterrupted one."""
    settings = training_settings(bench) | {"total_images": 20 * bench.size.batch_size}
    settings["checkpoint_every_images"] = 4 * bench.size.batch_size
    shards, killed, whole = tiny_shards(bench), bench.work / "killed", bench.work / "whole"
    child = get_context("spawn").Process(target=_train, args=(settings, shards.path, killed))
    child.start()
    while not list(killed.glob("*/checkpoint-*.json")) and child.is_alive():
        time.sleep(0.01)
    was_alive = child.is_alive()
    child.kill()
    child.join()
    if not was_alive:
        raise AssertionError(f"the run ended with status {child.exitcode} before it was killed")
    states = []
    for runs in (killed, whole):
        _train(settings, shards.path, runs)
        folder = next(runs.glob("*/journal.jsonl")).parent
        states.append(CheckpointStore(folder, keep=1).load_newest())
    return _compared(states[0], states[1], bench)


def every_recipe_trains(bench: Bench) -> Numbers:
    """Steps of every recipe in both precisions; with --quick on a CPU in one of them in turn."""
    shards, numbers = tiny_shards(bench), {"recipes": len(RECIPES), "steps": 0}
    for number, recipe in enumerate(RECIPES):
        chosen = ["fp32", "bf16"]
        if bench.quick and not bench.on_gpu:
            chosen = [chosen[number % 2]]
        for precision in chosen:
            config = recipe_config(bench, recipe, precision)
            state = TrainingState(config, shards, bench.device)
            try:
                run_steps(state, shards, config, 1)
            except Exception as raised:
                raise AssertionError(f"{recipe} in {precision}: {raised}") from raised
            numbers["steps"] += 1
    return dict(numbers)


def two_processes_agree(bench: Bench) -> Numbers:
    """A run of two processes against one of one process, with batch norm over both."""
    if bench.on_gpu and torch.cuda.device_count() < 2:
        raise NotRun("there is one GPU")
    settings = training_settings(bench) | {"sync_batch_norm": True}
    settings["total_images"] = 4 * bench.size.batch_size
    states, shards = [], tiny_shards(bench)
    for devices in (1, 2):
        runs = bench.work / f"processes-{devices}"
        _train(settings | {"devices": devices}, shards.path, runs)
        folder = next(runs.glob("*/journal.jsonl")).parent
        states.append(CheckpointStore(folder, keep=1).load_newest())
    found = error(*(floats(state) for state in states))
    return {"difference": require(found, 1e-2)}


def memory_error_is_told(bench: Bench) -> Numbers:
    """A step that does not fit raises `OutOfMemoryError`, and the next one that fits is made."""
    if not bench.on_gpu:
        raise NotRun("a CPU's memory has no limit that could be set for this")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(bench.device).total_memory
    room = torch.cuda.memory_reserved(bench.device) + (64 << 20)
    large = {"batch_size": 512, "total_images": 512, "checkpoint_every_images": 512}
    model = {"generator": {"base_channels": 64}, "discriminator": {"base_channels": 64}}
    settings = deep_merge(training_settings(bench), {"model": model}) | large
    torch.cuda.set_per_process_memory_fraction(room / total, bench.device)
    try:
        _train(settings, tiny_shards(bench).path, bench.work / "too-large")
    except OutOfMemoryError as told:
        message = str(told)
    else:
        raise AssertionError("it fitted into 64 MiB")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
        torch.cuda.empty_cache()
    config, shards = training_config(bench), tiny_shards(bench)
    run_steps(TrainingState(config, shards, bench.device), shards, config, 1)
    return {"message": message.partition(";")[0]}


def training_settings(bench: Bench) -> dict[str, Any]:
    """A short run of small networks, with an average and augmentation."""
    size = bench.size
    shared = {"base_channels": size.base_channels, "attention_resolutions": [size.image_size // 2]}
    return {
        "model": {"generator": {**shared, "latent_dim": 16}, "discriminator": shared},
        "device": bench.device.type,
        "threads": torch.get_num_threads(),
        "batch_size": size.batch_size,
        "total_images": 64 * size.batch_size,
        "discriminator_steps": 1,
        "ema_decay": 0.9,
        "augmentation": {"method": "diffaugment"},
        "checkpoint_every_images": 64 * size.batch_size,
        "watch": {"enabled": False},
        "tensorboard": False,
    }


def training_config(bench: Bench) -> TrainingConfig:
    """The same, checked."""
    return TrainingConfig(**training_settings(bench))


def recipe_config(bench: Bench, recipe: str, precision: str) -> TrainingConfig:
    """A recipe on networks as small as the others, whose attention follows a map that they have."""
    settings = deep_merge(training_settings(bench), recipe_settings(recipe))
    settings |= {"precision": precision, "batch_size": bench.size.batch_size}
    settings |= {"generator_batch_size": None, "total_images": 64 * bench.size.batch_size}
    for network in settings["model"].values():
        network["base_channels"] = bench.size.base_channels
        if network["attention_resolutions"]:
            network["attention_resolutions"] = [bench.size.image_size // 2]
    return TrainingConfig(**settings)


def run_steps_without_wait(
    state: TrainingState, shards: ShardStore, config: TrainingConfig, steps: int
) -> Iterator[StepRecord]:
    """As many steps to warm up, then so many in which waiting for the device is an error.

    Returns:
        the loop, which goes on.
    """
    device = next(state.generator.parameters()).device
    loop = training_loop(state, shards, config, DistributedContext(device))
    for _ in range(steps):
        next(loop)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(steps):
            next(loop)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    state.require_finite()
    return loop


def run_steps(state: TrainingState, shards: ShardStore, config: TrainingConfig, steps: int) -> None:
    """So many steps of the loop, all of them finite."""
    device = next(state.generator.parameters()).device
    loop = training_loop(state, shards, config, DistributedContext(device))
    for _, _ in zip(range(steps), loop, strict=False):
        pass
    loop.close()  # type: ignore[attr-defined]
    state.require_finite()


def _train(settings: dict[str, Any], shards: Path, runs: Path) -> None:
    """One run from start to end; also in a process of its own."""
    train(TrainingConfig(**settings), ShardStore.open(shards), runs)


def _written_and_read(state: TrainingState) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state.state_dict(), file)
    file.seek(0)
    read: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return read


def _compared(found: Mapping[str, Any], expected: Mapping[str, Any], bench: Bench) -> Numbers:
    """Bit for bit on a CPU; on a GPU the difference of two runs, and whether there is any."""
    ours, theirs = floats(found), floats(expected)
    equal = torch.equal(ours, theirs)
    difference = 0.0 if equal else error(ours, theirs)
    require(difference, SAME_RUN if bench.on_gpu else 0.0)
    return {"bit_equal": str(equal), "difference": difference}


def floats(state: object) -> Tensor:
    """All floating-point tensors of a state in one vector, on the CPU."""
    if isinstance(state, Tensor):
        return state.flatten().double().cpu() if state.is_floating_point() else torch.empty(0)
    if isinstance(state, Mapping):
        parts = [floats(part) for part in state.values()]
        return torch.cat(parts) if parts else torch.empty(0)
    return torch.empty(0)
