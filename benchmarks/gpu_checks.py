"""Checks of `benchmarks.gpu`: the device computes what the CPU computes, and training survives.

Each check takes the `Bench` and returns its numbers. It raises `AssertionError` where the device is
wrong, and `NotRun` with the reason where it cannot be tried.
"""

import copy
import io
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam

from benchmarks.baselines import LATENT_DIM, RATES, Size, draw
from benchmarks.evaluation_baselines import seeded_weights
from sagan.bundle.generator_bundle import GeneratorBundle, save_bundle
from sagan.common.devices import computes_bf16
from sagan.common.schema import deep_merge
from sagan.data.config import PreprocessingConfig
from sagan.data.manifest.build import ImageRecord, hash_records
from sagan.data.shards.store import FORMAT_VERSION, ShardStore, content_key
from sagan.data.shards.writer import StoreWriter, cut_into_shards
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.features.inception import InceptionFeatures, require_weights
from sagan.network_config import GeneratorConfig
from sagan.sampling.attention_maps import generate_with_attention
from sagan.sampling.generate import generate
from sagan.training import train
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import RECIPES, recipe_settings
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.finite import FiniteCheck, NonFiniteError
from sagan.training.core.loop import StepRecord, training_loop
from sagan.training.core.state import CUDA_GRAPH, TrainingState
from sagan.training.core.steps import discriminator_step, generator_step
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.torch_errors import OutOfMemoryError

CPU = torch.device("cpu")
Numbers = dict[str, float | str]

# relative errors against float64 on the CPU; float32 without TensorFloat-32
LIMITS = {"fp64": 1e-9, "fp32": 1e-3, "bf16": 0.2}
# a ReLU or a maximum may decide otherwise for a value near 0: 1.1e-3 on a CPU too, at 64 px
GRADIENT_LIMITS = LIMITS | {"fp32": 1e-2}
SAME_RUN = 1e-3  # of two runs on a GPU, where some sums are in no fixed order


GPU_SIZES = {True: Size(32, 16, 10, 8), False: Size(64, 32, 10, 16)}  # by --quick


class NotRun(Exception):  # noqa: N818 - no error: the check says why it has no result
    """A check that cannot be tried here, with the reason."""


class Check(NamedTuple):
    """A row of the table."""

    name: str
    run: Callable[["Bench"], Numbers]
    seconds: float = 30.0
    """It takes at most."""
    quick: bool = True
    """Whether it is a part of --quick."""


@dataclass
class Bench:
    """The device, how much is tried on it, and a folder to work in."""

    device: torch.device
    quick: bool
    work: Path
    images_per_second: dict[str, float] = field(default_factory=dict)
    peak: float | None = None
    """Of a bfloat16 matrix product, FLOP/s, once it is measured."""

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    @property
    def size(self) -> Size:
        """Of the networks that are compared with the CPU's."""
        if not self.on_gpu:
            return Size(16, 8, 3, 4)
        return GPU_SIZES[self.quick]

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)


def device_facts(bench: Bench) -> Numbers:
    """What the results depend on."""
    facts: Numbers = {"torch": torch.__version__, "python": platform.python_version()}
    if not bench.on_gpu:
        return facts | {"name": "cpu", "threads": torch.get_num_threads()}
    found = torch.cuda.get_device_properties(bench.device)
    return facts | {
        "name": found.name,
        "capability": f"{found.major}.{found.minor}",
        "memory_gib": round(found.total_memory / 2**30, 1),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "gpus": torch.cuda.device_count(),
        "bf16": str(computes_bf16("cuda")),
    }


# Values


def networks_agree(bench: Bench) -> Numbers:
    """Images of G and logits of D, by precision, relative to the CPU's in float64."""
    (exact_images, exact_logits), numbers = _outputs(bench.size, CPU, "fp64"), {}
    for precision, limit in LIMITS.items():
        images, logits = _outputs(bench.size, bench.device, precision)
        numbers[f"G {precision}"] = _require(error(images, exact_images), limit)
        numbers[f"D {precision}"] = _require(error(logits, exact_logits), limit)
    return numbers


