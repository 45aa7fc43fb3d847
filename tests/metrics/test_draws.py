"""Repeats, sweep and the numbers beside the distance, by a generator that draws again."""

import json

import numpy as np
import pytest
import torch

from sagan.metrics.config import SweepConfig
from sagan.metrics.evaluation import evaluate
from sagan.metrics.features.references import real_features, reference_statistics
from tests.metrics.test_evaluation import CPU, real_batches, run


def noisy_reals(shards, seen=None):
    """Real images with noise that depends on the sample's index and grows with the truncation."""
    train = shards.split("train")

    def draw(first, count, truncation):
        if seen is not None:
            seen.append((first, count, truncation))
        for start in range(first, first + count, 20):
            indices = np.arange(start, min(start + 20, first + count))
            source = torch.Generator().manual_seed(start)
            images = train.read(indices % len(train)).float()
            images += 20 * (truncation or 1) * torch.randn(images.shape, generator=source)
            yield images.clamp(0, 255).byte(), torch.from_numpy(train.labels[indices % len(train)])

    return draw


@pytest.fixture
def drawn(shards, config, workspace):
    def evaluated(seen=None, **changed):
        settings = config.model_copy(update=changed)
        reference = reference_statistics(shards, settings, workspace, CPU)
        draw = noisy_reals(shards, seen)
        return evaluate(
            draw(0, settings.num_samples, None),
            shards,
            reference,
            settings,
            workspace=workspace,
            device=CPU,
            origin={"seed": 0},
            draw=draw,
        )

    return evaluated


def test_repeats_go_on_in_the_series_and_give_means_with_intervals(drawn):
    seen = []

    one, three = drawn(), drawn(seen, repeats=3)

    assert seen[1:] == [(60, 60, None), (120, 60, None)]
    for name in ("fd_classifier", "kd_classifier", "recall", "recognised", "intra_fd_classifier"):
        interval = three["intervals"][name]
        assert interval["draws"][0] == pytest.approx(one[name], rel=1e-6), name
        assert three[name] == pytest.approx(np.mean(interval["draws"])), name
        assert interval["low"] <= three[name] <= interval["high"]
    assert len(set(three["intervals"]["fd_classifier"]["draws"])) == 3, "draws differ"
    assert "over 3 draws" in three["intervals"]["fd_classifier"]["method"]


def test_one_draw_has_its_interval_by_resampling(drawn):
    metrics = drawn()

    interval = metrics["intervals"]["fd_classifier"]
    assert interval["low"] <= metrics["fd_classifier"] <= interval["high"]
    assert interval["method"].startswith("bootstrap deviation, 50 resamples of 60")
    assert metrics["intervals"]["recognised"]["method"].startswith("Wilson")


def test_a_sweep_draws_at_each_truncation(drawn):
    seen = []

    metrics = drawn(seen, sweep=SweepConfig(truncations=(0.5, 3.0), num_samples=40))

    assert seen[1:] == [(0, 40, 0.5), (0, 40, 3.0)]
    clear, noisy = metrics["details"]["truncation_sweep"]
    assert clear["frechet_distance"] < noisy["frechet_distance"]
    assert (clear["truncation"], clear["samples"]) == (0.5, 40)


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"sweep": SweepConfig(truncations=(0.5,), num_samples=3)}, "3 samples and 72 real"),
        ({"kept_reference": 2, "sweep": SweepConfig(truncations=(0.5,))}, "samples and 2 real"),
        ({"neighbours": None, "sweep": SweepConfig(truncations=(0.5,))}, "neighbours"),
    ],
)
def test_a_sweep_of_too_few_is_refused_before_any_sample_is_looked_at(
    shards, config, workspace, changed, got
):
    settings = config.model_copy(update=changed)

    def never(*_):
        pytest.fail("samples were drawn")
        yield

    with pytest.raises(ValueError, match=got):
        evaluate(
            never(),
            shards,
            reference_statistics(shards, settings, workspace, CPU),
            settings,
            workspace=workspace,
            device=CPU,
            origin={"seed": 0},
            draw=never,
        )


def test_no_sweep_without_truncations(drawn):
    assert "truncation_sweep" not in drawn()["details"]


