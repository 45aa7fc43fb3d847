"""Statistics and features of the real images, computed once and cached."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from sagan.common.devices import choose_device
from sagan.common.files import json_sha256, replacing_file, source_hash
from sagan.common.progress import progress_bar
from sagan.common.schema import differences
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.class_labels import Counts, matching
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.features.extractor import FeatureExtractor, feature_extractor
from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.features.statistics import Statistics, measure_statistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.processes.child import Task
from sagan.processes.supervisor import run_in_child

logger = logging.getLogger(__name__)

HALVES = {"even": 0, "odd": 1}
# hashed at import, since files may be edited during a training run
_CODE = source_hash("metrics/features/references.py", "metrics/features/statistics.py")


def reference_statistics(
    shards: ShardStore, config: EvaluationConfig, workspace: Path, device: torch.device
) -> Statistics:
    """Statistics of the reference split.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ValueError: if the split does not exist or has fewer than two images.
    """
    if config.reference_split not in shards.splits:
        raise ValueError(
            f"evaluation.reference_split: the shards have no split '{config.reference_split}'; "
            f"expected one of {', '.join(shards.splits)}"
        )
    extractor = feature_extractor(config, shards, workspace, device)
    split = config.reference_split
    part = reference_part(shards, config)
    return split_statistics(shards, split, extractor, config, workspace, part=part)


def cache_references(
    shards: ShardStore,
    protocols: Sequence[EvaluationConfig],
    workspace: Path,
    *,
    threads: int = 0,
    in_child: bool,
) -> None:
    """Measure the reference statistics once, before several processes would each measure them.

    Args:
        shards: the images.
        protocols: what they are measured for.
        workspace: folder of cached features.
        threads: of the CPU; 0: as torch chooses.
        in_child: a GPU is used by a child process: this one keeps no memory of it.
    """
    for config in protocols:
        device = choose_device(config.device, threads=threads)
        arguments = (shards, config, workspace, device)
        if in_child and device.type == "cuda":
            run_in_child(
                Task(
                    "statistics of real images",
                    reference_statistics,
                    arguments,
                    progress_bars=True,
                    devices=(config.device,),
                )
            )
        else:
            reference_statistics(*arguments)


def reference_part(shards: ShardStore, config: EvaluationConfig) -> str:
    """The part of the reference split that is used: "all", or "n drawn".

    Raises:
        ValueError: if more are asked for than the split has.
    """
    asked, available = config.reference_count, len(shards.split(config.reference_split))
    if asked is None or asked == available:
        return "all"
    if asked > available:
        raise ValueError(
            f"evaluation.reference_count: {asked:,} real images asked for, split "
            f"{config.reference_split} has {available:,}; ask for at most as many, or null for all"
        )
    return f"{asked} drawn"


def reference_class_counts(shards: ShardStore, config: EvaluationConfig) -> Counts:
    """How many real images of each class samples are compared with: int64 [K]."""
    labels = shards.split(config.reference_split).labels
    used = labels[_part_indices(len(labels), reference_part(shards, config))]
    return np.bincount(used, minlength=shards.num_classes)


def check_reference(
    reference: Statistics, shards: ShardStore, config: EvaluationConfig, extractor: FeatureExtractor
) -> None:
    """Check that statistics are of this data set, resolution, resizer, split, network and count.

    Raises:
        ValueError: naming what differs, got and expected.
    """
    got = {"count": reference.count, **reference.protocol}
    split, part = config.reference_split, reference_part(shards, config)
    count = len(_part_indices(len(shards.split(split)), part))
    expected = {"count": count, **_protocol(shards, split, extractor, part)}
    got = {key: got.get(key) for key in expected}
    if got != expected:
        raise ValueError(
            "the reference statistics were made under another protocol (then -> now):\n  "
            + "\n  ".join(differences(got, expected)[:5])
            + "\nrun the evaluation from its first node to make them again"
        )


def split_statistics(
    shards: ShardStore,
    split: str,
    extractor: FeatureExtractor,
    config: EvaluationConfig,
    workspace: Path,
    *,
    part: str = "all",
    asked: Counts | None = None,
) -> Statistics:
    """Statistics of a split, or of a part of it: every other image (even, odd), or "n drawn".

    Where these have other class frequencies than the samples `asked` for, int64 [K], only as many
    as have them (`matching`).
    """
    images = shards.split(split)
    indices = _part_indices(len(images), part)
    kept = None if asked is None else matching(images.labels[indices], asked)
    if kept is not None:
        indices = indices[kept]
        part += f", as the samples: {json_sha256(indices.tolist())[:12]}"
    protocol = _protocol(shards, split, extractor, part)
    path = workspace / f"statistics-{_key(protocol, extractor)}.npz"
    if path.is_file():
        try:
            return Statistics.load(path)
        except ValueError as error:
            logger.warning("%s; computing them again", error)
    features = _features(images, indices, extractor, config.batch_size, split)
    statistics = measure_statistics(features, protocol)
    with replacing_file(path) as temporary:
        statistics.save(temporary)
    return statistics


def _part_indices(count: int, part: str) -> np.ndarray:
    """Indices of a part's images in a split of `count`: int64 [n], ascending."""
    if part == "all":
        return np.arange(count)
    if part in HALVES:
        return np.arange(HALVES[part], count, 2)
    drawn = int(part.removesuffix(" drawn"))
    return np.sort(np.random.default_rng(0).choice(count, drawn, replace=False))


