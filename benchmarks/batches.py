"""Speed of reading batches, compared with torchvision's ImageFolder and torch's DataLoader.

`python -m benchmarks.batches` measures in turn in one run, on the same images, all flipped at
random and shuffled, as uint8 batches with labels, warm cache:

    ImageFolder    decoded in each epoch by two worker processes, as in most training code
    shards         `sagan.training.core.batches`, in the training process
    313 shards     the same with as many files as ImageNet has shards

The images are synthetic (smooth noise, JPEG, already of the size, so that ImageFolder need not
resize) or those of `--images DIR`. Then the time to read a batch is compared with the time of a
training step. Ends with one JSON line.
"""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.counts import positive
from sagan.common.pixels import to_float
from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, records
from sagan.data.shards.build import build_stores
from sagan.training.core.batches import Batches

WORKERS = 2
IMAGENET_SHARDS = 313
DRAWN_CLASSES = 8
STEP_CLASSES = 100
DRAWN_QUALITY = 75  # JPEG; 2.3 kB at 64 px, 7.1 kB at 128 px: about what photographs take

Reader = Callable[[], float]  # images/s of one round


def draw_images(root: Path, size: int, count: int) -> Path:
    """Write `count` JPEGs with a photograph's spectrum (amplitude 1/frequency) as a class folder.

    Args:
        root: where `train/<class>/*.jpg` goes.
        size: side, pixels.
        count: images; they are dealt to the classes in turn.

    Returns:
        `root`.
    """
    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1.0 / size
    for number in range(count):
        path = root / "train" / f"{number % DRAWN_CLASSES:02d}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        white = np.fft.rfft2(random.standard_normal((4, size, size)))
        smooth = np.fft.irfft2(white / frequency, s=(size, size))
        smooth /= smooth.std(axis=(1, 2), keepdims=True)
        image = 128 + 45 * smooth[0] + 15 * smooth[1:]  # light, and a little of each colour
        pixels = image.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(path, quality=DRAWN_QUALITY)
    return root


