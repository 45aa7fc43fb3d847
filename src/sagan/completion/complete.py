"""Completion of images with a generator bundle: read, search, blend, write."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.common.files import file_sha256, json_sha256, require_space, source_hash
from sagan.common.progress import progress_bar
from sagan.completion import results
from sagan.completion.config import CompletionConfig, SearchConfig
from sagan.completion.encoder import obtain_encoder
from sagan.completion.inputs import MaskedImage
from sagan.completion.search import search
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.processes.lock import folder_lock
from sagan.sampling.picture import Picture


def complete_images(
    bundle: GeneratorBundle,
    images: Sequence[MaskedImage],
    out: Path,
    config: CompletionConfig,
    *,
    class_label: int | None,
    encoders: Path,
    discriminator: Discriminator | None,
) -> tuple[list[dict[str, Any]], Picture]:
    """Complete images, and draw them.

    Args:
        bundle: of the generator.
        images: all of them are read and checked.
        out: for a folder `<name>` of each image.
        config: of search, sheet and device.
        class_label: of all images; None: unknown.
        encoders: folder where the encoder is kept.
        discriminator: in evaluation mode, judge of completions; None: none.

    Returns:
        What is recorded of each image, and the sheet uint8 [H, W, 3].

    Raises:
        OSError: if a result cannot be written.
        ValueError: if the sheet does not fit into memory.
    """
    results.require_sheet(len(images), bundle.image_size, config)
    device = choose_device(config.device)
    generator = bundle.load(str(device))
    with folder_lock(out):  # a second process waits, and then reads what the first one made
        made = list(
            complete(
                bundle,
                generator,
                images,
                out,
                config,
                class_label=class_label,
                encoders=encoders,
                device=device,
                discriminator=discriminator,
            )
        )
    drawn = np.asarray(results.sheet(made, config.tile_px))
    return [one.record for one in made], Picture.of(drawn, bundle.weights_sha256)


def complete(
    bundle: GeneratorBundle,
    generator: Generator,
    images: Sequence[MaskedImage],
    out: Path,
    config: SearchConfig,
    *,
    class_label: int | None = None,
    encoders: Path,
    device: torch.device,
    discriminator: Discriminator | None = None,
) -> Iterator[results.Completed]:
    """Complete images one by one, and write each as soon as it is finished.

    An image that an earlier run finished under the same settings is read instead. Deterministic on
    one machine with one number of threads: an image's result does not depend on the others.

    Args:
        bundle: of the generator.
        generator: on `device`, in evaluation mode.
        images: all of them are read and checked.
        out: for a folder `<name>` of each image.
        config: of the search.
        class_label: of all images; None: unknown.
        encoders: folder where the encoder is kept.
        device: where the generator's weights are.
        discriminator: in evaluation mode; None: completions are not judged by one.

    Raises:
        OSError: if a result cannot be written.
    """
    weights = bundle.weights_sha256 or file_sha256(bundle.path / "generator.safetensors")
    settings = [
        weights,
        source_hash("completion", "models"),
        config.model_dump(mode="json", include={*SearchConfig.model_fields}),
    ]
    if discriminator is not None:
        discriminator = discriminator.to(device)
        settings.append(hashlib.sha256(save(discriminator.state_dict())).hexdigest())
    keys = [json_sha256([settings, class_label, _pixels(image)])[:16] for image in images]
    finished = [results.read(i, out / i.name, key) for i, key in zip(images, keys, strict=True)]
    if None in finished:
        out.mkdir(parents=True, exist_ok=True)
        require_space(out, 0, remedy="choose another one")  # before the encoder's minutes
        encoder = obtain_encoder(
            bundle, generator, config.encoder, encoders, seed=config.seed, device=device
        )
    every = zip(images, keys, finished, strict=True)
    for image, key, known in progress_bar("completing images", len(images), "images", every):
        made = known
        if made is None:
            found = search(
                image,
                generator,
                encoder,
                config,
                class_label=class_label,
                device=device,
                discriminator=discriminator,
            )
            facts = {"key": key, "name": image.name, "weights_sha256": weights}
            facts |= {"seed": config.seed, "refine_steps": config.refine_steps}
            names = bundle.class_names if generator.class_conditional else None
            made = results.completed(image, found, names, facts)
            results.write(made, out / image.name)
        yield made


def _pixels(image: MaskedImage) -> list[Any]:
    """What a completion depends on of an image."""
    return [image.pixels.tobytes().hex(), image.hidden.tobytes().hex(), image.whole]
