"""Speed of the Fréchet distance, compared with pytorch-fid on the same images and weights.

`python -m benchmarks.evaluation` measures pytorch-fid and this project in turn in one run, at one
thread each; ratios are of CPU-seconds, theirs over ours, medians over the rounds:

    distance      between two Gaussians of 2,048 dimensions: theirs by `scipy.linalg.sqrtm`
    inception     features of a batch in float32: theirs by `pytorch_fid.inception.InceptionV3`
    end to end    from a generator bundle to the number, each in a fresh process: theirs by way of
                  PNG files and `python -m pytorch_fid`
    memory        growth of peak memory from n samples to 4n, while statistics are computed

Inception's weights are random, unless `--weights FILE` names the released ones; the ratios do not
depend on them. The end-to-end ratio is measured with few images, where the distance itself takes
much of the time; with many it approaches the ratio of the features. Ends with one JSON line; status
1 where the two results differ (relative errors above 0.001), since a ratio would mean nothing then.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.counts import positive
from benchmarks.evaluation_baselines import (
    CPU,
    make_bundle,
    our_fid,
    our_growth,
    random_statistics,
    seeded_weights,
    statistics_of,
    their_distance,
    their_fid,
    their_growth,
    their_network,
)
from sagan.metrics.features.inception import DIMENSIONS, InceptionFeatures
from sagan.metrics.scores.frechet import frechet_distance

REFERENCE_IMAGES = 64  # end to end
AGREEMENT = 1e-3  # of the relative errors, at most


def turns(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[Any, ...]:
    """Let both take turns.

    Returns:
        what ours and theirs returned last, and the CPU-seconds [rounds, 2] of both.
    """
    results: list[Any] = [None, None]
    seconds = np.zeros((rounds, 2))
    for number in range(rounds):
        for column, variant in enumerate((ours, theirs)):
            started = time.process_time()
            results[column] = variant()
            seconds[number, column] = time.process_time() - started
    return *results, seconds


def ratio(seconds: np.ndarray) -> float:
    """Theirs over ours, the median of the rounds [rounds, 2]."""
    return statistics.median((seconds[:, 1] / seconds[:, 0]).tolist())


def compare_distances(dimensions: int, rounds: int) -> dict[str, float]:
    """Both ways to the distance between the same Gaussians."""
    one, other = (random_statistics(dimensions, seed) for seed in (1, 2))
    ours, theirs, seconds = turns(
        lambda: frechet_distance(one, other), lambda: their_distance(one, other), rounds
    )
    row("distance", f"{dimensions:,} dimensions", seconds, "s")
    error = abs(ours - theirs) / theirs
    return {"frechet_ratio": ratio(seconds), "frechet_rel_err": error}


def compare_features(weights: Path, batch_size: int, rounds: int) -> dict[str, float]:
    """Both networks on the same batch of noise, 64 px; the first round warms up.

    `feature_rel_err` is the largest difference over the mean feature.
    """
    torch.set_num_threads(1)
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch_size, 3, 64, 64), generator=source).byte()
    extract, network = InceptionFeatures(weights, CPU), their_network(weights)

    def theirs() -> Tensor:
        with torch.no_grad():
            features: Tensor = network(images.float() / 255)[0].flatten(1)
        return features

    ours, expected, seconds = turns(lambda: extract(images), theirs, rounds + 1)
    row("inception", f"batch {batch_size}", batch_size / seconds[1:], "images/s")
    error = float((ours - expected).abs().max() / expected.mean())
    rate = batch_size / statistics.median(seconds[1:, 0].tolist())
    return {
        "inception_ratio": ratio(seconds[1:]),
        "feature_rel_err": error,
        "images_per_second": rate,
    }


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """What a function returns in a fresh process, which has ended by then."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compare_end_to_end(
    weights: Path, work: Path, size: int, channels: int, count: int
) -> dict[str, float]:
    """Both ways from a bundle to the number: CPU-seconds of all their processes, start included."""
    bundle, reference = make_bundle(work / "generator", size, channels), work / "reference.npz"
    in_process(statistics_of, bundle, weights, REFERENCE_IMAGES, 1).save(reference)
    seconds, distances = np.zeros((1, 2)), [0.0, 0.0]
    for column, variant in enumerate((our_fid, their_fid)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        distances[column] = in_process(variant, bundle, reference, weights, count)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds[0, column] = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    row("end to end", f"{count} images, {size} px", seconds, "s")
    error = abs(distances[0] - distances[1]) / distances[1]
    return {"end_to_end_ratio": ratio(seconds), "end_to_end_rel_err": error, "fid": distances[0]}


def compare_memory(count: int, dimensions: int) -> dict[str, float]:
    """Growth of both, each in a process of its own."""
    growths = [in_process(grow, count, dimensions) for grow in (our_growth, their_growth)]
    row("memory", f"{count:,} to {4 * count:,} samples", np.array([growths]), "MiB more")
    return {"memory_growth_mib": growths[0], "memory_growth_mib_pytorch_fid": growths[1]}


def row(what: str, of_what: str, values: np.ndarray, unit: str) -> None:
    """Print medians of the rounds [rounds, 2]: ours, theirs."""
    ours, theirs = np.median(values, axis=0)
    print(f"{what:12}{of_what:26}{ours:12.2f}{theirs:14.2f}  {unit}", flush=True)


def rounded(result: dict[str, float]) -> dict[str, float]:
    """Three digits that count."""
    return {name: float(f"{value:.3g}") for name, value in result.items()}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.evaluation", description=__doc__)
    option = parser.add_argument
    option("--weights", type=Path, help="pytorch-fid's file; default: random weights")
    option(
        "--dimensions",
        type=positive,
        default=DIMENSIONS,
        help="of features, for distance and memory",
    )
    option("--distance-rounds", type=positive, default=2)
    option("--batch-size", type=positive, default=16, help="images in a batch for features")
    option("--rounds", type=positive, default=4, help="rounds for features")
    option("--images", type=positive, default=200, help="images for end to end")
    option("--image-size", type=positive, default=64, help="side for end to end [px]")
    option("--base-channels", type=positive, default=32, help="of the generator")
    option("--samples", type=positive, default=2048, help="n for memory")
    return parser.parse_args()


def agree(result: dict[str, float]) -> bool:
    """Whether both found the same distances and features."""
    return all(value <= AGREEMENT for name, value in result.items() if name.endswith("rel_err"))


def main() -> int:
    """Measure, print the table, then one JSON line."""
    options = arguments()
    # for the processes to come, in which everything is measured
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    print(f"{'CPU time, one thread':38}{'ours':>12}{'pytorch-fid':>14}")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        weights = options.weights or seeded_weights(work / "seeded.pth")
        result = in_process(compare_distances, options.dimensions, options.distance_rounds)
        result |= in_process(compare_features, weights, options.batch_size, options.rounds)
        generator = (options.image_size, options.base_channels)
        result |= compare_end_to_end(weights, work, *generator, options.images)
        result |= compare_memory(options.samples, options.dimensions)
    print(json.dumps(rounded(result)))
    return 0 if agree(result) else 1


if __name__ == "__main__":
    raise SystemExit(main())
