"""The evaluation's pictures in the report: samples beside what they are compared with."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sagan.html.format import format_number
from sagan.html.images import data_uri
from sagan.sampling.drawing import as_pixels

LOSSLESS_TILE_BYTES = 4 * 1024  # of a single image, of which a page has hundreds


def nearest_pairs(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, Any]:
    """Samples beside their nearest training images.

    Args:
        arrays: The evaluation's pictures.
        names: Of the classes, by label.

    Returns:
        `nearest` and `drawn` (at random), a list each of `sample`, `neighbours` (`data:`
        addresses), `asked` and `found` (classes), `distance` (text) and `description` (alternative
        text).
    """
    groups: dict[str, list[dict[str, Any]]] = {"nearest": [], "drawn": []}
    for i, drawn in enumerate(arrays["pair_drawn"]):
        asked = names[int(arrays["pair_sample_labels"][i])]
        found = [names[int(label)] for label in arrays["pair_neighbour_labels"][i]]
        distance = format_number(float(arrays["pair_distances"][i][0]))
        index = int(arrays["pair_sample_indices"][i])
        groups["drawn" if drawn else "nearest"].append(
            {
                "sample": _tile(arrays["pair_samples"][i]),
                "neighbours": [_tile(image) for image in arrays["pair_neighbours"][i]],
                "asked": asked,
                "found": ", ".join(dict.fromkeys(found)),
                "distance": distance,
                "description": f"sample {index:,} of {asked} beside its nearest training "
                f"images, of {', '.join(found)}",
            }
        )
    return groups


def class_pictures(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> list[dict[str, Any]]:
    """Samples beside real images of the classes at either end, the worst first.

    Args:
        arrays: The evaluation's pictures.
        names: Of the classes, by label.
    """
    return [
        {
            "name": names[int(label)],
            "distance": format_number(float(distance)),
            "samples": _tiles(arrays["class_samples"][arrays["class_sample_labels"] == label]),
            "real": _tiles(arrays["class_real"][arrays["class_real_labels"] == label]),
        }
        for label, distance in zip(arrays["class_labels"], arrays["class_distances"], strict=True)
    ]


def projections(
    arrays: Mapping[str, np.ndarray], by_class: Mapping[str, Any], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Validation images beside the nearest ones that the generator makes, the worst class first.

    The worst is the farthest in relation to its nearest training images.

    Args:
        arrays: The evaluation's pictures; those of earlier versions have none.
        by_class: Distances by class.
        names: Of the classes with images, as they are shown, in the order of their labels.
    """
    labels = arrays.get("projected_labels", np.zeros(0))
    ordered = sorted(by_class, key=lambda name: -_relative(by_class[name]))
    places = dict(zip(by_class, dict.fromkeys(labels.tolist()), strict=False))
    return [
        {
            "name": names[name],
            "distance": f"{by_class[name]['distance']:.1f}",
            "nearest": f"{by_class[name]['nearest_training_image']:.1f}",
            "real": _tiles(arrays["projected_real"][labels == places[name]]),
            "made": _tiles(arrays["projected_made"][labels == places[name]]),
        }
        for name in ordered
        if name in places
    ]


def _relative(distances: Mapping[str, float]) -> float:
    """The distance in relation to that of the nearest training image."""
    return distances["distance"] / max(distances["nearest_training_image"], 1.0)


def origin(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What the samples are of, as `protocol.samples` of the metrics file."""
    samples: dict[str, Any] = json.loads(str(arrays["metadata"]))["samples"]
    return samples


def _tiles(images: Iterable[np.ndarray]) -> list[str]:
    return [_tile(image) for image in images]


def _tile(image: np.ndarray) -> str:
    """uint8 [C, H, W] -> a `data:` address."""
    return data_uri(as_pixels(image), lossless_bytes=LOSSLESS_TILE_BYTES)
