"""Whether tuned parameters train better than the default ones: `python -m benchmarks.tuning`.

The study chose its best trial by one seed, and the best of many noisy scores is partly chance. Here
both sets of parameters are trained with the same budget and with seeds that the study has not used,
and evaluated under the evaluation's own protocol with latents of another seed. Prints one line per
run, then one JSON line: means and differences with 95% intervals over seeds (Student's and Welch's
t), and for the objective Welch's `p` on the scale of the comparison's tests (Fréchet
distances as logarithms: a large one varies more). `better` is true where p is below 0.05 and the
mean is better. Status 1 where the objective is not better.

Needs a finished study (`kedro run --pipeline=tune`). Trains 2 x `--seeds` runs of the full budget.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.counts import not_negative, positive
from benchmarks.digits_quality import shards_path
from sagan.common.parameters import load_settings
from sagan.common.terminal import format_error
from sagan.comparison.significance import transform_for
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from sagan.tuning.objectives import check_objective, minimised

SIDES = ("default", "tuned")
FIRST_SEED = 101  # unless told; studies train with seed 0 unless told otherwise
LATENTS_SEED = 1  # of the evaluation's samples; scores in a study use 0
SHOWN = ("fd_classifier", "fd_rotation", "fid")
SHOWN += ("precision", "recall", "coverage", "recognised", "diversity_mean")
LEVEL = 0.95

Run = tuple[str, int]


def main() -> int:
    """Train, evaluate, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.tuning", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--best", type=Path, help="best_parameters.yml; default: the data root's")
    parser.add_argument(
        "--config", type=Path, action="append", help="parameters_training.yml files, base first"
    )
    parser.add_argument(
        "--evaluation", type=Path, action="append", help="parameters_evaluation.yml files, the same"
    )
    parser.add_argument("--seeds", type=positive, default=3, help="number of seeds for each")
    parser.add_argument(
        "--first-seed", type=not_negative, default=FIRST_SEED, help="first seed; the others follow"
    )
    parser.add_argument("--total-images", type=positive, help="budget; default: the training's own")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument(
        "--objective",
        default="fd_classifier",
        choices=(*SHOWN, "train_seconds"),
        help="objective of the study",
    )
    parser.add_argument("--out", type=Path, help="folder of the runs, to keep and resume them")
    options = parser.parse_args()
    try:
        measured = protocol(options.evaluation or [Path("conf/base/parameters_evaluation.yml")])
        check_objective(options.objective, measured)
    except (ValueError, OSError) as error:  # before hours of training
        parser.error(format_error(error))
    best = options.best or options.data_root / "08_reporting" / "best_parameters.yml"
    if not best.is_file():
        raise SystemExit(
            f"{best} is not there; run a study first: kedro run --pipeline=tune, with its --env"
        )
    configs = options.config or [Path("conf/base/parameters_training.yml")]
    files = {"default": configs, "tuned": [*configs, best]}
    shards = shards_path(options.data_root / "05_model_input" / "image_shards.json")
    if decisive(files["default"]) == decisive(files["tuned"]):
        raise SystemExit(f"{best} has the default parameters: there is nothing to compare")
    try:
        require_shards(shards, measured)
    except (ValueError, OSError) as error:
        parser.error(format_error(error))
    runs = [(side, options.first_seed + n) for n in range(options.seeds) for side in SIDES]
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)

        def trained(run: Run) -> dict[str, Any]:
            return train(shards, out, files[run[0]], run[1], options.total_images)

        with ThreadPoolExecutor(options.jobs) as pool:
            made = dict(zip(runs, pool.map(trained, runs), strict=True))
        results = {
            run: evaluate(summary, shards, measured, out / "features")
            for run, summary in made.items()
        }
    print(table(results))
    summary = summarise(results, options.objective)
    print(json.dumps(summary))
    return 0 if summary["better"] else 1


def train(
    shards: Path, out: Path, configs: Sequence[Path], seed: int, total_images: int | None
) -> dict[str, Any]:
    """One run; its last line of JSON."""
    command = [sys.executable, "-m", "sagan", "train", str(shards), "--out", str(out)]
    for config in configs:
        command += ["--config", str(config)]
    changes = [f"seed={seed}", "tensorboard=false", "scoring.every_images=0", "export=last"]
    changes += [f"total_images={total_images}"] if total_images else []
    for change in changes:
        command += ["--set", change]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def protocol(files: Sequence[Path]) -> EvaluationConfig:
    """The evaluation pipeline's, with latents that no study has seen; later files win."""
    settings = load_settings("evaluation", files, [f"seed={LATENTS_SEED}"])
    return EvaluationConfig.model_validate(settings).followed()


