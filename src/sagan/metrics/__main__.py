"""Metrics of a generator or of a file of samples, without the rest of the pipeline.

`python -m sagan.metrics BUNDLE SHARDS --out metrics.json` measures a generator as the pipeline
does; in place of the bundle, a file of samples that were drawn before, such as `python -m
sagan.sampling BUNDLE --out DIR --npz` writes, is compared with the shards' real images.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from sagan.bundle.generator_bundle import KINDS, GeneratorBundle
from sagan.common.devices import choose_device
from sagan.common.files import file_sha256, replacing_file
from sagan.common.schema import load_settings
from sagan.common.terminal import Parser, fit_log_to_terminal, worded, write_error
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import ClassifierConfig, EvaluationConfig, SweepConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.evaluation import evaluate, headline_scores
from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.references import reference_statistics

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the metrics file; 0 on success, 1 after one clear message."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fit_log_to_terminal()
    try:
        _measure(options)
    except (ValueError, OSError) as error:
        write_error(f"error: {worded(error)}")
        return 1
    return 0


def read_config(files: Sequence[Path]) -> EvaluationConfig:
    """The `evaluation` blocks of parameters files; without a file the classifier's features.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one is not YAML, has no such block, or what they say together is not valid.
    """
    if not files:
        return EvaluationConfig(features="classifier", classifier=ClassifierConfig())
    return EvaluationConfig(**load_settings("evaluation", files, []))


def read_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 3, H, W] and class labels int64 [N] of a samples file.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it holds anything else; nothing in it is run.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, class_labels = file["images"], file["class_labels"]
    except (BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a file of samples: {error}") from error
    sound = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] == 3
    named = class_labels.dtype.kind in "iu" and class_labels.shape == images.shape[:1]
    if not sound or not named:
        raise ValueError(
            f"{path}: expected images uint8 [N, 3, H, W] and integer class_labels [N], got "
            f"{images.dtype} {[*images.shape]} and {class_labels.dtype} {[*class_labels.shape]}"
        )
    return images, class_labels.astype(np.int64)


def _measure(options: argparse.Namespace) -> None:
    device = choose_device(options.device)
    shards, config = ShardStore.open(options.shards), read_config(options.config)
    workspace = options.workspace or options.out.parent / "features"
    if options.samples.is_dir():
        weights = options.weights or config.weights
        config = config.model_copy(update={"device": str(device), "weights": weights})
        metrics = evaluate_generator(
            GeneratorBundle.open(options.samples), shards, config, workspace
        )
    elif options.weights is not None:
        raise ValueError(
            f"--weights chooses between a generator's weights, but {options.samples} is not a "
            "bundle's folder; leave --weights out for a file of samples"
        )
    else:
        metrics = _evaluate_file(options.samples, shards, config, workspace, device)
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    with replacing_file(options.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    for line in (*headline_scores(metrics), options.out):
        logger.info("%s", line)


def _evaluate_file(
    path: Path, shards: ShardStore, config: EvaluationConfig, workspace: Path, device: torch.device
) -> dict[str, Any]:
    """The metrics of samples that were drawn before."""
    images, class_labels = read_samples(path)
    size = (shards.image_size, shards.image_size)
    if images.shape[2:] != size:
        raise ValueError(f"{path}: images are {images.shape[2:]}, the shards' {size}")
    unknown = class_labels[(class_labels < 0) | (class_labels >= shards.num_classes)]
    if len(unknown):
        raise ValueError(
            f"{path}: {len(unknown)} class labels are outside 0..{shards.num_classes - 1}, the "
            f"shards' classes: {unknown[:5].tolist()}"
        )
    config = _config_for_file(config, len(images))
    reference = reference_statistics(shards, config, workspace, device)
    origin = {"file": path.name, "file_sha256": file_sha256(path)}

    def batches() -> Iterator[Batch]:
        for start in range(0, len(images), config.batch_size):
            batch = slice(start, start + config.batch_size)
            yield torch.from_numpy(images[batch]), torch.from_numpy(class_labels[batch])

    return evaluate(
        batches(), shards, reference, config, workspace=workspace, device=device, origin=origin
    )


def _config_for_file(config: EvaluationConfig, count: int) -> EvaluationConfig:
    """The part of a configuration that samples drawn before can follow."""
    if config.sweep.truncations:
        logger.info("no truncation curve: it needs a generator to sample from")
    if config.weights is not None:
        logger.info("weights: %s: not known of samples that were drawn before", config.weights)
    return config.model_copy(update={"num_samples": count, "sweep": SweepConfig()})


def _parser() -> Parser:
    parser = Parser(
        prog="python -m sagan.metrics",
        description="Compare a generator's samples with real images.",
    )
    option = parser.add_argument
    option(
        "samples",
        type=Path,
        metavar="BUNDLE_OR_NPZ",
        help="folder with generator.safetensors, or a file with images and class_labels",
    )
    option("shards", type=Path, metavar="SHARDS", help="folder with index.json")
    option("--out", type=Path, required=True, metavar="JSON", help="the metrics file")
    option(
        "--config",
        type=Path,
        metavar="YML",
        action="append",
        default=[],
        help="parameters_evaluation.yml; if several, later ones override earlier ones",
    )
    option("--weights", choices=KINDS, help="measure the bundle's averaged or raw weights")
    option("--workspace", type=Path, metavar="DIR", help="cache; default: features/ beside --out")
    option("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    return parser


if __name__ == "__main__":
    sys.exit(main())
