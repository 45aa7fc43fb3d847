"""Whether attention helps to relate distant regions: `python -m benchmarks.distant_relations`.

In one digit of 16 px few distant regions depend on one another. Here an image of the same size
shows the same handwritten digit twice, in opposite corners: identical copies with nothing between
them. Networks and training are those of the digits (conf/base): with self-attention at the 8 px map
of both networks, the same with a learned factor of its logits, without attention, and with a
residual block of similar size instead, several seeds each.

`agreement` of generated pairs: how much more a sample's two corners correlate than corners of two
samples of the same class do; 1 for real images (identical copies), 0 where a sample's corners share
only their class. Also the Fréchet distance and the recognised share of the evaluation pipeline's
classifier, trained on these images, and attention at the end: |gamma|, and the entropy of its maps
(1: uniform). Prints one line per run, then one JSON line; `attention_helps` is true where agreement
with attention is higher than without it, by Welch's two-sided test at 0.05.

Needs no other run: the images are drawn from scikit-learn's digits into a temporary folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.counts import not_negative, positive
from benchmarks.digits_quality import generate
from benchmarks.tuning import chance, difference, evaluate, interval, table

SIZE_PX, DIGIT_PX = 16, 8
CORNERS = (slice(0, DIGIT_PX), slice(DIGIT_PX, SIZE_PX))  # rows, and columns alike
RESOLUTION = 8  # of the feature maps that attend [px]
SIDES = {
    "attention": ("released", [RESOLUTION]),
    "scaled": ("scaled", [RESOLUTION]),
    "none": ("released", []),
    "residual": ("residual", [RESOLUTION]),
}
SHOWN = ("agreement", "fd_classifier", "recognised", "recall", "diversity_mean")
LEVEL = 0.05

Run = tuple[str, int]


def main() -> int:
    """Draw, train, measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.distant_relations", description=__doc__)
    parser.add_argument("--seeds", type=positive, default=3, help="number of seeds for each")
    parser.add_argument(
        "--first-seed", type=not_negative, default=0, help="first seed; the others follow"
    )
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument(
        "--total-images", type=positive, default=36000, help="real images in each run"
    )
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument("--out", type=Path, help="keep images and runs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.out or Path(temporary)).resolve()
        shards = make_shards(out)
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        runs: list[Run] = [(side, seed) for seed, side in product(seeds, options.sides)]
        with ThreadPoolExecutor(options.jobs) as pool:
            made = list(pool.map(lambda run: train(shards, out, run, options.total_images), runs))
        results = {
            run: measure(summary, shards, out) for run, summary in zip(runs, made, strict=True)
        }
    print(table(results))
    summary = summarise(results)
    print(json.dumps({"total_images": options.total_images, **summary}))
    return 0


def make_shards(out: Path) -> Path:
    """Draw the images as a class folder and cut them into shards; the store's folder."""
    from PIL import Image

    from sagan.data.sources.digits import digit_pictures

    for name, pixels in digit_pictures().items():
        path = out / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(twins(pixels)).save(path)
    command = [sys.executable, "-m", "sagan", "data", str(out / "images")]
    command += ["--out", str(out / "data"), "--image-size", str(SIZE_PX), "--workers", "1"]
    return Path(_last_line(command))


def twins(pixels: np.ndarray) -> np.ndarray:
    """uint8 [8, 8] -> uint8 [16, 16]: the digit twice, in opposite corners."""
    image = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    for corner in CORNERS:
        image[corner, corner] = pixels
    return image


def train(shards: Path, out: Path, run: Run, total_images: int) -> dict[str, Any]:
    """One run; its last line of JSON."""
    (form, resolutions), seed = SIDES[run[0]], run[1]
    changes = [f"seed={seed}", f"total_images={total_images}", "tensorboard=false"]
    changes += ["scoring.every_images=0", "export=last"]
    for network in ("generator", "discriminator"):
        changes.append(f"model.{network}.attention_form={form}")
        changes.append(f"model.{network}.attention_resolutions={json.dumps(resolutions)}")
    command = [sys.executable, "-m", "sagan", "train", str(shards), "--out", str(out / "runs")]
    command += ["--config", "conf/base/parameters_training.yml"]
    for change in changes:
        command += ["--set", change]
    found: dict[str, Any] = json.loads(_last_line(command))
    return found


def _last_line(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def measure(trained: dict[str, Any], shards: Path, out: Path) -> dict[str, float]:
    """The scores of a run."""
    bundle = Path(trained["generator_bundle"])
    images, labels = generate(bundle, per_class=100, seed=1)
    protocol = Path("conf/base/parameters_evaluation.yml")
    found = {"agreement": agreement(images, labels)}
    found |= evaluate(trained, shards, protocol, out / "features")
    return {name: found[name] for name in SHOWN if name in found} | _attention(bundle.parent)


def agreement(images: np.ndarray, labels: np.ndarray) -> float:
    """How alike the two corners of an image are, beyond what their class makes them.

    Args:
        images: uint8 [N, C, 16, 16].
        labels: int64 [N]; at least two images a class.

    Returns:
        (own - other) / (1 - other): mean correlations of a first corner with the second corner of
        its own image, and with those of the other images of its class; 1 for identical copies.
    """
    own, other = [], []
    for label in np.unique(labels):
        first, second = (_normed(images[labels == label], corner) for corner in CORNERS)
        correlations = first @ second.T / first.shape[1]
        own.append(np.diag(correlations).mean())
        other.append(correlations[~np.eye(len(first), dtype=bool)].mean())
    return float((np.mean(own) - np.mean(other)) / (1 - np.mean(other)))


def _normed(images: np.ndarray, corner: slice) -> np.ndarray:
    """[N, P]: a corner's grey levels with mean 0 and deviation 1, an empty one as 0."""
    grey = images[:, :, corner, corner].mean(axis=1).reshape(len(images), -1)
    grey = grey - grey.mean(axis=1, keepdims=True)
    return grey / np.maximum(grey.std(axis=1, keepdims=True), 1e-6)


def _attention(run: Path) -> dict[str, float]:
    """|gamma| and entropy of each network's block, as the journal last has them."""
    newest: dict[str, float] = {}
    for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        newest |= json.loads(line)
    found = {}
    for short, network in (("G", "generator"), ("D", "discriminator")):
        block = f"{network}/{RESOLUTION}x{RESOLUTION}_attention"
        found[f"{short}_gamma"] = abs(newest.get(f"gamma/{block}", np.nan))
        found[f"{short}_entropy"] = newest.get(f"attention_entropy/{block}", np.nan)
    return found


def summarise(results: dict[Run, dict[str, float]]) -> dict[str, Any]:
    """Means with 95% intervals over seeds; attention held against the others."""
    sides = list(dict.fromkeys(side for side, _ in results))
    values = {
        side: {name: [s[name] for (of, _), s in results.items() if of == side] for name in SHOWN}
        for side in sides
    }
    summary: dict[str, Any] = {"seeds": sorted({seed for _, seed in results})}
    summary |= {side: {n: interval(v) for n, v in values[side].items()} for side in sides}
    for ours in [side for side in sides if side in ("attention", "scaled")]:
        for side in sides:
            if side != ours:
                summary[f"{ours}_minus_{side}"] = {
                    name: difference(values[ours][name], values[side][name])
                    | {"p": chance(values[ours][name], values[side][name], name)}
                    for name in SHOWN
                }
    primary = summary.get("attention_minus_none", {}).get("agreement")
    if primary and primary["p"] is not None:
        summary["attention_helps"] = primary["p"] < LEVEL and primary["mean"] > 0
    return summary


if __name__ == "__main__":
    raise SystemExit(main())
