"""Metrics of a file of samples, without the rest of the pipeline.

`python -m sagan.metrics SAMPLES_NPZ SHARDS --out metrics.json` compares what `python -m
sagan.sampling BUNDLE --out DIR --npz` wrote with the shards' real images.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from sagan.data.shards import ShardStore
from sagan.files import file_sha256, replacing_file
from sagan.metrics.config import ClassifierConfig, EvaluationConfig, SweepConfig
from sagan.metrics.evaluation import evaluate
from sagan.metrics.features import Batch
from sagan.metrics.references import reference_statistics
from sagan.schema import load_settings
from sagan.terminal import fit_log_to_terminal, worded, write_error

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
        raise ValueError(f"{path} is no file of samples: {error}") from error
    sound = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] == 3
    if not sound or class_labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path}: expected images uint8 [N, 3, H, W] and class_labels [N], got {images.dtype} "
            f"{[*images.shape]} and {[*class_labels.shape]}"
        )
    return images, class_labels.astype(np.int64)


def _measure(options: argparse.Namespace) -> None:
    images, class_labels = read_samples(options.samples)
    shards = ShardStore.open(options.shards)
    size = (shards.image_size, shards.image_size)
    if images.shape[2:] != size:
        raise ValueError(f"{options.samples}: images are {images.shape[2:]}, the shards' {size}")
    config = _of_a_file(read_config(options.config), len(images))
    device = torch.device(options.device)
    workspace = options.workspace or options.out.parent / "features"
    reference = reference_statistics(shards, config, workspace, device)
    origin = {"file": options.samples.name, "file_sha256": file_sha256(options.samples)}

    def batches() -> Iterator[Batch]:
        for start in range(0, len(images), config.batch_size):
            batch = slice(start, start + config.batch_size)
            yield torch.from_numpy(images[batch]), torch.from_numpy(class_labels[batch])

    metrics = evaluate(
        batches(), shards, reference, config, workspace=workspace, device=device, origin=origin
    )
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    with replacing_file(options.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    logger.info("%s", options.out)


def _of_a_file(config: EvaluationConfig, count: int) -> EvaluationConfig:
    """The part of a configuration that samples drawn before can follow."""
    if config.sweep.truncations:
        logger.info("no truncation curve: it needs a generator to draw from")
    return config.model_copy(update={"num_samples": count, "sweep": SweepConfig()})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagan.metrics", description="Compare a file of samples with real images."
    )
    option = parser.add_argument
    option("samples", type=Path, metavar="SAMPLES_NPZ", help="images and class_labels")
    option("shards", type=Path, metavar="SHARDS", help="folder with index.json")
    option("--out", type=Path, required=True, metavar="JSON", help="the metrics file")
    option(
        "--config",
        type=Path,
        metavar="YML",
        action="append",
        default=[],
        help="parameters_evaluation.yml; several are laid over one another in order",
    )
    option("--workspace", type=Path, metavar="DIR", help="cache; default: features/ beside --out")
    option("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    return parser


if __name__ == "__main__":
    sys.exit(main())
