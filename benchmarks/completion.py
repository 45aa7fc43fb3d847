"""Completion by an environment's last run, measured: `python -m benchmarks.completion`.

Validation images, which the generator never saw, under each named mask. The share that an
independent classifier recognises, trained on real training images alone: a support vector machine
for the digits, else the residual network of `benchmarks.independent_classifier`. Of

- `whole`: the images;
- `hidden`: their hidden part filled with the training images' mean;
- `nearest`: completed by the training image nearest in the visible pixels, blended in;
- `completed`: by the generator, the best completion.

Beside it `won_back`, the part of the recognition which the mask took that is won back; the paired
difference of `completed` and `nearest` with its 95% interval over the images; the truth's distance
in the hidden part and the completions' from one another (root of the mean square, in grey levels);
CPU seconds an image on one thread, once the encoder is made.

With `--given-class` completions and nearest images are of the true class. Ends with one JSON line;
`--out` also writes it to a file.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.counts import not_negative, positive
from benchmarks.digits_quality import as_svm_input, shards_path
from benchmarks.independent_classifier import independent_classifier
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.progress import progress_bar
from sagan.common.terminal import configure_logging
from sagan.completion.blending import blend
from sagan.completion.config import EncoderConfig, SearchConfig
from sagan.completion.encoder import Encoder, obtain_encoder
from sagan.completion.inputs import MaskedImage
from sagan.completion.masks import RANDOM, REGIONS, Mask, random_box, region
from sagan.completion.results import rmse
from sagan.completion.search import search
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.features.fitting import accuracy_of
from sagan.metrics.scores.intervals import repeated_interval, wilson_interval
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training.store.discriminator import discriminator_of

LEAST_ACCURACY = 0.8
MASKS = (*REGIONS, RANDOM)
DIGITS = tuple("0123456789")
CHUNK = 5000  # training images compared at once
CPU = torch.device("cpu")

Judge = Callable[[NDArray[np.uint8]], NDArray[np.int64]]
"""Images uint8 [N, C, H, W] -> the classes recognised."""


@dataclass(frozen=True)
class Method:
    """What completes the images."""

    generator: Generator
    encoder: Encoder
    config: SearchConfig
    discriminator: Discriminator | None


@dataclass(frozen=True)
class Images:
    """Real images and what they are compared with."""

    pixels: NDArray[np.uint8]
    """uint8 [N, C, S, S], of validation."""
    labels: NDArray[np.int64]
    train: ShardSplit
    given_class: bool
    """Whether the true class is told."""


def independent_judge(
    shards: ShardStore, folder: Path, *, steps: int | None = None
) -> tuple[Judge, float]:
    """A classifier of real training images and its balanced accuracy on validation images, 0..1.

    Args:
        shards: the real images.
        folder: where a residual network is kept.
        steps: updates of a residual network; None: its own number.
    """
    if shards.class_names != DIGITS:
        network, accuracy = independent_classifier(shards, folder, steps=steps)
        return lambda images: network.judge(torch.from_numpy(images))[1].numpy(), accuracy
    from sklearn.svm import SVC

    pixels, labels = everything(shards.split("train"))
    machine = SVC(gamma=0.001).fit(as_svm_input(pixels), labels)
    pixels, labels = everything(shards.split("val"))
    found = machine.predict(as_svm_input(pixels))
    return lambda images: machine.predict(as_svm_input(images)), accuracy_of(
        found == labels, labels
    ).balanced


def everything(split: ShardSplit) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [N, C, S, S] and labels int64 [N] of a split."""
    return split.read(np.arange(len(split))).numpy(), split.labels


def choose(split: ShardSplit, count: int, seed: int) -> NDArray[np.int64]:
    """At most `count` places in a split, at random, in order."""
    return np.sort(np.random.default_rng(seed).permutation(len(split))[:count])


