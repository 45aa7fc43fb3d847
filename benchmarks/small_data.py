"""What helps with few photographs: `python -m benchmarks.small_data augmentation|start_from`.

Trains variants of one environment on a small set of images, with the same budget and several seeds,
and judges 10,000 samples of each as `benchmarks.photographs` does, by a network trained on the
whole real training split (`--judge`, the same classes in the same order):

- `augmentation`: none, DiffAugment, ADA, LeCam (`training.augmentation`).
- `start_from`: from scratch, from a model of other classes, the same with frozen lower layers of
  the discriminator (`training.start_from`, `training.freeze_discriminator_layers`).

`near_copies` counts samples near the small set, which is all that the networks have seen. Both
image sets are made by `python -m sagan data`, the small one with `--set images_per_class=100`.
Prints a line per run, then one JSON line: every run, the means with 95% intervals over seeds
(Student's t) and each variant's difference from the first one (Welch's t), distances on the scale
of the comparison's tests for `p`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.counts import not_negative, positive
from benchmarks.photographs import LEAST_ACCURACY, measure
from benchmarks.tuning import chance, difference, interval, table
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.progress import progress_bar
from sagan.common.terminal import configure_logging
from sagan.data.shards.store import ShardStore

MEASURED = ("recognised", "recall", "precision", "fd", "near_copies")
SHOWN = (*MEASURED, "train_seconds")
SCALES = {"fd": "fd_classifier"}  # the comparison's name, which decides the scale of its tests
AUGMENTATIONS = {
    "none": [],
    "diffaugment": ["augmentation.method=diffaugment"],
    "ada": ["augmentation.method=ada"],
    "lecam": ["augmentation.lecam_weight=0.3"],
    "diffaugment_lecam": ["augmentation.method=diffaugment", "augmentation.lecam_weight=0.3"],
}

Run = tuple[str, int]


def starts(model: Path) -> dict[str, list[str]]:
    """The variants of `start_from`, as training parameters."""
    taken = f"start_from={model.resolve()}"
    return {
        "scratch": [],
        "start_from": [taken],
        "frozen": [taken, "freeze_discriminator_layers=2"],
    }


def main() -> None:
    """Train, measure, print the table, then the JSON line."""
    options = _options()
    configure_logging()
    variants = AUGMENTATIONS if options.what == "augmentation" else starts(options.model)
    chosen = {name: variants[name] for name in options.variants or variants}
    shards, judge = ShardStore.open(options.shards), ShardStore.open(options.judge)
    if shards.class_names != judge.class_names:
        raise SystemExit("--shards and --judge hold other classes, or in another order")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs = [(name, seed) for seed in seeds for name in chosen]
    with tempfile.TemporaryDirectory() as temporary:
        out = options.runs or Path(temporary)
        with ThreadPoolExecutor(options.jobs) as pool:
            made = list(pool.map(lambda run: train(run, chosen[run[0]], out, options), runs))
        results = {
            run: judged(summary, judge, shards, options)
            for run, summary in progress_bar(
                "judging", len(runs), "runs", zip(runs, made, strict=True)
            )
        }
    print(table(results))
    facts = {
        "total_images": options.total_images,
        "images": len(shards.split("train")),
        "classes": len(shards.class_names),
        "samples": options.samples,
        "settings": chosen if options.what == "augmentation" else None,
    }
    line = json.dumps({k: v for k, v in facts.items() if v is not None} | summarise(results))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(json.loads(line), indent=2) + "\n")
    print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.small_data", description=__doc__)
    parser.add_argument("what", choices=("augmentation", "start_from"))
    parser.add_argument("--shards", type=Path, required=True, help="the small set's shard store")
    parser.add_argument("--judge", type=Path, required=True, help="the whole set's shard store")
    parser.add_argument("--model", type=Path, help="of start_from: a bundle or checkpoint")
    parser.add_argument("--variants", nargs="+", help="only these; the first is the reference")
    parser.add_argument("--env", default="cifar10", help="environment whose training is changed")
    parser.add_argument("--total-images", type=positive, default=64_000, help="of each run")
    parser.add_argument("--samples", type=positive, default=10_000)
    parser.add_argument("--seeds", type=positive, default=3)
    parser.add_argument("--first-seed", type=not_negative, default=0)
    parser.add_argument(
        "--least-accuracy", type=float, default=LEAST_ACCURACY, help="of the judge on real images"
    )
    parser.add_argument("--steps", type=positive, help="of the judge, as in benchmarks.photographs")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument("--runs", type=Path, help="folder of the runs, to keep and resume them")
    parser.add_argument("--out", type=Path, help="file for the JSON")
    options = parser.parse_args()
    if (options.what == "start_from") != (options.model is not None):
        parser.error("--model is what start_from needs, and nothing else takes it")
    known = AUGMENTATIONS if options.what == "augmentation" else starts(options.model)
    if unknown := set(options.variants or ()) - set(known):
        parser.error(f"--variants: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    return options


def train(
    run: Run, changes: Sequence[str], out: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One run on its share of the cores; its last line of JSON."""
    command = [sys.executable, "-m", "sagan", "train", str(options.shards), "--out", str(out)]
    for env in ("base", options.env):
        command += ["--config", f"conf/{env}/parameters_training.yml"]
    every_run = [f"seed={run[1]}", f"total_images={options.total_images}", "tensorboard=false"]
    for change in (*every_run, "scoring.every_images=0", "export=last", *changes):
        command += ["--set", change]
    threads = str(max(1, (os.cpu_count() or 1) // options.jobs))
    environment = os.environ | {"OMP_NUM_THREADS": threads}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def judged(
    summary: Mapping[str, Any], judge: ShardStore, shards: ShardStore, options: argparse.Namespace
) -> dict[str, float]:
    """The scores of a run."""
    bundle = GeneratorBundle.open(Path(summary["generator_bundle"]))
    found = measure(
        bundle,
        judge,
        options.judge,
        samples=options.samples,
        trained_on=shards,
        least_accuracy=options.least_accuracy,
        steps=options.steps,
    )
    scores = {name: float(found[name]) for name in MEASURED}
    scores |= {f"{name}_real": float(found[f"{name}_real"]) for name in MEASURED[:-1]}
    return scores | {"train_seconds": float(summary["train_seconds"])}


def summarise(results: Mapping[Run, Mapping[str, float]]) -> dict[str, Any]:
    """Every run, means with intervals, and differences from the first variant."""
    names = list(dict.fromkeys(name for name, _ in results))
    values = {
        name: {
            score: [found[score] for (of, _), found in results.items() if of == name]
            for score in SHOWN
        }
        for name in names
    }
    reference, real = values[names[0]], next(iter(results.values()))
    return {
        "real": {score: round(real[f"{score}_real"], 4) for score in MEASURED[:-1]},
        "rows": [
            {"variant": name, "seed": seed} | {score: round(found[score], 4) for score in SHOWN}
            for (name, seed), found in results.items()
        ],
        "means": {
            name: {score: interval(of[score]) for score in SHOWN} for name, of in values.items()
        },
        f"minus_{names[0]}": {
            name: {
                score: difference(values[name][score], reference[score])
                | {"p": chance(values[name][score], reference[score], SCALES.get(score, score))}
                for score in MEASURED
            }
            for name in names[1:]
        },
    }


if __name__ == "__main__":
    main()
