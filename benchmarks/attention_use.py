"""How much trained generators use their attention: `python -m benchmarks.attention_use ROWS`.

Each generator of a comparison that has self-attention is measured three times under the protocol of
the evaluation pipeline: unchanged; with uniform attention (all queries zero, so that it adds the
mean of the values); and with attention off (gamma 0). Batch-norm statistics are recomputed for
each, over the same latents, so that the later layers get inputs with the statistics that they
normalise by. Prints one line per generator and condition, then one JSON line: the protocol, the
scores of every run, and for each variant Fréchet distances as factors of the unchanged generator's,
with 95% intervals over seeds (paired: the same network) and the paired t-test's p, on logarithms.

A generator trained with attention may depend on it although one trained without is as good: a large
factor means that attention is used, not that it is needed.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from benchmarks.digits_quality import shards_path
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.terminal import format_error
from sagan.comparison.result_store import RunResult, read_results
from sagan.models.attention import SelfAttention2d
from sagan.models.generator import Generator
from sagan.training.config import TrainingConfig

SHOWN = ("fid", "fd_classifier", "precision", "recall", "recognised")
LEVEL = 0.95


def leave(generator: Generator) -> None:
    """Leave it as it is."""


def look_evenly(generator: Generator) -> None:
    """Make every position look everywhere alike."""

    def zeros(_module: nn.Module, _inputs: tuple[Tensor, ...], query: Tensor) -> Tensor:
        return torch.zeros_like(query)

    for block in attention_blocks(generator):
        block.query.register_forward_hook(zeros)


def switch_off(generator: Generator) -> None:
    """Make every attention block the identity."""
    for block in attention_blocks(generator):
        block.gamma.zero_()


CONDITIONS: dict[str, Callable[[Generator], None]] = {
    "as_it_is": leave,
    "even": look_evenly,
    "off": switch_off,
}


def attention_blocks(generator: Generator) -> list[SelfAttention2d]:
    """The generator's self-attention, from its input on."""
    return [block for block in generator.modules() if isinstance(block, SelfAttention2d)]


def main() -> int:
    """Measure, print the table, then the JSON lines."""
    parser = argparse.ArgumentParser(prog="benchmarks.attention_use", description=__doc__)
    parser.add_argument("rows", type=Path, help="comparison_rows.json")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the comparison's runs")
    parser.add_argument("--variants", nargs="+", default=["sagan", "sagan_attention_8_16"])
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    options = parser.parse_args()
    rows = chosen_rows(options.rows, options.variants)
    shards = shards_path(options.data_root / "05_model_input" / "image_shards.json")
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for row in rows:
            bundle = GeneratorBundle.open(options.runs / row["bundle"])
            if not attention_blocks(bundle.load()):
                raise SystemExit(f"{row['variant']} has no self-attention to switch off")
            for condition in CONDITIONS:
                protocol, scores = measure(bundle, condition, shards, Path(temporary))
                run = {"variant": row["variant"], "seed": row["seed"], "condition": condition}
                runs.append(run | scores)
                lines = table(runs).splitlines()
                print(lines[-1] if len(runs) > 1 else "\n".join(lines), flush=True)
    variants = {name: summarise(by_condition(runs, name)) for name in options.variants}
    print(json.dumps({"protocol": protocol, "runs": runs, "variants": variants}))
    return 0


def table(runs: list[dict[str, Any]]) -> str:
    """A line a run, in 80 columns."""
    names = [name for name in SHOWN if name in runs[0]]
    lines = [f"{'variant':>20} {'seed':>4} {'condition':>9}" + "".join(f"  {n}" for n in names)]
    for run in runs:
        scores = "".join(f"  {run[name]:>{len(name)}.4g}" for name in names)
        lines.append(f"{run['variant']:>20} {run['seed']:>4} {run['condition']:>9}{scores}")
    return "\n".join(lines)


def chosen_rows(path: Path, variants: list[str]) -> list[RunResult]:
    """The trained runs of some variants; ends the program where one has none."""
    try:
        rows = [row for row in read_results(path) if row["status"] == "trained"]
    except (ValueError, OSError) as error:
        raise SystemExit(format_error(error)) from None
    missing = [name for name in variants if name not in {row["variant"] for row in rows}]
    if missing:
        raise SystemExit(f"no trained run of {', '.join(missing)} in {path}")
    return [row for row in rows if row["variant"] in variants]


def by_condition(runs: list[dict[str, Any]], variant: str) -> dict[str, list[float]]:
    """A variant's Fréchet distances under each condition, seeds in the same order."""
    return {
        condition: [
            run["fid"] if "fid" in run else run["fd_classifier"]
            for run in runs
            if (run["variant"], run["condition"]) == (variant, condition)
        ]
        for condition in CONDITIONS
    }


def measure(
    bundle: GeneratorBundle, condition: str, shards: Path, workspace: Path
) -> tuple[str | None, dict[str, float]]:
    """The protocol's name, and the scores of a generator under one condition."""
    from sagan.common.parameters import load_settings
    from sagan.data.shards.store import ShardStore
    from sagan.metrics.config import EvaluationConfig
    from sagan.metrics.evaluate_generator import evaluate_generator
    from sagan.training.core.exported import take_standing_statistics

    training = load_settings("training", [Path("conf/base/parameters_training.yml")], [])
    evaluation = load_settings("evaluation", [Path("conf/base/parameters_evaluation.yml")], [])
    generator = bundle.load()
    with torch.no_grad():
        CONDITIONS[condition](generator)
    take_standing_statistics(generator, TrainingConfig(**training))
    changed = _Changed(bundle, generator)
    found = evaluate_generator(
        changed,
        ShardStore.open(shards),
        EvaluationConfig.model_validate(evaluation),
        workspace / "features",
    )
    scores = {name: float(f"{found[name]:.5g}") for name in SHOWN if name in found}
    return found["protocol"]["name"], scores


class _Changed(GeneratorBundle):
    """A bundle whose generator is another than the one on disk."""

    def __init__(self, bundle: GeneratorBundle, generator: Generator) -> None:
        super().__init__(bundle.path, bundle.config)
        self._generator = generator

    def choose(self, weights: str | None) -> Self:
        if weights not in {None, self.weights}:
            raise ValueError(f"{weights} weights were asked for; {self.weights} ones were changed")
        return self

    def load(self, device: str = "cpu") -> Generator:
        return self._generator.to(device)


def summarise(conditions: dict[str, list[float]]) -> dict[str, Any]:
    """Distances of each condition as factors of the untouched generators', over seeds."""
    from scipy import stats

    reference = [math.log(value) for value in conditions["as_it_is"]]
    summary: dict[str, Any] = {"seeds": len(reference)}
    for name, values in conditions.items():
        if name == "as_it_is":
            continue
        changes = [math.log(v) - r for v, r in zip(values, reference, strict=True)]
        mean = sum(changes) / len(changes)
        summary[name] = {"factor": round(math.exp(mean), 3), "low": None, "high": None, "p": None}
        if len(changes) > 1:
            half = stats.t.ppf(0.5 + LEVEL / 2, len(changes) - 1) * stats.sem(changes)
            summary[name] |= {
                "low": round(math.exp(mean - half), 3),
                "high": round(math.exp(mean + half), 3),
                "p": round(float(stats.ttest_1samp(changes, 0).pvalue), 4),
            }
    return summary


if __name__ == "__main__":
    raise SystemExit(main())
