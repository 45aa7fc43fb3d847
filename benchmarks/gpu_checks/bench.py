"""What the checks share: the device, its networks and images, and how two results are compared."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines import Size
from sagan.data.config import PreprocessingConfig
from sagan.data.manifest.build import ImageRecord, hash_records
from sagan.data.shards.store import FORMAT_VERSION, ShardStore, content_key
from sagan.data.shards.writer import StoreWriter, cut_into_shards

CPU = torch.device("cpu")
Numbers = dict[str, float | str]
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


def small_networks(size: Size, device: torch.device, precision: str) -> list[nn.Module]:
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


@contextmanager
def exact_products() -> Iterator[None]:
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


def error(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over that of what is expected."""
    found, expected = found.double().cpu(), expected.double().cpu()
    return float((found - expected).norm() / expected.norm())


def require(value: float, limit: float) -> float:
    """The value, which is at most the limit.

    Raises:
        AssertionError: where it is above, or NaN.
    """
    if not value <= limit:
        raise AssertionError(f"{value:.2g} is above {limit:.2g}")
    return value


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
