"""A sample and its attention maps, also interpolated between two latents and two classes.

A sample is identified by what `sagan sample` needs to draw it again: class, seed, index and
truncation. `Explorer` keeps the last few, so that a click costs no pass of the network.
"""

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.sampling.attention_maps import generate_with_attention
from sagan.sampling.interpolation import blended_classes, interpolate
from sagan.sampling.latents import sample_latents

KEPT_VIEWS = 32


@dataclass(frozen=True)
class Endpoint:
    """One end of an interpolation: sample `index` of a seed, of a class."""

    class_label: int
    seed: int = 0
    index: int = 0


@dataclass(frozen=True)
class LatentPoint:
    """A latent vector and its class: `start`, `end`, or the interpolation between them at `t`."""

    start: Endpoint
    end: Endpoint | None = None
    t: float = 0.0
    truncation: float | None = None

    @property
    def label(self) -> int | None:
        """The class, or None between two of them."""
        if self.end is None or self.t <= 0 or self.end.class_label == self.start.class_label:
            return self.start.class_label
        return self.end.class_label if self.t >= 1 else None


@dataclass(frozen=True)
class View:
    """A sample and its attention maps.

    image: uint8 [C, H, W]; maps by resolution r: float [r*r, keys], rows sum to 1.
    """

    image: np.ndarray
    maps: dict[int, np.ndarray]


class Explorer:
    """A loaded generator that draws views; safe to use from several threads."""

    def __init__(self, bundle: GeneratorBundle, device: str = "cpu") -> None:
        """Load the bundle's weights.

        Raises:
            ValueError: When the weights are damaged or belong to another network.
        """
        self.bundle, self.device = bundle, device
        self._generator = bundle.load(device)
        self._kept = lru_cache(KEPT_VIEWS)(self._draw)
        self._lock = Lock()

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides of the feature maps followed by attention, ascending."""
        return self._generator.attention_resolutions

    def latents(self, point: LatentPoint) -> Tensor:
        """The latent vector of a point: float32 [1, Z]."""
        start = self._latent(point.start, point.truncation)
        if point.end is None or point.t <= 0:
            return start
        return interpolate(start, self._latent(point.end, point.truncation), point.t)

    def view(self, point: LatentPoint) -> View:
        """The sample of a point, and its attention maps.

        Raises:
            ValueError: For an unknown class, or a wrong seed or truncation.
        """
        with self._lock:
            return self._kept(point)

    def samples(self, end: Endpoint, count: int, truncation: float | None) -> np.ndarray:
        """The first samples of a seed, as `sagan sample` numbers them: uint8 [N, C, H, W]."""
        self._check(end)
        latents = sample_latents(count, self.bundle.latent_dim, end.seed, truncation)
        labels = torch.full((count,), end.class_label)
        with self._lock:
            images, _ = generate_with_attention(
                self._generator, latents.to(self.device), labels.to(self.device)
            )
        return images

    def _draw(self, point: LatentPoint) -> View:
        others, end = torch.arange(self.bundle.num_classes), point.end
        if point.label is None and end is not None:
            others[point.start.class_label] = end.class_label
        label = point.start.class_label if point.label is None else point.label
        labels, latents = torch.tensor([label], device=self.device), self.latents(point)
        with blended_classes(self._generator, others.to(self.device), point.t):
            images, maps = generate_with_attention(self._generator, latents.to(self.device), labels)
        return View(images[0], {resolution: found[0] for resolution, found in maps.items()})

    def _latent(self, end: Endpoint, truncation: float | None) -> Tensor:
        self._check(end)
        dim = self.bundle.latent_dim
        return sample_latents(1, dim, end.seed, truncation, first_index=end.index)

    def _check(self, end: Endpoint) -> None:
        if not 0 <= end.class_label < self.bundle.num_classes:
            known = f"0..{self.bundle.num_classes - 1}"
            raise ValueError(f"class label: expected {known}, got {end.class_label}")
