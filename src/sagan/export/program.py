"""The generator as a program: `torch.export`, saved, loaded again and held against the original.

Who loads it needs torch alone: `torch.export.load("generator.pt2").module()(latents, labels)`.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sagan.common.files import replacing_file
from sagan.common.schema import ClearError
from sagan.models.generator import Generator
from sagan.sampling.latents import sample_latents

PROGRAM = "generator.pt2"


class ProgramDiffers(ClearError, ValueError):  # noqa: N818 - says what happened
    """The saved program does not draw what the generator draws."""


def write_program(
    generator: Generator, path: Path, *, samples: int, tolerance: float
) -> dict[str, Any]:
    """Save the generator as a program for any batch size, and check what was saved.

    Args:
        generator: on the CPU, in evaluation mode.
        path: of the `.pt2`.
        samples: N, drawn by both at once, and then one by one.
        tolerance: largest difference allowed, of images in -1..1.

    Returns:
        JSON-able: the inputs, the largest difference found, the tolerance, torch's version.

    Raises:
        ProgramDiffers: when they differ by more, or either draws NaN.
    """
    exported = torch.export.export(
        generator,
        _inputs(generator, 2),
        dynamic_shapes={
            "latents": {0: torch.export.Dim.DYNAMIC},
            "class_labels": {0: torch.export.Dim.DYNAMIC},
        },
    )
    # an open file, since of a name torch wants the suffix .pt2
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        torch.export.save(exported, file)
    found = largest_difference(path, generator, samples)
    if not found <= tolerance:  # NaN is a difference too
        raise ProgramDiffers(
            f"{path.name} generates other images than the generator: they differ by up to "
            f"{found:.3g} (pixels are -1..1), allowed is {tolerance:.3g}; raise export.tolerance "
            "if that is rounding on your machine, or omit the program with export.program=false"
        )
    return {
        "file": path.name,
        "inputs": {
            "latents": f"float32 [N, {generator.latent_dim}]",
            "class_labels": f"int64 [N], 0..{generator.num_classes - 1}",
        },
        "output": f"float32 [N, 3, {generator.image_size}, {generator.image_size}], -1..1",
        "checked_samples": samples,
        "largest_difference": found,
        "tolerance": tolerance,
        "torch": torch.__version__,
    }


@torch.no_grad()
def largest_difference(path: Path, generator: Generator, samples: int) -> float:
    """Between what a saved program and the generator draw, as one batch and one by one."""
    program = torch.export.load(path).module()
    latents, class_labels = _inputs(generator, samples)
    wanted = generator(latents, class_labels)
    alone = [program(latents[i : i + 1], class_labels[i : i + 1]) for i in range(samples)]
    batches = (program(latents, class_labels), torch.cat(alone))
    # torch's own max keeps NaN, Python's may lose it
    return float(torch.stack([(batch - wanted).abs().max() for batch in batches]).max())


def _inputs(generator: Generator, count: int) -> tuple[Tensor, Tensor]:
    labels = torch.arange(count) % generator.num_classes
    return sample_latents(count, generator.latent_dim, seed=0), labels