def self_test(
    shards: ShardStore,
    reference: Statistics,
    extractor: FeatureExtractor,
    config: EvaluationConfig,
    workspace: Path,
    *,
    asked: Counts,
) -> dict[str, Any]:
    """The distance between two sets of real images: the optimum that a generator can reach.

    Between the reference and the other split, or, without one, two halves of the reference; the
    second in the class frequencies of the samples, `asked` of each class.
    """
    name = config.reference_split
    others = [split for split in shards.splits if split != name]
    if others:
        first, between = reference, f"{name} and {others[0]}"
        second = split_statistics(shards, others[0], extractor, config, workspace, asked=asked)
    else:
        between = f"even and odd images of {name}"
        first, second = (
            split_statistics(shards, name, extractor, config, workspace, part=part, asked=like)
            for part, like in (("even", None), ("odd", asked))
        )
    distance = frechet_distance(first, second)
    return {extractor.metric: distance, "between": between, "images": [first.count, second.count]}


def _protocol(
    shards: ShardStore, split: str, extractor: FeatureExtractor, part: str
) -> dict[str, Any]:
    """Everything that statistics of real images depend on."""
    return {
        "split": split,
        "part": part,
        "image_size_px": shards.image_size,
        "data_hash": shards.data_hash,
        "shards_key": shards.key,
        "features": extractor.protocol,
    }


def _key(protocol: dict[str, Any], extractor: FeatureExtractor) -> str:
    """Cache key of features and statistics: protocol and code.

    The code is not part of the protocol, so scores of two versions may be compared.
    """
    return json_sha256(protocol | {"code": [extractor.code, _CODE]})[:16]


def real_features(
    shards: ShardStore,
    split: str,
    extractor: FeatureExtractor,
    config: EvaluationConfig,
    workspace: Path,
) -> FeatureSample:
    """Features of all images of a split, or of a random subset of `kept_reference`; cached.

    Returns:
        features float32 [n, D], their labels, and their indices in the split.
    """
    images = shards.split(split)
    protocol = _protocol(shards, split, extractor, "all") | {"kept_at_most": config.kept_reference}
    path = workspace / f"kept-{_key(protocol, extractor)}.npz"
    labels = torch.from_numpy(images.labels)
    count = min(config.kept_reference, len(images))
    indices = np.sort(np.random.default_rng(0).choice(len(images), count, replace=False))
    rows = _load_rows(path, count)
    if rows is None:
        parts = _features(images, indices, extractor, config.batch_size, split)
        rows = torch.cat([part.cpu() for part in parts])
        with replacing_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, rows=rows.numpy())
    positions = torch.from_numpy(indices)
    return FeatureSample(rows, labels[positions], positions, len(images))


def _load_rows(path: Path, count: int) -> Tensor | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            rows = torch.from_numpy(file["rows"])
        if len(rows) != count:
            raise ValueError(f"{len(rows)} rows, expected {count}")
    except (BadZipFile, EOFError, KeyError, ValueError) as error:
        logger.warning("%s: not valid features (%s); computing them again", path, error)
        return None
    return rows


def _features(
    images: ShardSplit,
    indices: np.ndarray,
    extractor: FeatureExtractor,
    batch_size: int,
    what: str,
) -> Iterator[Tensor]:
    with progress_bar(f"features of {what}", len(indices), leave=False) as bar:
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            yield extractor(images.read(batch))
            bar.update(len(batch))
