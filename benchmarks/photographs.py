"""Photographs of an environment's last run, measured: `python -m benchmarks.photographs`.

10,000 samples, in the training images' class frequencies, beside the real images:

- `recognised`: share that shows its class (the mean over the classes), says a residual network
  trained on the real training images alone (`benchmarks.independent_classifier`), beside the same
  share of real validation images. A network that recognises less than 80% of those judges nothing.
- `recall`, `precision`: in that network's features, 10,000 samples against 10,000 training images,
  in neighbourhoods of 3 (Kynkäänniemi et al. 2019), beside real validation images' own.
- `near_copies`: share of samples as near to a training image as the nearest 5% of validation images
  are; 0.05 is what new photographs would have.
- `fd`: Fréchet distance in the same features, beside that of the validation images.

With `--truncation` these are of samples whose latent components beyond so many standard deviations
were drawn again, and `untruncated` has the scores without that.

Ends with one JSON line; `--out` also writes it to a file.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.counts import positive
from benchmarks.digits_quality import shards_path
from benchmarks.independent_classifier import ResidualNetwork, independent_classifier
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.progress import progress_bar
from sagan.common.terminal import configure_logging
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.class_labels import evaluation_labels
from sagan.metrics.scores.distances import nearest
from sagan.metrics.scores.intervals import wilson_interval
from sagan.metrics.scores.intra_class import frechet_distance_of_features
from sagan.metrics.scores.label_scores import ClassCoverage
from sagan.metrics.scores.memorisation import memorisation
from sagan.metrics.scores.prdc import compute_prdc
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents

LEAST_ACCURACY = 0.8
SCORES = ("recognised", "precision", "recall", "fd", "near_copies")
COMPARED = 10_000  # images on either side of neighbourhoods, at most


def measure(
    bundle: GeneratorBundle,
    shards: ShardStore,
    folder: Path,
    *,
    samples: int,
    least_accuracy: float,
    seed: int = 0,
    truncation: float | None = None,
    trained_on: ShardStore | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """The scores of one generator.

    Args:
        bundle: the generator.
        shards: the real images, `train` and `val`.
        folder: where the independent classifier is kept.
        samples: number of samples, in the training images' class frequencies.
        least_accuracy: of the classifier on real validation images, 0..1.
        seed: of the samples' latents.
        truncation: of the samples' latents [standard deviations]; None: none.
        trained_on: what the generator has seen, for near copies; none: all of `train`.
        steps: updates of the independent classifier; None: its own number.
    """
    network, real_accuracy = independent_classifier(shards, folder, steps=steps)
    if real_accuracy < least_accuracy:
        raise SystemExit(
            f"the independent classifier recognises {real_accuracy:.1%} of the real validation "
            f"images, less than {least_accuracy:.0%}: it cannot judge samples"
        )
    counts = np.bincount(shards.split("train").labels, minlength=bundle.num_classes)
    labels = evaluation_labels(samples, counts)
    latents = sample_latents(samples, bundle.latent_dim, seed, truncation)
    batches = generate(bundle.load(), latents, labels, batch_size=100)
    images = torch.cat(list(progress_bar("generating", -(-samples // 100), "batches", batches)))
    fake, found = network.judge(images)
    train = features_of(network, shards.split("train"))
    val = features_of(network, shards.split("val"))
    correct = found == labels
    coverage = ClassCoverage(bundle.num_classes)
    coverage.update(found, labels)
    recognised, count = coverage.result()["recognised"], coverage.effective_count
    seen = train if trained_on is None else features_of(network, trained_on.split("train"))
    held_out, generated = (nearest(part, seen).distances[:, 0].numpy() for part in (val, fake))
    prdc, real_prdc = (compute_prdc(part[:COMPARED], drawn(train)) for part in (fake, val))
    by_class = {
        name: round(correct[labels == label].float().mean().item(), 4)
        for label, name in enumerate(bundle.class_names)
    }
    return {
        "recognised": recognised,
        "recognised_interval": wilson_interval(round(recognised * count), count),
        "recognised_real": real_accuracy,
        "recall": prdc.recall,
        "recall_real": real_prdc.recall,
        "precision": prdc.precision,
        "precision_real": real_prdc.precision,
        "fd": frechet_distance_of_features(fake, train),
        "fd_real": frechet_distance_of_features(val, train),
        "near_copies": memorisation(generated, held_out).near_copies,
        "samples": samples,
        "classes": by_class,
    }


def features_of(network: ResidualNetwork, images: ShardSplit) -> Tensor:
    """Features of all images of a split, float32 [M, D]."""
    parts = np.array_split(np.arange(len(images)), max(1, len(images) // 5000))
    bar = progress_bar("features of real images", len(parts), "parts", parts)
    return torch.cat([network.judge(images.read(part))[0] for part in bar])


def drawn(features: Tensor) -> Tensor:
    """A random part of the real images, equally large for all runs."""
    chosen = np.random.default_rng(0).permutation(len(features))[:COMPARED]
    return features[torch.from_numpy(np.sort(chosen))]


def main() -> None:
    """Measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.photographs", description=__doc__)
    parser.add_argument("--env", default="cifar10", help="environment of the run")
    parser.add_argument("--data-root", type=Path, help="its data; default: data/ENV")
    parser.add_argument("--samples", type=positive, default=10_000)
    parser.add_argument("--truncation", type=float, help="of the latents, standard deviations")
    parser.add_argument("--steps", type=positive, help="of the independent network")
    parser.add_argument("--out", type=Path, help="file for the JSON")
    options = parser.parse_args()
    configure_logging()
    root: Path = options.data_root or Path("data") / options.env
    summary_json = root / "08_reporting/training_summary.json"
    if not summary_json.is_file():
        train = f"kedro run --pipeline=train --env={options.env}"
        raise SystemExit(f"{summary_json} is not there; train first: {train}")
    summary = json.loads(summary_json.read_text())
    shards = ShardStore.open(shards_path(root / "05_model_input/image_shards.json"))
    bundle = GeneratorBundle.open(root / "06_models/generator")
    result, *untruncated = [
        measure(
            bundle,
            shards,
            root / "06_models",
            samples=options.samples,
            least_accuracy=LEAST_ACCURACY,
            truncation=truncation,
            steps=options.steps,
        )
        for truncation in dict.fromkeys((options.truncation, None))
    ]
    if untruncated:
        plain = {name: untruncated[0][name] for name in SCORES}
        result |= {"truncation": options.truncation, "untruncated": plain}
    result |= {
        "train_seconds": summary["train_seconds"],
        "images": summary["images_seen"],
        "cores": os.cpu_count(),
        "weights_sha256": bundle.weights_sha256,
    }
    print(table(result))
    line = json.dumps(rounded(result))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(json.loads(line), indent=2) + "\n")
    print(line)


def rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with numbers of four decimal places."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def table(result: dict[str, Any]) -> str:
    """The scores beside those of the real validation images."""
    plain = result.get("untruncated")
    made = f"truncated {result['truncation']:g}" if plain else "samples"
    lines = [f"{'':24}{made:>14}" + (f"{'samples':>10}" if plain else "") + f"{'real val':>10}"]
    for name in SCORES:
        real = result.get(f"{name}_real", 0.05)  # of near copies, by their definition
        between = f"{plain[name]:>10.3f}" if plain else ""
        lines.append(f"{name:24}{result[name]:>14.3f}{between}{real:>10.3f}")
    lines += [f"  {name:22}{share:>14.3f}" for name, share in result["classes"].items()]
    rate = result["images"] / result["train_seconds"]
    lines.append(
        f"{result['images']:,} images in {result['train_seconds'] / 60:.0f} minutes "
        f"({rate:.0f}/s), {result['cores']} cores"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
