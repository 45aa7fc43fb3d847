"""Completion of one image for the page: images to begin with, search in stages, attention."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.pixels import to_uint8
from sagan.completion.blending import blend
from sagan.completion.chosen import preparation
from sagan.completion.config import CompletionConfig
from sagan.completion.encoder import Encoder, obtain_encoder
from sagan.completion.inputs import MaskedImage, read_images
from sagan.completion.masks import NONE, Mask
from sagan.completion.search import Found, search
from sagan.data.shards.store import ShardStore
from sagan.explorer.pictures import sample_picture
from sagan.models.generator import Generator
from sagan.sampling.attention_maps import QUERY_COLOURS, generate_with_attention, heat_tile
from sagan.sampling.grids import choose_classes
from sagan.sampling.latents import sample_latents

IMAGES_OFFERED = 8
EDGE_PX = 4  # of the hole's outline
SPLIT = "val"

Pixels = NDArray[np.uint8]


class Completer:
    """A generator that completes images; its encoder is trained at the first completion."""

    def __init__(
        self,
        bundle: GeneratorBundle,
        device: str,
        encoders: Path,
        shards: ShardStore | None = None,
        config: CompletionConfig | None = None,
    ) -> None:
        """Take what completions are made with.

        Args:
            bundle: Of the generator.
            device: Where it runs.
            encoders: Folder where encoders are kept.
            shards: Whose validation images are offered; None: the generator's samples are.
            config: Of the search; None: the defaults.

        Raises:
            ValueError: If the shards' images are not like the generator's.
        """
        self.bundle, self.shards = bundle, shards
        self._device, self._encoders = torch.device(device), encoders
        self._config = config or CompletionConfig()
        self._training = Lock()  # a cancelled completion goes on training the encoder
        self.computing = 0  # completions that are being searched
        wanted = (bundle.image_size, bundle.image_channels)
        if shards is not None and (shards.image_size, shards.image_channels) != wanted:
            raise ValueError(
                f"{shards.path}: images of {shards.image_size} px and {shards.image_channels} "
                f"channels, the generator makes {wanted[0]} px and {wanted[1]} channels; leave "
                "--shards out, or name shards like its images "
                f"(`sagan data IMAGES --out DIR --image-size {wanted[0]} --channels {wanted[1]}`)"
            )
        if shards is not None and SPLIT not in shards.splits:
            raise ValueError(f"{shards.path}: there are no validation images to complete")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides of the feature maps followed by attention, ascending."""
        return self._generator.attention_resolutions

    @property
    def conditional(self) -> bool:
        """Whether the generator knows classes."""
        return self._generator.class_conditional

    @cached_property
    def offered(self) -> Pixels:
        """The first validation image of evenly chosen classes, or samples: uint8 [N, C, S, S]."""
        if self.shards is None:
            labels = torch.tensor(choose_classes(self.bundle.num_classes, IMAGES_OFFERED))
            latents = sample_latents(len(labels), self.bundle.latent_dim, seed=0)
            with torch.no_grad():
                made = self._generator(latents.to(self._device), labels.to(self._device))
            return to_uint8(made).cpu().numpy()
        val = self.shards.split(SPLIT)
        present = np.unique(val.labels)
        chosen = present[choose_classes(len(present), IMAGES_OFFERED)]
        firsts = [int((val.labels == label).argmax()) for label in chosen]
        return val.read(np.array(firsts)).numpy()

    def read(self, path: Path) -> Pixels:
        """An image file, made a square as the shards' images were: uint8 [C, S, S].

        Raises:
            ValueError: If it cannot be decoded.
        """
        size, channels = self.bundle.image_size, self.bundle.image_channels
        options: dict[str, Any] = {"size": size, "channels": channels, "seed": 0}
        if self.shards is not None:
            options["prepared"] = preparation(self.shards)
        (image,) = read_images([path], NONE, **options)
        return image.pixels

    def complete(self, image: Pixels, hidden: Mask, class_label: int | None) -> Iterator[Found]:
        """Search completions in stages, each with more steps than the one before.

        Args:
            image: uint8 [C, S, S].
            hidden: bool [S, S].
            class_label: None: unknown.

        Raises:
            OSError: If the encoder cannot be written.
            ValueError: If all of the image is hidden, or nothing; if the encoder is damaged.
        """
        if hidden.all():
            raise ValueError("all of the image is hidden, so that nothing says what it is")
        if not hidden.any():
            raise ValueError("nothing is hidden: paint over a part of the image")
        masked, steps = MaskedImage("image", image, hidden, whole=True), self._config.refine_steps
        self.computing += 1
        try:
            with self._training:
                encoder = self._encoder
            for stage in (0, steps // 3, steps):
                config = self._config.model_copy(update={"refine_steps": stage})
                yield search(
                    masked,
                    self._generator,
                    encoder,
                    config,
                    class_label=class_label,
                    device=self._device,
                )
        finally:
            self.computing -= 1

    def attention(self, found: Found, index: int, hidden: Mask) -> list[tuple[Image.Image, str]]:
        """A completion, then where its hole attends in each layer, with a line about each."""
        latents, labels = (
            values[index : index + 1].to(self._device)
            for values in (found.latents, found.class_labels)
        )
        (image,), maps = generate_with_attention(self._generator, latents, labels)
        sample = sample_picture(image)
        drawn = [(outlined(sample, hidden), "The generator's image")]
        for resolution in sorted(maps):
            weights = hole_attention(maps[resolution][0], hidden)
            side = round(len(weights) ** 0.5)
            seen = float(weights @ (1 - pooled(hidden, side).ravel()))
            text = (
                f"{resolution}x{resolution}: {seen:.0%} of the hole's attention goes to visible "
                f"pixels, which are {1 - hidden.mean():.0%} of the image"
            )
            drawn.append((outlined(heat_tile(sample, weights), hidden), text))
        return drawn

    @cached_property
    def _generator(self) -> Generator:
        # of its own: the other views change their tables between classes
        return self.bundle.load(str(self._device))

    @cached_property
    def _encoder(self) -> Encoder:
        return obtain_encoder(
            self.bundle,
            self._generator,
            self._config.encoder,
            self._encoders,
            seed=self._config.seed,
            device=self._device,
        )


def blended(image: Pixels, found: Found, hidden: Mask) -> list[Image.Image]:
    """The completions, blended into the image and enlarged, the best first."""
    return [sample_picture(blend(image, made, hidden)) for made in found.images.numpy()]


def pooled(hidden: Mask, side: int) -> NDArray[np.float64]:
    """Hidden share of each cell: bool [S, S] -> float [side, side]; side divides S."""
    cell = len(hidden) // side
    shares: NDArray[np.float64] = hidden.reshape(side, cell, side, cell).mean(axis=(1, 3))
    return shares


def hole_attention(attention: np.ndarray, hidden: Mask) -> NDArray[np.float64]:
    """The mean attention of the hidden positions: [r*r, keys] -> float [keys], summing to 1."""
    queries = pooled(hidden, round(len(attention) ** 0.5)).ravel()
    mean: NDArray[np.float64] = queries @ attention / queries.sum()
    return mean


def outlined(picture: Image.Image, hidden: Mask) -> Image.Image:
    """An enlarged picture with the hole's outline."""
    factor = picture.width // len(hidden)
    hole = hidden.repeat(factor, axis=0).repeat(factor, axis=1)
    edge = hole & ~binary_erosion(hole, iterations=EDGE_PX, border_value=1)
    pixels = np.array(picture)
    pixels[edge] = QUERY_COLOURS[5]
    return Image.fromarray(pixels)