def gradients_agree(bench: Bench) -> Numbers:
    """Losses and gradients of both updates, by precision."""
    (exact_losses, exact), numbers = _gradients(bench.size, CPU, "fp64"), {}
    for precision, limit in LIMITS.items():
        losses, gradients = _gradients(bench.size, bench.device, precision)
        numbers[f"losses {precision}"] = _require(error(losses, exact_losses), limit)
        found = error(gradients, exact)
        numbers[f"gradients {precision}"] = _require(found, GRADIENT_LIMITS[precision])
    return numbers


def one_step_agrees(bench: Bench) -> Numbers:
    """Weights, statistics and vectors after a step of training's own optimiser, in float64."""
    found = error(_stepped(bench.size, bench.device), _stepped(bench.size, CPU))
    return {"all tensors": _require(found, 1e-7)}


def _outputs(size: Size, device: torch.device, precision: str) -> tuple[Tensor, Tensor]:
    G, D = _networks(size, device, precision)  # noqa: N806 - the paper's symbols
    images, labels, ((z, y), _) = _drawn(size, device, precision)
    with torch.no_grad(), _exact_products(), _autocast(device, precision):
        return G(z, y), D(images, labels)[0]


def _gradients(size: Size, device: torch.device, precision: str) -> tuple[Tensor, Tensor]:
    G, D = _networks(size, device, precision)  # noqa: N806
    images, labels, fakes = _drawn(size, device, precision)
    bf16 = precision == "bf16"
    with _exact_products():
        of_d = discriminator_step(
            G, D, SGD(D.parameters(), lr=0.0), images, labels, *fakes[0], bf16=bf16
        )
        gradients = [p.grad.clone() for p in D.parameters() if p.grad is not None]
        of_g = generator_step(G, D, SGD(G.parameters(), lr=0.0), *fakes[1], bf16=bf16)
        gradients += [p.grad for p in G.parameters() if p.grad is not None]
    losses = torch.stack([of_d.loss.double(), of_g.loss.double()])
    return losses, torch.cat([gradient.flatten().double() for gradient in gradients])


def _stepped(size: Size, device: torch.device) -> Tensor:
    G, D = _networks(size, device, "fp64")  # noqa: N806
    images, labels, fakes = _drawn(size, device, "fp64")
    of_g, of_d = (Adam(n.parameters(), fused=device.type == "cuda", **RATES) for n in (G, D))
    check = FiniteCheck(device)
    discriminator_step(G, D, of_d, images, labels, *fakes[0], check=check)
    generator_step(G, D, of_g, *fakes[1], check=check)
    check.require_finite()
    tensors = (t for n in (G, D) for t in n.state_dict().values() if t.is_floating_point())
    return torch.cat([tensor.flatten() for tensor in tensors])


def _networks(size: Size, device: torch.device, precision: str) -> list[nn.Module]:
    """Both networks of a seed, with their attention at work."""
    torch.manual_seed(0)
    made: list[nn.Module] = []
    for network in size.networks(spectral_norm=True):
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                nn.init.constant_(parameter, 0.5)
        dtype = torch.float64 if precision == "fp64" else torch.float32
        made.append(network.to(device, dtype, memory_format=torch.channels_last))
    return made


def _drawn(
    size: Size, device: torch.device, precision: str
) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    dtype = torch.float64 if precision == "fp64" else torch.float32
    images, labels, fakes = draw(size, str(device))
    images = images.to(dtype).contiguous(memory_format=torch.channels_last)
    return images, labels, [(z.to(dtype), y) for z, y in fakes]