def nearest_images(images: Images, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The training image nearest to each in its visible pixels, uint8 [N, C, S, S]."""
    count = len(images.pixels)
    seen = torch.from_numpy(~masks)[:, None].expand(-1, images.pixels.shape[1], -1, -1)
    seen = seen.reshape(count, -1).float()
    visible = torch.from_numpy(images.pixels).reshape(count, -1).float() * seen
    lowest, best = torch.full((count,), torch.inf), torch.zeros(count, dtype=torch.int64)
    labels = torch.from_numpy(images.labels)
    for first in range(0, len(images.train), CHUNK):
        places = np.arange(first, min(first + CHUNK, len(images.train)))
        others = images.train.read(places).reshape(len(places), -1).float()
        distances = seen @ others.square().T - 2 * visible @ others.T
        if images.given_class:
            same = torch.from_numpy(images.train.labels[places])[None] == labels[:, None]
            distances = distances.where(same, torch.inf)
        least, place = distances.min(1)
        best = torch.where(least < lowest, place + first, best)
        lowest = torch.minimum(least, lowest)
    return images.train.read(best.numpy()).numpy()


def complete_all(
    images: Images, masks: NDArray[np.bool_], method: Method, name: str
) -> tuple[NDArray[np.uint8], float]:
    """Blended completions uint8 [N, M, C, S, S], the best first, and CPU seconds an image."""
    made, started = [], time.process_time()
    for place in progress_bar(name, len(masks), "images", range(len(masks))):
        label = int(images.labels[place]) if images.given_class else None
        image = MaskedImage(str(place), images.pixels[place], masks[place], whole=True)
        found = search(
            image,
            method.generator,
            method.encoder,
            method.config,
            class_label=label,
            device=CPU,
            discriminator=method.discriminator,
        )
        made.append([blend(image.pixels, one, image.hidden) for one in found.images.numpy()])
    return np.array(made), (time.process_time() - started) / len(masks)


def masks_of(name: str, count: int, size: int, seed: int) -> NDArray[np.bool_]:
    """A mask for each image, bool [N, S, S]."""
    if name == RANDOM:
        random = np.random.default_rng(seed)
        return np.stack([random_box(random, size) for _ in range(count)])
    return np.stack([region(name, size)] * count)


def measure(
    images: Images, masks: NDArray[np.bool_], method: Method, judge: Judge, name: str
) -> dict[str, Any]:
    """The scores under one mask of each image."""
    made, seconds = complete_all(images, masks, method, name)
    fills = nearest_images(images, masks)
    near = np.stack([blend(*three) for three in zip(images.pixels, fills, masks, strict=True)])
    mean = mean_colour(images.train)
    empty = np.where(masks[:, None], mean[None, :, None, None], images.pixels)
    kinds = {"whole": images.pixels, "hidden": empty, "nearest": near, "completed": made[:, 0]}
    right = {kind: judge(pixels) == images.labels for kind, pixels in kinds.items()}
    shares = {kind: float(found.mean()) for kind, found in right.items()}
    difference = right["completed"].astype(float) - right["nearest"]
    interval = repeated_interval(difference.tolist())
    count = len(masks)
    return shares | {
        "completed_interval": wilson_interval(int(right["completed"].sum()), count),
        "won_back": won_back(shares),
        "completed_minus_nearest": float(difference.mean()),
        "completed_minus_nearest_interval": [interval["low"], interval["high"]],
        "truth_rmse": hidden_rmse(images.pixels, made[:, 0], masks),
        "truth_rmse_nearest": hidden_rmse(images.pixels, near, masks),
        "diversity_rmse": float(
            np.mean([hidden_rmse(made[:, a], made[:, b], masks) for a, b in pairs(made.shape[1])])
        )
        if made.shape[1] > 1
        else None,
        "images": count,
        "seconds_per_image": seconds,
    }


def won_back(shares: dict[str, float]) -> float | None:
    """The part of the recognition lost by the mask that completion wins back; None: none lost."""
    lost = shares["whole"] - shares["hidden"]
    return (shares["completed"] - shares["hidden"]) / lost if lost > 0 else None


def pairs(count: int) -> list[tuple[int, int]]:
    """All pairs of different numbers below `count`."""
    return list(combinations(range(count), 2))


def hidden_rmse(
    images: NDArray[np.uint8], others: NDArray[np.uint8], masks: Sequence[Mask] | NDArray[np.bool_]
) -> float:
    """Mean over images of their distance in the hidden part, in grey levels."""
    each = [rmse(one, other, mask) for one, other, mask in zip(images, others, masks, strict=True)]
    return float(np.mean([one for one in each if one is not None]))


def mean_colour(train: ShardSplit) -> NDArray[np.uint8]:
    """Mean of some training images in each channel, uint8 [C]."""
    some: Tensor = train.read(np.arange(min(len(train), CHUNK))).float()
    return some.mean((0, 2, 3)).round().numpy().astype(np.uint8)


def table(result: dict[str, Any]) -> str:
    """A row for each mask."""
    heads = ("whole", "hidden", "nearest", "completed", "won back", "- nearest, 95%", "rmse", "s")
    lines = [f"{'':14}" + "".join(f"{head:>16}" for head in heads)]
    for name, row in result.items():
        if not isinstance(row, dict):
            continue
        low, high = row["completed_minus_nearest_interval"]
        part = "-" if row["won_back"] is None else f"{row['won_back']:.2f}"
        cells = [f"{row[head]:.3f}" for head in heads[:4]]
        cells += [part, f"{low:+.3f}..{high:+.3f}"]
        cells += [f"{row['truth_rmse']:.1f}", f"{row['seconds_per_image']:.2f}"]
        lines.append(f"{name:14}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON with four decimals."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks.completion", description=__doc__)
    made.add_argument("--env", default="base", help="environment of the run")
    made.add_argument("--data-root", type=Path, help="its data; default: data, or data/ENV")
    made.add_argument("--images", type=positive, default=300, help="validation images at most")
    made.add_argument("--masks", default=",".join(MASKS), help="names, comma-separated")
    made.add_argument("--given-class", action="store_true", help="the true class is told")
    made.add_argument("--candidates", type=positive, default=SearchConfig().candidates)
    made.add_argument("--refine-steps", type=not_negative, default=SearchConfig().refine_steps)
    made.add_argument("--encoder-steps", type=positive, default=EncoderConfig().steps)
    made.add_argument("--discriminator", type=Path, help="run or checkpoint, for its realism")
    made.add_argument("--steps", type=positive, help="of the independent network")
    made.add_argument("--seed", type=not_negative, default=0)
    made.add_argument("--out", type=Path, help="file for the JSON")
    return made


def main() -> None:
    """Measure, print the table, then the JSON line."""
    options = parser().parse_args()
    configure_logging()
    torch.set_num_threads(1)
    masks = options.masks.split(",")
    if unknown := sorted({*masks} - {*MASKS}):
        raise SystemExit(f"--masks: unknown: {', '.join(unknown)}; known: {', '.join(MASKS)}")
    root = options.data_root or Path("data") / options.env.replace("base", "")
    if not (root / "06_models/generator").is_dir():
        train = f"kedro run --pipeline=train --env={options.env}"
        raise SystemExit(f"{root / '06_models/generator'} is not there; train first: {train}")
    shards = ShardStore.open(shards_path(root / "05_model_input/image_shards.json"))
    judge, accuracy = independent_judge(shards, root / "06_models", steps=options.steps)
    if accuracy < LEAST_ACCURACY:
        raise SystemExit(
            f"the independent classifier recognises {accuracy:.1%} of the real validation images, "
            f"less than {LEAST_ACCURACY:.0%}: it cannot judge completions"
        )
    result = measure_all(root, shards, judge, masks, options) | {"classifier_accuracy": accuracy}
    result = rounded(result)
    print(table(result))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


def measure_all(
    root: Path, shards: ShardStore, judge: Judge, masks: list[str], options: argparse.Namespace
) -> dict[str, Any]:
    """The scores under each mask, and the mean seconds an image."""
    bundle = GeneratorBundle.open(root / "06_models/generator")
    config = SearchConfig(
        seed=options.seed,
        candidates=options.candidates,
        refine_steps=options.refine_steps,
        encoder=EncoderConfig(steps=options.encoder_steps),
    )
    generator, folder = bundle.load(), root / "06_models/encoders"
    encoder = obtain_encoder(
        bundle, generator, config.encoder, folder, seed=options.seed, device=CPU
    )
    val = shards.split("val")
    places = choose(val, options.images, options.seed)
    pixels, labels = val.read(places).numpy(), val.labels[places]
    images = Images(pixels, labels, shards.split("train"), options.given_class)
    discriminator = discriminator_of(options.discriminator, bundle)
    method = Method(generator, encoder, config, discriminator)
    found = {
        name: measure(
            images,
            masks_of(name, len(places), bundle.image_size, options.seed),
            method,
            judge,
            name,
        )
        for name in masks
    }
    return found | {
        "seconds_per_image": float(np.mean([one["seconds_per_image"] for one in found.values()])),
        "given_class": options.given_class,
        "discriminator": options.discriminator is not None,
        "candidates": options.candidates,
        "refine_steps": options.refine_steps,
        "encoder_steps": options.encoder_steps,
        "weights_sha256": bundle.weights_sha256,
    }


if __name__ == "__main__":
    main()