def test_accuracy_scores_are_measured_where_asked_for(drawn):
    found = drawn(accuracy_samples=40)["details"]["accuracy_scores"]

    assert found["generated_images"] == 40
    assert 0 <= found["generated_to_real"] <= 1
    assert "accuracy_scores" not in drawn()["details"]


def test_a_file_of_samples_cannot_be_drawn_again(shards, config, workspace):
    for changed in ({"repeats": 2}, {"sweep": SweepConfig(truncations=(0.5,))}):
        with pytest.raises(ValueError, match="need a generator to sample from"):
            run(real_batches(shards), shards, config.model_copy(update=changed), workspace)


def test_every_number_may_be_left_out(drawn):
    metrics = drawn(
        kernel=None, neighbours=None, intra_class=False, memorisation=False, bootstrap_resamples=0
    )

    assert not {"kd_classifier", "precision", "memorisation", "intra_fd_classifier"} & set(metrics)
    assert set(metrics["intervals"]) == {"recognised"}


def test_the_reference_itself_gets_full_marks(shards, config, workspace):
    metrics = run(real_batches(shards), shards, config, workspace)

    for name in ("precision", "recall", "coverage", "classes_hit"):
        assert metrics[name] == 1, name
    assert metrics["intra_fd_classifier"] == pytest.approx(0, abs=1e-3)
    assert metrics["memorisation"] == 1, "it is the training set"
    assert metrics["near_copies"] == 1
    closest = metrics["details"]["nearest_training_images"]["closest"]
    assert [pair["sample"] for pair in closest] == [pair["training_images"][0] for pair in closest]
    assert all(pair["distances"][0] < 1e-3 for pair in closest)


def test_noise_is_far_in_every_number(shards, config, workspace):
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (72, 3, 16, 16), dtype=torch.uint8, generator=source)
    labels = torch.arange(72) % 3

    noise = run([(images, labels)], shards, config, workspace)
    real = noise["self_test"]

    assert noise["precision"] + noise["recall"] < 0.5 * (real["precision"] + real["recall"])
    assert noise["coverage"] < real["coverage"]
    assert noise["kd_classifier"] > 5 * abs(real["kd_classifier"])
    assert noise["recognised"] < 0.8


def test_no_number_depends_on_the_batches(shards, config, workspace):
    """With samples that lie at no neighbour's distance exactly, as real images themselves do."""
    drawn = zip(*noisy_reals(shards)(0, 60, None), strict=True)
    images, labels = (torch.cat(parts) for parts in drawn)

    first, second = (
        run(zip(images.split(size), labels.split(size), strict=True), shards, config, workspace)
        for size in (7, 60)
    )

    numbers = {name: value for name, value in first.items() if isinstance(value, float)}
    assert len(numbers) > 12
    for name, value in numbers.items():
        assert second[name] == pytest.approx(value, rel=1e-4, abs=1e-4), name


def test_the_file_is_json_without_nan(drawn):
    metrics = json.loads(json.dumps(drawn(repeats=2), allow_nan=False))

    assert metrics["protocol"]["name"] is None
    assert metrics["protocol"]["neighbours"] == {"precision_recall_k": 3, "density_coverage_k": 5}
    assert metrics["protocol"]["repeats"] == 2
    assert metrics["protocol"]["label_score_splits"] == 10


def test_kept_reference_features_are_cached_and_taken_again_where_damaged(
    shards, config, workspace, tmp_path, caplog
):
    from sagan.metrics.features.extractor import feature_extractor

    extractor = feature_extractor(config, shards, workspace, CPU)
    few = config.model_copy(update={"kept_reference": 10})

    first = real_features(shards, "train", extractor, few, tmp_path)
    path = next(tmp_path.glob("kept-*.npz"))
    again = real_features(shards, "train", silent(extractor), few, tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    healed = real_features(shards, "train", extractor, few, tmp_path)

    assert (len(first.rows), first.seen) == (10, 72)
    assert torch.equal(first.rows, again.rows)
    assert torch.equal(first.rows, healed.rows)
    assert "computing them again" in caplog.text
    images = shards.split("train")
    assert torch.allclose(extractor(images.read(first.indices.numpy())), first.rows, atol=1e-5)
    assert (images.labels[first.indices.numpy()] == first.class_labels.numpy()).all()


def silent(extractor):
    """An extractor that must not be called."""

    class Silent:
        protocol = extractor.protocol
        code = extractor.code

    return Silent()