def make_batches(images: Path, out: Path, size: int, shards: int | None = None) -> Batches:
    """Preprocess a class folder as the pipeline does.

    Args:
        images: the class folder.
        out: folder of the stores.
        size: side of the stored images, pixels.
        shards: about how many files to write; None leaves it to the default.
    """
    rows = records(build_manifest(ImageFolder.open(images), ManifestConfig()))
    config = PreprocessingConfig(image_size=size)
    if shards is not None:
        train = sum(row.split == "train" for row in rows)
        config = config.model_copy(update={"shard_images": max(1, train // shards)})
    split = build_stores(images, rows, out, config)[0].split("train")
    return Batches(split, seed=0, horizontal_flip=True)


def shard_reader(batches: Batches, batch_size: int, seconds: float) -> Reader:
    """Batches one after another for at least so many seconds."""
    firsts = itertools.count(step=batch_size)

    def read() -> float:
        started, read_images = time.perf_counter(), 0
        while (passed := time.perf_counter() - started) < seconds or not read_images:
            images, _ = batches.read(next(firsts), batch_size)
            read_images += len(images)
        return read_images / passed

    return read


def folder_reader(images: Path, size: int, batch_size: int) -> Reader:
    """One epoch of ImageFolder and DataLoader; the clock starts when its first batch is there."""
    transform = transforms.Compose(
        [
            transforms.Resize(size),  # returns an image of this size as it is
            transforms.CenterCrop(size),
            transforms.RandomHorizontalFlip(),
            transforms.PILToTensor(),
        ]
    )
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        datasets.ImageFolder(str(images / "train"), transform),
        batch_size=batch_size,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )

    def read() -> float:
        epoch: Iterator[list[Tensor]] = iter(loader)
        next(epoch)
        started = time.perf_counter()
        read_images = sum(len(batch) for batch, _ in epoch)
        return read_images / (time.perf_counter() - started)

    return read


def interleave(readers: dict[str, Reader], rounds: int) -> dict[str, list[float]]:
    """Images/s of every reader in every round, after one round to warm up."""
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        for name, read in readers.items():
            rate = read()
            if number:
                rates[name].append(rate)
    return rates


def make_step(size: int, channels: int) -> Callable[[Tensor, Tensor], None]:
    """An update of both networks on a batch: uint8 images [N, C, H, W], labels int64 [N]."""
    from sagan.models.discriminator import Discriminator
    from sagan.models.generator import Generator
    from sagan.training.core.steps import discriminator_step, generator_step

    shared: dict[str, Any] = {
        "image_size": size,
        "num_classes": STEP_CLASSES,
        "base_channels": channels,
        "attention_resolutions": (min(32, size // 2),),
    }
    generator = Generator(**shared).to(memory_format=torch.channels_last)
    discriminator = Discriminator(**shared).to(memory_format=torch.channels_last)
    networks = (generator, discriminator)
    optimizers = [torch.optim.Adam(n.parameters(), lr=1e-4, betas=(0.0, 0.999)) for n in networks]

    def step(images: Tensor, labels: Tensor) -> None:
        z = torch.randn(len(images), generator.latent_dim)
        y = torch.randint(STEP_CLASSES, (len(images),))
        discriminator_step(*networks, optimizers[1], to_float(images), labels % STEP_CLASSES, z, y)
        generator_step(*networks, optimizers[0], z, y)

    return step


def share_of_step(
    batches: Batches, step: Callable[[Tensor, Tensor], None], batch_size: int, rounds: int
) -> float:
    """Seconds of a read over those of the step made with it; medians of interleaved rounds."""
    reads, steps = [], []
    for number in range(rounds + 1):
        started = time.perf_counter()
        batch = batches.read(number * batch_size, batch_size)
        read = time.perf_counter()
        step(*batch)
        reads.append(read - started)
        steps.append(time.perf_counter() - read)
    return statistics.median(reads[1:]) / statistics.median(steps[1:])


def compare(
    images: Path, work: Path, size: int, options: argparse.Namespace
) -> tuple[dict[str, float], Batches]:
    """Time all readers at one size and print their rows.

    Returns:
        this size's part of the result, and our batches.
    """
    batches = make_batches(images, work / f"{size}-few", size)
    many = make_batches(images, work / f"{size}-many", size, IMAGENET_SHARDS)
    theirs, ours, ours_many = "ImageFolder", "shards", f"{IMAGENET_SHARDS} shards"
    readers = {
        theirs: folder_reader(images, size, options.batch_size),
        ours: shard_reader(batches, options.batch_size, options.seconds),
        ours_many: shard_reader(many, options.batch_size, options.seconds),
    }
    rates = interleave(readers, options.rounds)
    ratio = {
        name: statistics.median(a / b for a, b in zip(rates[name], rates[theirs], strict=True))
        for name in readers
    }
    for name in readers:
        rate = statistics.median(rates[name])
        print(f"{size:>4} px  {name:12} {rate:12,.0f} {ratio[name]:8.1f}", flush=True)
    result = {
        f"ratio_{size}": round(ratio[ours], 1),
        f"images_per_second_{size}": round(statistics.median(rates[ours])),
    }
    return result, batches


def main() -> None:
    """Measure, print the table, then one JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.batches", description=__doc__)
    parser.add_argument(
        "--images", type=Path, help="class folder: train/<class>/*; default: synthetic"
    )
    parser.add_argument(
        "--count", type=positive, default=4096, help="synthetic images at each size"
    )
    parser.add_argument("--sizes", type=positive, nargs="+", default=[64, 128], help="pixels")
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="reading of shards in a round [s]"
    )
    parser.add_argument(
        "--base-channels", type=positive, default=32, help="of the networks of the step"
    )
    parser.add_argument("--step-batch-size", type=positive, default=32)
    options = parser.parse_args()

    # three processes read for ImageFolder, one for us: on busy cores they get the larger share
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} (idle cores are fair)")
    print(f"{'':9}{'':12} {'images/s':>12} {'ratio':>8}")
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        stores = {}
        for size in options.sizes:
            images = options.images or draw_images(work / f"drawn-{size}", size, options.count)
            part, stores[size] = compare(images, work, size, options)
            result |= part
        size, step_batch = options.sizes[0], options.step_batch_size
        step = make_step(size, options.base_channels)
        share = share_of_step(stores[size], step, step_batch, options.rounds)
    print(
        f"a read of {step_batch} images at {size} px takes {share:.3%} of a step's time "
        f"({options.base_channels} channels, {torch.get_num_threads()} threads)"
    )
    print(json.dumps(result | {"share_of_step": round(share, 6)}))


if __name__ == "__main__":
    main()
