"""How fast a training step is, beside the textbook's step on the same networks.

`python -m benchmarks.training_step` interleaves both in one run: CPU-seconds at one thread, wall
time at all threads. Ends with one JSON line.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Adam

from benchmarks.textbook import make_textbook, textbook_step
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training.steps import discriminator_step, generator_step

RATES = {"lr": 1e-4, "betas": (0.0, 0.999)}


@dataclass(frozen=True)
class Size:
    """What is trained."""

    image_size: int
    base_channels: int
    num_classes: int
    batch_size: int

    def networks(self, *, spectral_norm: bool) -> tuple[Generator, Discriminator]:
        """Both networks, attention at 32 px or half the image."""
        shared = {
            "image_size": self.image_size,
            "num_classes": self.num_classes,
            "base_channels": self.base_channels,
            "attention_resolutions": (min(32, self.image_size // 2),),
            "spectral_norm": spectral_norm,
        }
        return Generator(**shared), Discriminator(**shared)


def our_step(size: Size) -> Callable[[], None]:
    """The project's step, on fixed data."""
    networks = [
        network.to(memory_format=torch.channels_last)
        for network in size.networks(spectral_norm=True)
    ]
    optimizers = [Adam(network.parameters(), **RATES) for network in networks]
    images, labels, fakes = draw(size)
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        discriminator_step(*networks, optimizers[1], images, labels, *fakes[0])
        generator_step(*networks, optimizers[0], *fakes[1])

    return step


def their_step(size: Size) -> Callable[[], None]:
    """The textbook's step, on the same data."""
    networks = [make_textbook(network) for network in size.networks(spectral_norm=False)]
    optimizers = [Adam(network.parameters(), **RATES) for network in networks]
    images, labels, fakes = draw(size)
    return lambda: textbook_step(*networks, optimizers, (images, labels), fakes)


def draw(size: Size) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    """Images, labels, and latents with labels for both updates."""
    source = torch.Generator().manual_seed(0)
    n = size.batch_size
    images = torch.rand(n, 3, size.image_size, size.image_size, generator=source) * 2 - 1
    labels = [torch.randint(size.num_classes, (n,), generator=source) for _ in range(3)]
    latents = [torch.randn(n, 128, generator=source) for _ in range(2)]
    return images, labels[0], [(latents[0], labels[1]), (latents[1], labels[2])]


def interleave(
    steps: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Median seconds a step; each round times every contestant once."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()  # warm-up
    for _ in range(rounds):
        for name, step in steps.items():
            started = clock()
            step()
            times[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure, print the table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--base-channels", type=int, default=32)
    parser.add_argument("--num-classes", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    options = vars(parser.parse_args())
    rounds, threads = options.pop("rounds"), torch.get_num_threads()
    size = Size(**options)
    steps = {"textbook": their_step(size), "ours": our_step(size)}

    torch.set_num_threads(1)
    cpu = interleave(steps, rounds, time.process_time)
    torch.set_num_threads(threads)
    wall = interleave(steps, rounds, time.perf_counter)

    print(f"{size}")
    print(
        f"{'':10} {'CPU-s, 1 thread':>16} {f'wall s, {threads} threads':>18} {'images/s/core':>14}"
    )
    for name in steps:
        rate = size.batch_size / cpu[name]
        print(f"{name:10} {cpu[name]:16.3f} {wall[name]:18.3f} {rate:14.1f}")
    result = {
        "ratio_fp32": round(cpu["textbook"] / cpu["ours"], 3),
        "ratio_fp32_wall": round(wall["textbook"] / wall["ours"], 3),
        "images_per_second": round(size.batch_size / cpu["ours"], 2),
        "rounds": rounds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
