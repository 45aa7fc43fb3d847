"""Image generation from latents and class labels, in batches."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.pixels import to_uint8
from sagan.models.generator import Generator

_OBJECT_BYTES = 200  # of Python's objects for a latent and its label


def generate(
    generator: Generator,
    latents: Tensor,
    class_labels: Tensor,
    batch_size: int,
    device: str | torch.device = "cpu",
) -> Iterator[Tensor]:
    """Generate images; the generator is unchanged, its train/eval mode included.

    The batch size bounds memory only: sample i is the same image in any batch, up to rounding in
    floating point sums (one grey level at most).

    Args:
        generator: on `device`.
        latents: float32 [N, Z].
        class_labels: int64 [N], 0..K-1.
        batch_size: images per forward pass.
        device: where the generator's weights are.

    Yields:
        uint8 [B, C, H, W] on the CPU, 0..255; B = batch_size, smaller in the last batch.

    Raises:
        ValueError: if latents and labels do not match each other or the generator.
    """
    _check(generator, latents, class_labels, batch_size)
    for start in range(0, len(latents), batch_size):
        batch = slice(start, start + batch_size)
        yield _generate_batch(generator, latents[batch].to(device), class_labels[batch].to(device))


def sample_bytes(bundle: GeneratorBundle) -> int:
    """Memory that one of many samples takes while all of them are put together [bytes]."""
    image, latent = bundle.image_channels * bundle.image_size**2, 4 * bundle.latent_dim
    return 2 * image + 3 * latent + _OBJECT_BYTES


def _generate_batch(generator: Generator, latents: Tensor, class_labels: Tensor) -> Tensor:
    # set for this batch only, since the caller may train between two batches
    training = generator.training
    generator.eval()
    try:
        with torch.inference_mode():
            images = generator(latents, class_labels)
    finally:
        generator.train(training)
    # outside inference mode, so that callers get an ordinary tensor
    return to_uint8(images).cpu()


def _check(generator: Generator, latents: Tensor, class_labels: Tensor, batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if latents.ndim != 2 or latents.shape[1] != generator.latent_dim:
        raise ValueError(f"latents: expected [N, {generator.latent_dim}], got {[*latents.shape]}")
    if class_labels.shape != latents.shape[:1]:
        raise ValueError(
            f"class labels: expected [{len(latents)}], one a latent, got {[*class_labels.shape]}"
        )
    unknown = class_labels[(class_labels < 0) | (class_labels >= generator.num_classes)]
    if len(unknown):
        raise ValueError(
            f"{len(unknown)} class labels are outside 0..{generator.num_classes - 1}: "
            f"{unknown[:5].tolist()}"
        )
