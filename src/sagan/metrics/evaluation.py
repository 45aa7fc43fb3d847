"""The evaluation of samples against real images: scores and the protocol they depend on."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagan.data.shards.store import ShardStore
from sagan.metrics.accumulators import SampleAccumulators
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.context import EvaluationContext
from sagan.metrics.features.extractor import Batch, feature_extractor
from sagan.metrics.features.inception import WEIGHTS_SHA256
from sagan.metrics.features.references import check_reference, self_test
from sagan.metrics.features.statistics import Statistics, few_samples_warnings
from sagan.metrics.measures import Measurements, measure, real_baseline
from sagan.metrics.named_protocols import describe_protocol, name_protocol
from sagan.metrics.scores.intervals import repeated_interval
from sagan.metrics.sweep import truncation_sweep

logger = logging.getLogger(__name__)

_LOGGED_SHARES = ("precision", "recall", "recognised")
LOW_RECALL = 0.05  # a warning below it; trained generators here reach 0.2 to 0.9
LIBRARIES = ("numpy", "scipy", "torch", "torchvision")

Draw = Callable[[int, int, float | None], Iterable[Batch]]
"""(index of the first sample within the series, how many, truncation) -> samples."""


def versions() -> dict[str, str]:
    """Versions of the installed libraries; classifier features need no torchvision."""
    found = {}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def evaluate(
    batches: Iterable[Batch],
    shards: ShardStore,
    reference: Statistics,
    config: EvaluationConfig,
    *,
    workspace: Path,
    device: torch.device,
    origin: dict[str, Any],
    draw: Draw | None = None,
) -> dict[str, Any]:
    """Compare samples with real images.

    Args:
        batches: the samples, in one pass.
        shards: the real images.
        reference: from `reference_statistics` under the same configuration.
        config: the protocol.
        workspace: folder of cached statistics, features and classifiers.
        device: where networks run.
        origin: JSON-able, copied into the protocol: where the samples come from.
        draw: makes more samples, for `config.repeats` and `config.sweep`.

    Returns:
        JSON-able: the scores (`fid` or `fd_classifier`, `kid` or `kd_classifier`, `precision`,
        ...; means over the draws where there are several), `classifier` where there is one,
        `details` (of the first draw), `intervals`, `self_test`, `warnings`, `protocol`.

    Raises:
        ValueError: if the reference was made under another protocol, a named protocol is asked for
            and not followed, more samples are asked for than a file has, there are fewer than two
            samples, or features are NaN or infinite.
    """
    extractor = feature_extractor(config, shards, workspace, device)
    check_reference(reference, shards, config, extractor)
    _check_draws(config, draw)
    if config.sweep.truncations:
        _check_sweep(config, reference)
    name_protocol(_protocol(config, reference, origin, config.num_samples), config.protocol)
    context = EvaluationContext(shards, config, workspace, device, extractor, reference)
    measured, samples = _measure(context, batches)
    if config.repeats > 1 and draw is not None:
        _average(measured, [measured, *_repeat(context, draw)])
    protocol = _protocol(config, reference, origin, samples.count)
    classifier = measured.details.pop("classifier", None)
    return {
        **measured.scores,
        **({} if classifier is None else {"classifier": classifier}),
        "intervals": measured.intervals,
        "details": measured.details | _sweep(context, draw),
        "self_test": self_test(
            shards, reference, extractor, config, workspace, asked=measured.asked
        )
        | real_baseline(context, measured.asked),
        "warnings": log_warnings(
            measured.warnings
            + learnt_nothing(measured, len(shards.class_names))
            + few_samples_warnings(extractor.metric, samples=samples, reference=reference)
            + inception_warnings(extractor.protocol)
        ),
        "protocol": {
            "name": name_protocol(protocol, config.protocol),
            **protocol,
            "device": str(device),
            "versions": versions(),
        },
    }


def learnt_nothing(measured: Measurements, classes: int) -> list[str]:
    """A warning for each score by which the samples have next to nothing of the real images.

    Args:
        measured: scores, and their intervals.
        classes: K; by chance 1 / K of the samples show their class.
    """
    found, interval = [], measured.intervals.get("recognised")
    if interval and classes > 1 and interval["low"] <= 1 / classes:
        found.append(
            f"recognised: {measured.scores['recognised']:.1%} of the samples show their class, by "
            f"chance {1 / classes:.1%}: the generator has not learnt the classes"
        )
    recall = measured.scores.get("recall")
    if recall is not None and recall < LOW_RECALL:
        found.append(
            f"recall: the samples cover {recall:.1%} of the real images: a generator that has "
            "learnt little, or little of their variety, whatever its precision"
        )
    return found


def headline_scores(metrics: Mapping[str, Any]) -> list[str]:
    """Log lines with the main scores of a metrics file: the distance, then the shares."""
    distance, *others = (name for name, value in metrics.items() if isinstance(value, float))
    interval = metrics.get("intervals", {}).get(distance)
    bounds = f" ({interval['low']:.4g} to {interval['high']:.4g})" if interval else ""
    shares = ", ".join(f"{name} {metrics[name]:.3g}" for name in _LOGGED_SHARES if name in others)
    return [f"{distance} {metrics[distance]:.4g}{bounds}", *([shares] if shares else [])]


def _measure(
    context: EvaluationContext, batches: Iterable[Batch]
) -> tuple[Measurements, Statistics]:
    samples = SampleAccumulators(context)
    samples.update(batches)
    return measure(context, samples), samples.statistics.result()


def _repeat(context: EvaluationContext, draw: Draw) -> list[Measurements]:
    """Measurements of all sample sets but the first; each continues the series of latents."""
    config, more = context.config, []
    for repeat in range(1, config.repeats):
        logger.info("sample set %d of %d", repeat + 1, config.repeats)
        batches = draw(repeat * config.num_samples, config.num_samples, config.truncation)
        more.append(_measure(context, batches)[0])
    return more


def _average(into: Measurements, draws: list[Measurements]) -> None:
    """Replace scores by means over the sample sets, each with its interval."""
    for name in list(into.scores):
        values = [draw.scores[name] for draw in draws if name in draw.scores]
        into.scores[name] = float(np.mean(values))
        if len(values) > 1:
            into.intervals[name] = repeated_interval(values) | {"draws": values}


def _sweep(context: EvaluationContext, draw: Draw | None) -> dict[str, Any]:
    config, neighbours = context.config, context.config.neighbours
    if not config.sweep.truncations or draw is None or neighbours is None:
        return {}
    curve = truncation_sweep(
        config.sweep.truncations,
        lambda truncation: draw(0, config.sweep.num_samples, truncation),
        context.extractor,
        context.reference,
        context.on_device(context.real_features()),
        precision_recall_k=neighbours.precision_recall_k,
        kept_samples=config.kept_samples,
    )
    return {"truncation_sweep": curve}


def _check_draws(config: EvaluationConfig, draw: Draw | None) -> None:
    if draw is None and (config.repeats > 1 or config.sweep.truncations):
        raise ValueError(
            "evaluation.repeats and evaluation.sweep need a generator to sample from, got a file "
            "of samples: set repeats to 1 and sweep.truncations to []"
        )


def _check_sweep(config: EvaluationConfig, reference: Statistics) -> None:
    """Fail before the evaluation rather than at its end."""
    if config.neighbours is None:
        raise ValueError("evaluation.sweep needs the block 'neighbours', got null")
    needed = config.neighbours.precision_recall_k + 1
    samples = min(config.sweep.num_samples, config.kept_samples)
    real = min(reference.count, config.kept_reference)
    if min(samples, real) < needed:
        raise ValueError(
            f"evaluation.sweep: precision and recall in neighbourhoods of {needed - 1} need at "
            f"least {needed} images on each side, got {samples} samples and {real} real images; "
            "raise sweep.num_samples, or set sweep.truncations to []"
        )


def _protocol(
    config: EvaluationConfig, reference: Statistics, origin: dict[str, Any], count: int
) -> dict[str, Any]:
    """Everything that the scores depend on."""
    return {
        "features": config.features,
        "samples": {"count": count, **origin},
        "reference": {"count": reference.count, **reference.protocol},
        "covariance": "unbiased (N - 1), float64",
        "kept_features": {
            "samples_at_most": config.kept_samples,
            "real_images_at_most": config.kept_reference,
        },
        "label_score_splits": config.label_score_splits,
        "kernel": None if config.kernel is None else config.kernel.model_dump(),
        "neighbours": None if config.neighbours is None else config.neighbours.model_dump(),
        "repeats": config.repeats,
        "diversity": {
            "images_a_class_at_most": config.diversity_images,
            "classes_at_most": config.diversity_classes,
        },
        "named": describe_protocol(config.protocol),
    }


def inception_warnings(features: Mapping[str, Any]) -> list[str]:
    """A warning if features by this description are Inception's without its published weights."""
    sha256 = str(features["weights_sha256"])
    if "Inception" not in features["network"] or sha256.startswith(WEIGHTS_SHA256):
        return []
    return [
        f"Inception's weights are not the published ones (SHA-256 {sha256[:12]}..., expected "
        f"{WEIGHTS_SHA256}...): FID, KID and Inception score cannot be compared with others'"
    ]


def log_warnings(warnings: list[str]) -> list[str]:
    """Log each of them; returns them."""
    for warning in warnings:
        logger.warning("%s", warning)
    return warnings