@contextmanager
def _exact_products() -> Iterator[None]:
    """No TensorFloat-32."""
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    try:
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def error(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over that of what is expected."""
    found, expected = found.double().cpu(), expected.double().cpu()
    return float((found - expected).norm() / expected.norm())


def _require(value: float, limit: float) -> float:
    if not value <= limit:
        raise AssertionError(f"{value:.2g} is above {limit:.2g}")
    return value


# Training


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
    with _exact_products():
        run_steps(moved, shards, config, 1)
    run_steps(on_cpu, shards, config, 1)
    found = error(_floats(moved.state_dict()), _floats(on_cpu.state_dict()))
    return {"difference": _require(found, 1e-2)}  # Adam's step is lr at any size of a gradient


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
    found = error(*(_floats(state) for state in states))
    return {"difference": _require(found, 1e-2)}


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
    ours, theirs = _floats(found), _floats(expected)
    equal = torch.equal(ours, theirs)
    difference = 0.0 if equal else error(ours, theirs)
    _require(difference, SAME_RUN if bench.on_gpu else 0.0)
    return {"bit_equal": str(equal), "difference": difference}


def _floats(state: object) -> Tensor:
    """All floating-point tensors of a state in one vector, on the CPU."""
    if isinstance(state, Tensor):
        return state.flatten().double().cpu() if state.is_floating_point() else torch.empty(0)
    if isinstance(state, Mapping):
        parts = [_floats(part) for part in state.values()]
        return torch.cat(parts) if parts else torch.empty(0)
    return torch.empty(0)


# Samples and scores


def samples_agree(bench: Bench) -> Numbers:
    """Images of the bundle, in grey levels."""
    images = [
        torch.cat(list(generate(network, *_asked(), 8, device))).float()
        for network, device in _loaded(bench)
    ]
    difference = (images[0] - images[1]).abs()
    numbers = {"mean": float(difference.mean()), "largest": float(difference.max())}
    _require(numbers["mean"], 0.5)
    return dict(numbers)


def attention_maps_agree(bench: Bench) -> Numbers:
    """The largest difference of an attention map's entries, whose rows sum to 1."""
    found = [
        generate_with_attention(network, *(t.to(device) for t in _asked()))[1]
        for network, device in _loaded(bench)
    ]
    largest = max(float(np.abs(found[0][r] - found[1][r]).max()) for r in found[0])
    return {"resolutions": len(found[0]), "largest": _require(largest, 1e-2)}


def scores_agree(bench: Bench) -> Numbers:
    """Every score of an evaluation by the classifier's features, relative to the CPU's."""
    shards, bundle = tiny_shards(bench), _bundle(bench)
    scores = []
    for device in (CPU, bench.device):  # the classifier of the first serves both
        config = EvaluationConfig(
            features="classifier",
            classifier={"epochs": 2, "base_channels": 4, "feature_dim": 8},
            num_samples=48,
            batch_size=16,
            kernel={"subsets": 4, "subset_size": 24},
            bootstrap_resamples=4,
            extrapolation_points=3,
            sweep={"truncations": (0.7,), "num_samples": 24},
            device=device.type,
        )
        made = evaluate_generator(bundle, shards, config, bench.work / "features")
        scores.append(dict(_numbers_in(made)))
    differences = {n: _relative(scores[1][n], value) for n, value in scores[0].items()}
    worst = max(value for name, value in differences.items() if name.count("/") == 1)
    # numbers of a class, of few samples each, may differ where one sample changes its place
    other = sum(value > 0.05 for value in differences.values()) / len(differences)
    numbers: Numbers = {"numbers": len(differences), "scores": _require(worst, 0.05)}
    return numbers | {"others of them": _require(other, 0.1)}


def inception_agrees(bench: Bench) -> Numbers:
    """Inception's features, relative to the CPU's; with random weights if there are no others."""
    if find_spec("pytorch_fid") is None:
        raise NotRun("pytorch-fid, which has the network, is not installed")
    try:
        weights, kind = require_weights(EvaluationConfig()), "published"
    except FileNotFoundError:
        if bench.quick and not bench.on_gpu:
            raise NotRun("its weights are not in torch's cache") from None
        weights, kind = seeded_weights(bench.work / "inception.pth"), "random"
    assert weights is not None
    images = tiny_shards(bench).split("train").read(np.arange(8))
    features = [InceptionFeatures(weights, device)(images) for device in (bench.device, CPU)]
    return {"weights": kind, "features": _require(error(*features), 1e-3)}


def _numbers_in(value: object, name: str = "") -> Iterator[tuple[str, float]]:
    """All numbers in nested dictionaries and lists, by their path."""
    if isinstance(value, float | int):
        yield name, float(value)
    elif isinstance(value, Mapping | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in pairs:
            yield from _numbers_in(part, f"{name}/{key}")


def _relative(found: float, expected: float) -> float:
    return abs(found - expected) / max(abs(expected), 0.05)


def _bundle(bench: Bench) -> GeneratorBundle:
    size, path = bench.size, bench.work / "bundle"
    if not path.exists():
        generator = copy.deepcopy(_networks(size, CPU, "fp32")[0])
        config = GeneratorConfig(
            base_channels=size.base_channels,
            latent_dim=LATENT_DIM,
            attention_resolutions=(size.image_size // 2,),
        )
        names = tiny_shards(bench).class_names
        facts = {"weights": "raw", "images_seen": 0, "batch_norm_statistics": "running averages"}
        save_bundle(path, generator, config, class_names=names, facts=facts)  # type: ignore[arg-type]
    return GeneratorBundle.open(path)


def _loaded(bench: Bench) -> list[tuple[Any, torch.device]]:
    bundle = _bundle(bench)
    return [(bundle.load(str(device)), device) for device in (bench.device, CPU)]


def _asked() -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(1)
    return torch.randn(16, LATENT_DIM, generator=source), torch.arange(16) % 3


# Images


def tiny_shards(bench: Bench) -> ShardStore:
    """A few images of the small networks' size."""
    size = bench.size
    return drawn_shards(bench.work, size.image_size, size.num_classes, 24 * size.num_classes)


def drawn_shards(work: Path, image_size: int, num_classes: int, count: int) -> ShardStore:
    """Shards of noise of each class's own brightness; a quarter are validation images."""
    splits = ["val" if number % 4 == 3 else "train" for number in range(count)]
    names = [f"{number // 4 % num_classes:04d}" for number in range(count)]
    records = [
        ImageRecord(f"{number:06d}.png", split, name, f"{number:064d}")
        for number, (split, name) in enumerate(zip(splits, names, strict=True))
    ]
    facts: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "data_hash": hash_records(records),
        "resizer": PreprocessingConfig().resizer,
        "versions": {},
        "class_names": sorted(set(names)),
        "image_size": image_size,
    }
    key = content_key(facts)
    folder = work / "shards" / key
    if folder.exists():
        return ShardStore.open(folder, verify_checksums=False)
    shards = [
        shard
        for split in ("train", "val")
        for shard in cut_into_shards(split, [r for r in records if r.split == split], 1024)
    ]
    folder.mkdir(parents=True)
    writer, random = StoreWriter(folder, facts | {"key": key}, shards), np.random.default_rng(0)
    for shard in shards:
        light = np.array([int(r.class_name) for r in shard.images]) * 128 // num_classes
        shape = (len(shard.images), image_size, image_size, 3)
        pixels = random.integers(128, size=shape, dtype=np.uint8)
        pixels += light.astype(np.uint8)[:, None, None, None]
        with writer.shard(shard) as file:
            file.write(pixels)
    return writer.finish()


CHECKS: Sequence[Check] = (
    Check("device", device_facts),
    Check("networks", networks_agree),
    Check("gradients", gradients_agree),
    Check("one step", one_step_agrees),
    Check("no host wait", no_host_wait),
    Check("CUDA graph", replays_agree),
    Check("resume", resumes),
    Check("kill -9", survives_kill_9, 60.0, quick=False),
    Check("CPU checkpoint", goes_on_from_the_cpu),
    Check("recipes", every_recipe_trains, 60.0),
    Check("samples", samples_agree),
    Check("attention maps", attention_maps_agree),
    Check("scores", scores_agree, 60.0),
    Check("Inception", inception_agrees),
    Check("two processes", two_processes_agree, 90.0, quick=False),
    Check("out of memory", memory_error_is_told),
)
