"""Samples and scores of a generator."""

import copy
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.baselines import LATENT_DIM
from benchmarks.evaluation_baselines import seeded_weights
from benchmarks.gpu_checks.bench import (
    CPU,
    Bench,
    NotRun,
    Numbers,
    error,
    require,
    small_networks,
    tiny_shards,
)
from sagan.bundle.generator_bundle import GeneratorBundle, save_bundle
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.features.inception import InceptionFeatures, require_weights
from sagan.network_config import GeneratorConfig
from sagan.sampling.attention_maps import generate_with_attention
from sagan.sampling.generate import generate


def samples_agree(bench: Bench) -> Numbers:
    """Images of the bundle, in grey levels."""
    images = [
        torch.cat(list(generate(network, *_asked(), 8, device))).float()
        for network, device in _loaded(bench)
    ]
    difference = (images[0] - images[1]).abs()
    numbers = {"mean": float(difference.mean()), "largest": float(difference.max())}
    require(numbers["mean"], 0.5)
    return dict(numbers)


def attention_maps_agree(bench: Bench) -> Numbers:
    """The largest difference of an attention map's entries, whose rows sum to 1."""
    found = [
        generate_with_attention(network, *(t.to(device) for t in _asked()))[1]
        for network, device in _loaded(bench)
    ]
    largest = max(float(np.abs(found[0][r] - found[1][r]).max()) for r in found[0])
    return {"resolutions": len(found[0]), "largest": require(largest, 1e-2)}


def scores_agree(bench: Bench) -> Numbers:
    """Every score of an evaluation by the classifier's features, relative to the CPU's."""
    shards, bundle = tiny_shards(bench), _bundle(bench)
    scores = []
    for device in (CPU, bench.device):  # the classifier of the first serves both
        config = EvaluationConfig(
            features="classifier",
            classifier={"epochs": 2, "base_channels": 4, "feature_dim": 8},
            num_samples=48,
            batch_size=16,
            kernel={"subsets": 4, "subset_size": 24},
            bootstrap_resamples=4,
            extrapolation_points=3,
            sweep={"truncations": (0.7,), "num_samples": 24},
            device=device.type,
        )
        made = evaluate_generator(bundle, shards, config, bench.work / "features")
        scores.append(dict(_numbers_in(made)))
    differences = {n: _relative(scores[1][n], value) for n, value in scores[0].items()}
    worst = max(value for name, value in differences.items() if name.count("/") == 1)
    # numbers of a class, of few samples each, may differ where one sample changes its place
    other = sum(value > 0.05 for value in differences.values()) / len(differences)
    numbers: Numbers = {"numbers": len(differences), "scores": require(worst, 0.05)}
    return numbers | {"others of them": require(other, 0.1)}


def inception_agrees(bench: Bench) -> Numbers:
    """Inception's features, relative to the CPU's; with random weights if there are no others."""
    if find_spec("pytorch_fid") is None:
        raise NotRun("pytorch-fid, which has the network, is not installed")
    try:
        weights, kind = require_weights(EvaluationConfig()), "published"
    except FileNotFoundError:
        if bench.quick and not bench.on_gpu:
            raise NotRun("its weights are not in torch's cache") from None
        weights, kind = seeded_weights(bench.work / "inception.pth"), "random"
    assert weights is not None
    images = tiny_shards(bench).split("train").read(np.arange(8))
    features = [InceptionFeatures(weights, device)(images) for device in (bench.device, CPU)]
    return {"weights": kind, "features": require(error(*features), 1e-3)}


def _numbers_in(value: object, name: str = "") -> Iterator[tuple[str, float]]:
    """All numbers in nested dictionaries and lists, by their path."""
    if isinstance(value, float | int):
        yield name, float(value)
    elif isinstance(value, Mapping | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in pairs:
            yield from _numbers_in(part, f"{name}/{key}")


def _relative(found: float, expected: float) -> float:
    return abs(found - expected) / max(abs(expected), 0.05)


def _bundle(bench: Bench) -> GeneratorBundle:
    size, path = bench.size, bench.work / "bundle"
    if not path.exists():
        generator = copy.deepcopy(small_networks(size, CPU, "fp32")[0])
        config = GeneratorConfig(
            base_channels=size.base_channels,
            latent_dim=LATENT_DIM,
            attention_resolutions=(size.image_size // 2,),
        )
        names = tiny_shards(bench).class_names
        facts = {"weights": "raw", "images_seen": 0, "batch_norm_statistics": "running averages"}
        save_bundle(path, generator, config, class_names=names, facts=facts)  # type: ignore[arg-type]
    return GeneratorBundle.open(path)


def _loaded(bench: Bench) -> list[tuple[Any, torch.device]]:
    bundle = _bundle(bench)
    return [(bundle.load(str(device)), device) for device in (bench.device, CPU)]


def _asked() -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(1)
    return torch.randn(16, LATENT_DIM, generator=source), torch.arange(16) % 3
