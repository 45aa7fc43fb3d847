"""Who is compared in `benchmarks.training_step`: the textbook's step and ours, on the same data."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import torch
from torch import Tensor
from torch.optim import Adam

from benchmarks.textbook import make_textbook, textbook_step
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training.core.finite import FiniteCheck
from sagan.training.core.loop import compiled_network, update_by
from sagan.training.core.state import CUDA_GRAPH
from sagan.training.core.steps import discriminator_step, generator_step

TEXTBOOK, OURS_FP32, OURS_BF16 = VARIANTS = ("textbook", "ours fp32", "ours bf16")

RATES = {"lr": 1e-4, "betas": (0.0, 0.999)}
LATENT_DIM = 128


@dataclass(frozen=True)
class Size:
    """What is trained."""

    image_size: int
    base_channels: int
    num_classes: int
    batch_size: int

    def __str__(self) -> str:
        return (
            f"{self.image_size} px, {self.base_channels} channels, "
            f"{self.num_classes:,} classes, batch {self.batch_size}"
        )

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


def draw(size: Size, device: str = "cpu") -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    """Images, labels, and latents with labels for both updates."""
    source = torch.Generator().manual_seed(0)
    n = size.batch_size
    images = torch.rand(n, 3, size.image_size, size.image_size, generator=source) * 2 - 1
    labels = [torch.randint(size.num_classes, (n,), generator=source) for _ in range(3)]
    latents = [torch.randn(n, LATENT_DIM, generator=source) for _ in range(2)]
    labels = [tensor.to(device) for tensor in labels]
    latents = [tensor.to(device) for tensor in latents]
    return images.to(device), labels[0], [(latents[0], labels[1]), (latents[1], labels[2])]


def make_step(
    variant: str, size: Size, device: str = "cpu", *, compiled: str = "off"
) -> Callable[[], None]:
    """One training step of a variant, to be called again and again."""
    torch.manual_seed(0)
    if variant == TEXTBOOK:
        return _their_step(size, device)
    return _our_step(size, device, bf16=variant == OURS_BF16, compiled=compiled)


def _our_step(size: Size, device: str, *, bf16: bool, compiled: str) -> Callable[[], None]:
    """The project's own step, as its training sets it up."""
    networks = [
        network.to(device, memory_format=torch.channels_last)
        for network in size.networks(spectral_norm=True)
    ]
    fused = device == "cuda"  # as in training
    options = {"fused": fused, "capturable": fused and compiled == CUDA_GRAPH, **RATES}
    of_g, of_d = (Adam(network.parameters(), **options) for network in networks)
    fast = [compiled_network(network, compiled) for network in networks]
    check = FiniteCheck(torch.device(device))
    images, labels, fakes = draw(size, device)
    images = images.contiguous(memory_format=torch.channels_last)
    update_g, update_d = (
        update_by(compiled, partial(step, *fast, optimizer, bf16=bf16, check=check), network, check)
        for step, optimizer, network in zip(
            (generator_step, discriminator_step), (of_g, of_d), networks, strict=True
        )
    )

    def step() -> None:
        update_d(images, labels, *fakes[0])
        update_g(*fakes[1])
        check.require_finite(but=2)

    return step


def _their_step(size: Size, device: str) -> Callable[[], None]:
    networks = [make_textbook(n).to(device) for n in size.networks(spectral_norm=False)]
    optimizers = [Adam(network.parameters(), **RATES) for network in networks]
    images, labels, fakes = draw(size, device)
    return lambda: textbook_step(*networks, optimizers, (images, labels), fakes)


@dataclass(frozen=True)
class Lap:
    """What one step took."""

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: float  # of the process, so far


def serve(connection: Connection, variant: str, size: Size) -> None:
    """A variant in a process of its own: a step for each number of threads that it is sent.

    Answers each with a `Lap`; None ends it. The first step, to warm up, is not asked for.
    """
    step = make_step(variant, size)
    step()
    connection.send(None)
    while (threads := connection.recv()) is not None:
        torch.set_num_threads(threads)
        cpu, wall = time.process_time(), time.perf_counter()
        step()
        connection.send(
            Lap(
                time.process_time() - cpu,
                time.perf_counter() - wall,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            )
        )
