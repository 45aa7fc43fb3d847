"""Who is compared in `benchmarks.evaluation`: pytorch-fid's path and ours, on the same data."""

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from sagan.bundle.generator_bundle import GeneratorBundle, save_bundle
from sagan.metrics.features.inception import DIMENSIONS, WEIGHTS_NAME, InceptionFeatures
from sagan.metrics.features.statistics import Statistics, StreamingStatistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.models.generator import build_generator
from sagan.network_config import GeneratorConfig
from sagan.sampling.drawing import as_pixels
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents

CPU = torch.device("cpu")
ROWS_PER_DIMENSION = (
    2.5  # samples of the distance's Gaussians: fewer, and sqrtm itself loses digits
)
NUM_CLASSES = 10
FEATURE_ROWS = 512  # of one batch of features, while memory is watched
BATCH_SIZE = 50  # pytorch-fid's own


def seeded_weights(path: Path) -> Path:
    """Random weights of pytorch-fid's network, batch norms included, in its own file format."""
    from pytorch_fid import inception as fid
    from torchvision.models import Inception3

    with (
        torch.random.fork_rng(devices=[]),
        patch.object(fid, "load_state_dict_from_url"),
        patch.object(Inception3, "load_state_dict"),
    ):
        torch.manual_seed(0)
        network = fid.fid_inception_v3()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # as torch leaves them, all images give one feature
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):  # as torch leaves them, they do nothing
                for factor in (module.weight, module.running_var):
                    nn.init.uniform_(factor, 0.5, 1.5)
                for summand in (module.bias, module.running_mean):
                    nn.init.normal_(summand, std=0.2)
    torch.save(network.state_dict(), path)
    return path


def their_network(weights: Path) -> nn.Module:
    """pytorch-fid's InceptionV3, a file in its download's place."""
    from pytorch_fid import inception as fid

    state = torch.load(weights, weights_only=True)
    with patch.object(fid, "load_state_dict_from_url", return_value=state):
        block = fid.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]
        network: nn.Module = fid.InceptionV3([block]).eval()
    return network


def their_distance(first: Statistics, second: Statistics) -> float:
    """pytorch-fid's."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    moments = (first.mean, first.covariance, second.mean, second.covariance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # an argument of sqrtm's will go
        return float(calculate_frechet_distance(*moments))


def random_statistics(dimensions: int, seed: int) -> Statistics:
    """Of correlated features that are never negative, as Inception's are."""
    source = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=source) / dimensions**0.5
    rows = torch.randn(round(ROWS_PER_DIMENSION * dimensions), dimensions, generator=source)
    streaming = StreamingStatistics()
    streaming.update((rows @ (mixing + torch.eye(dimensions))).relu())
    return streaming.result()


def make_bundle(path: Path, image_size: int, channels: int) -> Path:
    """A generator bundle with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GeneratorConfig(
            base_channels=channels, attention_resolutions=(image_size // 2,), conv_gain=1.4142
        )
        generator = build_generator(config, image_size=image_size, num_classes=NUM_CLASSES)
    names = tuple(str(label) for label in range(NUM_CLASSES))
    return save_bundle(path, generator, config, class_names=names, facts={}).path


def draw(bundle: Path, count: int, seed: int = 0) -> Iterator[Tensor]:
    """Batches uint8 [N, C, H, W] of a bundle's samples, at one thread."""
    torch.set_num_threads(1)
    generator = GeneratorBundle.open(bundle).load()
    latents = sample_latents(count, generator.latent_dim, seed)
    return generate(generator, latents, torch.arange(count) % NUM_CLASSES, BATCH_SIZE)


def statistics_of(bundle: Path, weights: Path, count: int, seed: int = 0) -> Statistics:
    """Of a bundle's samples; nothing but sums is kept, nothing is written."""
    extract, streaming = InceptionFeatures(weights, CPU), StreamingStatistics()
    for images in draw(bundle, count, seed):
        streaming.update(extract(images))
    return streaming.result()


def our_fid(bundle: Path, reference: Path, weights: Path, count: int) -> float:
    """From the bundle to the distance from the reference, an `.npz`."""
    return frechet_distance(Statistics.load(reference), statistics_of(bundle, weights, count))


def their_fid(bundle: Path, reference: Path, weights: Path, count: int) -> float:
    """The same by way of PNG files and pytorch-fid's command, its weights found in torch's cache.

    Raises:
        RuntimeError: if the command fails or prints no distance.
    """
    with tempfile.TemporaryDirectory() as folder:
        pictures, cache = Path(folder) / "png", Path(folder) / "torch/hub/checkpoints"
        pictures.mkdir()
        cache.mkdir(parents=True)
        (cache / WEIGHTS_NAME).symlink_to(weights.resolve())
        pixels = (image for batch in draw(bundle, count) for image in batch)
        for number, image in enumerate(pixels):
            Image.fromarray(as_pixels(image.numpy())).save(pictures / f"{number:06d}.png")
        command = [sys.executable, "-m", "pytorch_fid", "--device=cpu", reference, pictures]
        environment = {**os.environ, "TORCH_HOME": str(cache.parents[1])}
        run = subprocess.run(
            [*map(str, command)], env=environment, capture_output=True, text=True, check=False
        )
    found = re.search(r"FID:\s+(\S+)", run.stdout)
    if run.returncode or not found:
        raise RuntimeError(f"pytorch-fid's command failed: {run.stderr}")
    return float(found[1])


def peak_mib() -> float:
    """This process's peak, MiB; unlike `ru_maxrss` it starts anew with the process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


def feature_batches(count: int, dimensions: int) -> Iterator[Tensor]:
    """float32 [up to FEATURE_ROWS, D], one after another, `count` rows in all."""
    source = torch.Generator().manual_seed(0)
    for start in range(0, count, FEATURE_ROWS):
        yield torch.rand(min(FEATURE_ROWS, count - start), dimensions, generator=source)


def our_growth(count: int, dimensions: int) -> float:
    """By how many MiB the peak grows from `count` samples to four times as many."""
    peaks = []
    for samples in (count, 4 * count):
        streaming = StreamingStatistics()
        for batch in feature_batches(samples, dimensions):
            streaming.update(batch)
        streaming.result()
        peaks.append(peak_mib())
    return peaks[1] - peaks[0]


def their_growth(count: int, dimensions: int) -> float:
    """The same where pytorch-fid's statistics are taken: of a table of all the features."""
    peaks = []
    for samples in (count, 4 * count):
        table = np.empty((samples, dimensions))
        for number, batch in enumerate(feature_batches(samples, dimensions)):
            table[number * FEATURE_ROWS : (number + 1) * FEATURE_ROWS] = batch
        table.mean(axis=0)
        np.cov(table, rowvar=False)
        peaks.append(peak_mib())
        del table
    return peaks[1] - peaks[0]
