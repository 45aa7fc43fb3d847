"""Images for the report: samples with their nearest training images, best and worst classes.

The metrics file lists their indices. Sample i of a seed is the same image in any batch, so the few
shown samples are generated again and the evaluation need not store all of them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.class_labels import asked_counts, evaluation_labels, name_labels
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluate_generator import check_generator
from sagan.metrics.features.references import reference_class_counts
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents

IMAGES_A_CLASS = 8  # samples, and as many real images

Arrays = dict[str, np.ndarray]


def evaluation_pictures(
    bundle: GeneratorBundle,
    shards: ShardStore,
    metrics: Mapping[str, Any],
    config: EvaluationConfig,
) -> Arrays:
    """Generate the samples that the metrics file lists again, and read the matching real images.

    Returns:
        With images uint8 [n, C, H, W] and labels int64 [n]:
        `pair_samples` [P, ...], `pair_sample_labels`, `pair_sample_indices` (among all samples),
        `pair_drawn` bool [P] (drawn at random; else one of the nearest);
        `pair_neighbours` [P, k, C, H, W], nearest first, `pair_neighbour_labels` and
        `pair_neighbour_indices` [P, k] (in split train), `pair_distances` float64 [P, k];
        `class_labels` int64 [C], the worst first, `class_distances` float64 [C];
        `class_samples`, `class_sample_labels`, `class_real`, `class_real_labels`;
        `projected_real`, `projected_made` [R, ...] (the nearest image of the generator) and
        `projected_labels` of validation images, where they were projected;
        `metadata`: JSON text, the origin of the samples. P and C are 0 if not measured.

    Raises:
        ValueError: if the metrics are of another generator or of an earlier version.
    """
    check_generator(bundle, shards)
    bundle = bundle.choose(config.weights)
    counts = asked_counts(config, reference_class_counts(shards, config))
    _check_metrics(metrics, bundle, config, name_labels(config.num_samples, counts))
    details = metrics["details"]
    pairs = _pairs(details.get("nearest_training_images"))
    distances = _class_distances(details.get("intra_class"), shards.class_names)
    classes = np.array(list(distances), dtype=np.int64)
    labels = evaluation_labels(config.num_samples, counts).numpy()
    class_samples = _first_samples(classes, labels)
    indices = np.concatenate([pairs["pair_sample_indices"], class_samples])
    images = _samples(bundle, indices, labels, config)
    count = len(pairs["pair_sample_indices"])
    # without a train split there are no pairs, and nothing is read from the other one
    train = shards.split("train" if "train" in shards.splits else config.reference_split)
    neighbours = pairs["pair_neighbour_indices"]
    return {
        **pairs,
        "pair_samples": images[:count],
        "pair_sample_labels": labels[pairs["pair_sample_indices"]],
        "pair_neighbours": train.read(neighbours.ravel())
        .numpy()
        .reshape(*neighbours.shape, *images.shape[1:]),
        "pair_neighbour_labels": train.labels[neighbours],
        "class_labels": classes,
        "class_distances": np.array(list(distances.values()), dtype=np.float64),
        "class_samples": images[count:],
        "class_sample_labels": labels[class_samples],
        **_projected(bundle, shards, details.get("projection", {}), config),
        **_real_images(shards.split(config.reference_split), classes),
        "metadata": np.array(
            json.dumps({"samples": metrics["protocol"]["samples"]}, sort_keys=True)
        ),
    }


def _check_metrics(
    metrics: Mapping[str, Any], bundle: GeneratorBundle, config: EvaluationConfig, labels: str
) -> None:
    measured = metrics["protocol"]["samples"]
    expected = {
        "class_labels": labels,
        "seed": config.seed,
        "truncation": config.truncation,
        "generator": json.loads(json.dumps(bundle.facts)),
    }
    differing = [name for name, value in expected.items() if measured.get(name) != value]
    if differing:
        raise ValueError(
            f"the metrics are of other samples than these would be ({', '.join(differing)} "
            "differ): run the evaluation from its first node"
        )


def _pairs(nearest: Mapping[str, Any] | None) -> Arrays:
    """Indices and distances of the pairs: the closest ones, then those drawn at random."""
    closest, drawn = (nearest["closest"], nearest["drawn"]) if nearest else ([], [])
    entries = [*closest, *drawn]
    width = len(entries[0]["training_images"]) if entries else 0
    places = [entry["training_images"] for entry in entries]
    distances = [entry["distances"] for entry in entries]
    return {
        "pair_sample_indices": np.array([entry["sample"] for entry in entries], dtype=np.int64),
        "pair_drawn": np.arange(len(entries)) >= len(closest),
        "pair_neighbour_indices": np.array(places, dtype=np.int64).reshape(len(entries), width),
        "pair_distances": np.array(distances, dtype=np.float64).reshape(len(entries), width),
    }


def _class_distances(
    intra_class: Mapping[str, Any] | None, names: Sequence[str]
) -> dict[int, float]:
    """Distances of the worst and the best classes by label, worst first, without duplicates."""
    if intra_class is None:
        return {}
    ordered = dict.fromkeys([*intra_class["worst"], *reversed(intra_class["best"])])
    return {names.index(name): intra_class["table"][name] for name in ordered}


def _first_samples(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Indices of the first samples of each class in the evaluation's series, int64 [n]."""
    none = np.zeros(0, dtype=np.int64)
    firsts = (np.flatnonzero(labels == label)[:IMAGES_A_CLASS] for label in classes)
    return np.concatenate([none, *firsts])


def _projected(
    bundle: GeneratorBundle,
    shards: ShardStore,
    projection: Mapping[str, Any],
    config: EvaluationConfig,
) -> Arrays:
    """Validation images, and the nearest ones that the generator makes."""
    entries = projection.get("images", [])
    if not entries:
        return {}
    labels = np.array([shards.class_names.index(one["class"]) for one in entries], dtype=np.int64)
    device = choose_device(config.device)
    latents = torch.tensor([one["latent"] for one in entries])
    generator = bundle.load(str(device))
    made = generate(generator, latents, torch.from_numpy(labels), config.batch_size, device)
    places = np.array([one["val_image"] for one in entries])
    return {
        "projected_real": shards.split("val").read(places).numpy(),
        "projected_made": torch.cat(list(made)).numpy(),
        "projected_labels": labels,
    }


def _samples(
    bundle: GeneratorBundle, places: np.ndarray, labels: np.ndarray, config: EvaluationConfig
) -> np.ndarray:
    """The samples with these indices: uint8 [n, C, H, W]."""
    if len(places) == 0:
        return np.zeros((0, bundle.image_channels, *[bundle.image_size] * 2), dtype=np.uint8)
    device = choose_device(config.device)
    latents = [
        sample_latents(1, bundle.latent_dim, config.seed, config.truncation, first_index=place)
        for place in places.tolist()
    ]
    chosen = torch.from_numpy(labels[places])
    generator = bundle.load(str(device))
    batches = generate(generator, torch.cat(latents), chosen, config.batch_size, device)
    return torch.cat(list(batches)).numpy()


def _real_images(split: ShardSplit, classes: np.ndarray) -> Arrays:
    """Evenly chosen real images of each class."""
    chosen = []
    for label in classes.tolist():
        places = np.flatnonzero(split.labels == label)
        count = min(IMAGES_A_CLASS, len(places))
        chosen.append(places[np.linspace(0, len(places) - 1, count).round().astype(np.int64)])
    places = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
    return {"class_real": split.read(places).numpy(), "class_real_labels": split.labels[places]}