def decisive(files: Sequence[Path]) -> dict[str, Any]:
    """The training parameters that decide the weights; later files win."""
    settings = load_settings("training", files, [])
    return TrainingConfig.model_validate(settings).dump(affecting="weights")


def require_shards(shards: Path, measured: EvaluationConfig) -> None:
    """Refuse images that the protocol cannot be applied to.

    Raises:
        ValueError: if the features are a classifier's, and the images have one class.
    """
    from sagan.data.shards.store import ShardStore
    from sagan.metrics.features.extractor import require_classes

    places = "in a file given by --evaluation, and --objective fd_rotation"
    require_classes(measured, ShardStore.open(shards).num_classes, places=places)


def evaluate(
    trained: dict[str, Any], shards: Path, measured: EvaluationConfig, features: Path
) -> dict[str, float]:
    """The scores of a run under the evaluation pipeline's protocol."""
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.data.shards.store import ShardStore
    from sagan.metrics.evaluate_generator import evaluate_generator

    bundle = GeneratorBundle.open(Path(trained["generator_bundle"]))
    found = evaluate_generator(bundle, ShardStore.open(shards), measured, features)
    scores = {name: float(found[name]) for name in SHOWN if name in found}
    return scores | {"train_seconds": float(trained["train_seconds"])}


def table(results: dict[Run, dict[str, float]]) -> str:
    """A line a run."""
    names = list(next(iter(results.values())))
    lines = [f"{'':>8} {'seed':>4}" + "".join(f" {name[:14]:>14}" for name in names)]
    for (side, seed), scores in sorted(results.items()):
        lines.append(f"{side:>8} {seed:>4}" + "".join(f" {scores[name]:>14.4g}" for name in names))
    return "\n".join(lines)


def summarise(results: dict[Run, dict[str, float]], objective: str) -> dict[str, Any]:
    """Means with their intervals, the differences', and whether the objective is better."""
    names = list(next(iter(results.values())))
    values = {
        side: {
            name: [s[name] for (of, _), s in sorted(results.items()) if of == side]
            for name in names
        }
        for side in SIDES
    }
    summary: dict[str, Any] = {"seeds": sorted({seed for _, seed in results})}
    for side in SIDES:
        summary[side] = {name: interval(values[side][name]) for name in names}
    summary["tuned_minus_default"] = {
        name: difference(values["tuned"][name], values["default"][name]) for name in names
    }
    change = summary["tuned_minus_default"][objective]["mean"]
    p = chance(values["tuned"][objective], values["default"][objective], objective)
    right_side = change < 0 if minimised(objective) else change > 0
    better = p is not None and p < 1 - LEVEL and right_side
    return summary | {"objective": objective, "p": p, "better": better}


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean and interval by Student's t; without ends for a single value."""
    from scipy import stats

    mean = sum(values) / len(values)
    low = high = None
    if len(values) > 1:
        half = stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * stats.sem(values)
        low, high = round(mean - half, 4), round(mean + half, 4)
    return {"mean": round(mean, 4), "low": low, "high": high, "n": len(values)}


def difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Difference of means and its interval by Welch's t; without ends for single values."""
    from scipy import stats

    mean = sum(ours) / len(ours) - sum(theirs) / len(theirs)
    low = high = None
    if min(len(ours), len(theirs)) > 1:
        found = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(LEVEL)
        low, high = round(float(found.low), 4), round(float(found.high), 4)
    return {"mean": round(mean, 4), "low": low, "high": high}


def chance(ours: Sequence[float], theirs: Sequence[float], metric: str) -> float | None:
    """Welch's two-sided p of equal means on the metric's scale; None for single or equal values."""
    from scipy import stats

    if min(len(ours), len(theirs)) < 2:
        return None
    forward = transform_for(metric, [*ours, *theirs]).forward
    sides = ([forward(value) for value in side] for side in (ours, theirs))
    p = stats.ttest_ind(*sides, equal_var=False).pvalue
    return None if math.isnan(p) else float(f"{p:.2g}")


if __name__ == "__main__":
    raise SystemExit(main())
