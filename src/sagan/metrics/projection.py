"""Projection of validation images: how near a generator comes to them, class by class.

Each image is compared with the nearest one of its class that the search of completion finds without
a mask. A class whose images stay far away lacks part of its variety (mode collapse), which no
single score shows. The nearest training image of the class is the scale.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.common.progress import progress_bar
from sagan.completion.config import SearchConfig
from sagan.completion.encoder import obtain_encoder
from sagan.completion.inputs import MaskedImage
from sagan.completion.results import rmse
from sagan.completion.search import search
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.features.statistics import Statistics
from sagan.sampling.grids import choose_classes

CLASSES = 20  # evenly chosen, at most
SEARCH = SearchConfig(refine_steps=50)
_READ_AT_ONCE = 1024


def evaluate_and_project(
    bundle: GeneratorBundle,
    shards: ShardStore,
    config: EvaluationConfig,
    workspace: Path,
    *,
    reference: Statistics | None = None,
) -> dict[str, Any]:
    """Scores as `evaluate_generator` has them, and the projection where it is asked for.

    Apart from the scores, so that training, which scores too, does not depend on completion.

    Raises:
        ValueError: if images are to be projected and a split is missing; as `evaluate_generator`.
    """
    missing = {"train", "val"} - set(shards.splits)
    if config.projected_images and missing:
        raise ValueError(
            f"evaluation.projected_images needs the splits train and val; without "
            f"{' and '.join(sorted(missing))} set it to 0"
        )
    metrics = evaluate_generator(bundle, shards, config, workspace, reference=reference)
    if config.projected_images:
        device = choose_device(config.device)
        metrics["details"]["projection"] = project_images(
            bundle.choose(config.weights), shards, config, workspace=workspace, device=device
        )
    return metrics


def project_images(
    bundle: GeneratorBundle,
    shards: ShardStore,
    config: EvaluationConfig,
    *,
    workspace: Path,
    device: torch.device,
) -> dict[str, Any]:
    """Project the first validation images of each class, of evenly chosen classes.

    Args:
        bundle: of the generator.
        shards: of its size, channels and classes.
        config: how many images.
        workspace: folder whose `encoders` keeps the encoder.
        device: where the networks run.

    Returns:
        JSON-able: `by_class` with the mean `distance` and that of the `nearest_training_image`, in
        grey levels (root of the mean square over the pixels); `images`, each with its latent; the
        protocol.
    """
    generator = bundle.load(str(device))
    kept = workspace / "encoders"
    encoder = obtain_encoder(
        bundle, generator, SEARCH.encoder, kept, seed=SEARCH.seed, device=device
    )
    val, train, names = shards.split("val"), shards.split("train"), shards.class_names
    images: list[dict[str, Any]] = []
    classes = choose_classes(shards.num_classes, CLASSES)
    for label in progress_bar("projection", len(classes), "classes", classes):
        for place in np.flatnonzero(val.labels == label)[: config.projected_images].tolist():
            pixels = val.read(np.array([place])).numpy()[0]
            nothing = np.zeros(pixels.shape[1:], dtype=bool)
            image = MaskedImage(str(place), pixels, nothing, whole=True)
            found = search(image, generator, encoder, SEARCH, class_label=label, device=device)
            distances = [rmse(pixels, made, ~nothing) or 0.0 for made in found.images.numpy()]
            best = int(np.argmin(distances))
            images.append(
                {
                    "val_image": place,
                    "class": names[label],
                    "distance": distances[best],
                    "nearest_training_image": _nearest(pixels, train, label),
                    "latent": found.latents[best].tolist(),
                }
            )
    return {
        "unit": "root of the mean squared difference of pixels, grey levels",
        "images_a_class_at_most": config.projected_images,
        "search": SEARCH.model_dump(mode="json"),
        "by_class": _by_class(images),
        "images": images,
    }


def _nearest(pixels: np.ndarray, train: ShardSplit, label: int) -> float:
    """Distance of the nearest training image of a class, in grey levels."""
    own, lowest = np.flatnonzero(train.labels == label), np.inf
    for start in range(0, len(own), _READ_AT_ONCE):
        others = train.read(own[start : start + _READ_AT_ONCE]).numpy()
        squares = (others.astype(np.float32) - pixels) ** 2
        lowest = min(lowest, float(squares.mean(axis=(1, 2, 3)).min()))
    return float(np.sqrt(lowest))


def _by_class(images: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            key: float(np.mean([one[key] for one in images if one["class"] == name]))
            for key in ("distance", "nearest_training_image")
        }
        for name in dict.fromkeys(one["class"] for one in images)
    }
