"""Paths through latents and classes: great circles, truncation, classes between two."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sagan.models.generator import Generator
from sagan.models.normalization import ConditionalBatchNorm2d

MIN_SINE = 1e-4  # of the angle between two latents; below it, the great circle is undefined


def interpolate(starts: Tensor, ends: Tensor, share: float) -> Tensor:
    """Points on the great circles between latents (White, 2016, Sampling Generative Networks).

    A straight line would pass through lengths that samples of N(0, I) do not have.

    Args:
        starts: float [N, Z].
        ends: float [N, Z].
        share: of the way, 0..1; at 0 and 1 the ends themselves.

    Returns:
        float [N, Z].
    """
    cosine = torch.nn.functional.cosine_similarity(starts, ends, dim=1).clamp(-1, 1)[:, None]
    angle = torch.acos(cosine)
    near = angle.sin() < MIN_SINE  # the same direction, or opposite ones: a straight line
    sine = torch.where(near, 1, angle.sin())
    first = torch.where(near, 1 - share, torch.sin((1 - share) * angle) / sine)
    second = torch.where(near, share, torch.sin(share * angle) / sine)
    return first * starts + second * ends


def circle(starts: Tensor, others: Tensor, share: float) -> Tensor:
    """Points on closed curves through latents that are drawn independently of each other.

    cos(a) z + sin(a) z' is distributed as N(0, I) for every angle a.

    Args:
        starts: float [N, Z].
        others: float [N, Z]; passed after a quarter of the way.
        share: of the way, 0..1.

    Returns:
        float [N, Z].
    """
    angle = torch.tensor(2 * torch.pi * share)
    return torch.cos(angle) * starts + torch.sin(angle) * others


def truncate(latents: Tensor, truncation: float) -> Tensor:
    """Latents of N(0, I), moved to the normal distribution truncated at +-truncation.

    Redrawing (BigGAN, section 3.1) has the same distribution, but jumps as the truncation changes;
    here each component keeps its quantile.

    Args:
        latents: float [N, Z].
        truncation: in standard deviations, above 0.

    Returns:
        float [N, Z].
    """
    edge = torch.special.ndtr(torch.tensor(-truncation, dtype=torch.float64))
    quantiles = torch.special.ndtr(latents.double())
    moved: Tensor = torch.special.ndtri(edge + quantiles * (1 - 2 * edge))
    return moved.clamp(-truncation, truncation).to(latents.dtype)


@contextmanager
def blended_classes(generator: Generator, others: Tensor, share: float) -> Iterator[None]:
    """Within the block, class k lies between itself and another class.

    Gains and biases of conditional batch norm are interpolated linearly.

    Args:
        generator: not conditional on the class, it stays as it is.
        others: int64 [K]: that of each class.
        share: of the way to it, 0..1.
    """
    norms = [m for m in generator.modules() if isinstance(m, ConditionalBatchNorm2d)]
    tables = [t for norm in norms for t in (norm.gain, norm.bias) if len(t) > 1]
    own = [table.data for table in tables]
    try:
        for table in tables:
            table.data = torch.lerp(table.data, table.data[others], share)
        yield
    finally:
        for table, values in zip(tables, own, strict=True):
            table.data = values
