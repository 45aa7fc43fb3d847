"""Quality of the digits of the last default run: `python -m benchmarks.digits_quality`.

A support vector machine fitted on scikit-learn's real digits (as in its own example: 8x8 pixels,
gamma 0.001) measures the share of generated digits that it recognises as the class asked for. The
mean pairwise pixel distance within a class, relative to real images, shows whether the samples are
near copies of one prototype.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.counts import not_negative
from sagan.metrics.scores.diversity import diversity

CLASSES = 10
SVM_SIZE_PX = 8
SVM_LEVELS = 16  # scikit-learn's digits count 0..16


def measure(
    images: np.ndarray, labels: np.ndarray, real_images: np.ndarray, real_labels: np.ndarray
) -> dict[str, Any]:
    """Recognised share and within-class diversity of generated digits.

    Args:
        images: uint8 [N, C, H, W], generated; H and W at least 8.
        labels: int64 [N], the digit that was asked for.
        real_images: uint8 [M, C, H, W], real digits at the same size.
        real_labels: int64 [M].

    Returns:
        `recognised`, `diversity_mean`, `diversity_min` (ratios), `real_recognised` (the same
        machine on the real images: what resizing alone costs) and `classes`, one record each.
    """
    classifier = _fit_svm()
    correct = classifier.predict(as_svm_input(images)) == labels
    real_correct = classifier.predict(as_svm_input(real_images)) == real_labels
    by_class = {
        label: diversity(images[labels == label], real_images[real_labels == label])
        for label in np.unique(real_labels).tolist()
    }
    ratios = {label: ratio for label, ratio in by_class.items() if ratio is not None}
    return {
        "recognised": float(correct.mean()),
        "diversity_mean": float(np.mean(list(ratios.values()))),
        "diversity_min": float(min(ratios.values())),
        "real_recognised": float(real_correct.mean()),
        "classes": [
            {
                "digit": label,
                "samples": int((labels == label).sum()),
                "recognised": float(correct[labels == label].mean()),
                "diversity": ratio,
            }
            for label, ratio in ratios.items()
        ],
    }


def _fit_svm() -> Any:  # noqa: ANN401 - scikit-learn has no types
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    digits = load_digits()
    return SVC(gamma=0.001).fit(digits.data, digits.target)


def as_svm_input(images: np.ndarray) -> np.ndarray:
    """uint8 [N, C, H, W] -> float [N, 64] in 0..16: grey, averaged over areas to 8x8."""
    import torch

    grey = torch.from_numpy(np.ascontiguousarray(images)).float().mean(dim=1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(grey, SVM_SIZE_PX)
    return (small * (SVM_LEVELS / 255)).flatten(1).double().numpy()


def generate(bundle_path: Path, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, C, H, W] and int64 [N]: `per_class` samples of each class of a bundle."""
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.sampling.generate import generate
    from sagan.sampling.latents import sample_latents

    bundle = GeneratorBundle.open(bundle_path)
    if bundle.num_classes != CLASSES:
        raise SystemExit(f"{bundle_path}: expected the {CLASSES} digits, got {bundle.class_names}")
    labels = torch.arange(CLASSES).repeat_interleave(per_class)
    latents = sample_latents(len(labels), bundle.latent_dim, seed)
    batches = generate(bundle.load(), latents, labels, batch_size=100)
    return torch.cat(list(batches)).numpy(), labels.numpy()


def shards_path(shards_json: Path) -> Path:
    """The folder of the shards that a run's handle points at."""
    target = Path(json.loads(shards_json.read_text())["path"])
    return target if target.is_absolute() else shards_json.parent / target


def read_real(shards_json: Path) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [M, C, H, W] and int64 [M]: every real image of all splits."""
    from sagan.data.shards.store import ShardStore

    store = ShardStore.open(shards_path(shards_json))
    splits = [store.split(name) for name in store.splits]
    images = [split.read(np.arange(len(split))).numpy() for split in splits]
    return np.concatenate(images), np.concatenate([split.labels for split in splits])


def _train_seconds(summary_json: Path) -> float:
    return float(json.loads(summary_json.read_text())["train_seconds"])


def _table(result: dict[str, Any]) -> str:
    lines = [f"{'digit':>6} {'samples':>8} {'recognised':>11} {'diversity':>10}"]
    everything = {
        "digit": "all",
        "samples": sum(row["samples"] for row in result["classes"]),
        "recognised": result["recognised"],
        "diversity": result["diversity_mean"],
    }
    lines += [
        f"{row['digit']:>6} {row['samples']:>8} "
        f"{row['recognised']:>11.1%} {row['diversity']:>10.2f}"
        for row in (*result["classes"], everything)
    ]
    lines += [
        "",
        "diversity: mean pairwise pixel distance within a class, real images = 1",
        f"lowest diversity of a class: {result['diversity_min']:.2f}",
        f"the SVM recognises {result['real_recognised']:.1%} of the real images at this size",
        f"training took {result['train_seconds']:.0f} s",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.digits_quality", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--per-class", type=int, default=100, help="samples per class")
    parser.add_argument("--seed", type=not_negative, default=0)
    arguments = parser.parse_args()
    if arguments.per_class < 2:
        parser.error("--per-class: at least 2, since diversity is of pairs")
    root: Path = arguments.data_root
    needed = {
        "bundle": root / "06_models" / "generator",
        "shards": root / "05_model_input" / "image_shards.json",
        "summary": root / "08_reporting" / "training_summary.json",
    }
    missing = [str(path) for path in needed.values() if not path.exists()]
    if missing:
        raise SystemExit(f"not there: {', '.join(missing)}; train first: make train")
    images, labels = generate(needed["bundle"], arguments.per_class, arguments.seed)
    result = measure(images, labels, *read_real(needed["shards"]))
    result["train_seconds"] = _train_seconds(needed["summary"])
    print(_table(result))
    keys = ("recognised", "diversity_mean", "diversity_min", "train_seconds")
    print(json.dumps({key: round(result[key], 4) for key in keys}))


if __name__ == "__main__":
    main()
