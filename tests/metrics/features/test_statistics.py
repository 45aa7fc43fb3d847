import numpy as np
import pytest
import torch

from sagan.metrics.features.statistics import (
    Statistics,
    StreamingStatistics,
    few_samples_warnings,
    measure_statistics,
)


@pytest.fixture
def features():
    source = torch.Generator().manual_seed(0)
    return torch.randn(1300, 6, generator=source, dtype=torch.float64) * 3 + 1e4


@pytest.mark.parametrize("batch_size", [1, 50, 511, 1300])
def test_streaming_equals_numpy(features, batch_size):
    statistics = measure_statistics(features.split(batch_size))

    assert statistics.count == 1300
    assert np.allclose(statistics.mean, features.numpy().mean(axis=0), rtol=1e-13)
    assert np.allclose(statistics.covariance, np.cov(features.numpy(), rowvar=False), rtol=1e-9)


def test_does_not_lose_digits_where_the_mean_is_large():
    """The textbook's sum of squares minus squared sum does: kept here, and shown to fail."""
    source = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 2, generator=source, dtype=torch.float64) + 1e9
    true = np.cov(features.numpy(), rowvar=False)

    naive = (features.T @ features - 2000 * torch.outer(*[features.mean(0)] * 2)) / 1999

    assert np.allclose(measure_statistics(features.split(64)).covariance, true, rtol=1e-6)
    assert not np.allclose(naive.numpy(), true, rtol=0.1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_features_are_an_error(value):
    streaming = StreamingStatistics()
    streaming.update(torch.zeros(4, 3))
    broken = torch.zeros(3, 3)
    broken[1, 2] = value

    with pytest.raises(ValueError, match=r"features of 1 of 3 images are NaN.*images 4\.\.6"):
        streaming.update(broken)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_are_refused(count):
    with pytest.raises(ValueError, match=f"at least 2 images, got {count}"):
        measure_statistics([torch.zeros(count, 3)])


def test_says_when_samples_are_fewer_than_dimensions():
    few = measure_statistics([torch.eye(4)])
    enough = measure_statistics([torch.eye(4), torch.ones(2, 4)])

    (said,) = few_samples_warnings("fid", samples=few, reference=enough)
    assert "fid, samples: 4 images are too few for 4 feature dimensions" in said


def test_round_trip(tmp_path, features):
    statistics = measure_statistics([features], {"split": "train", "nested": {"a": [1, 2]}})

    statistics.save(tmp_path / "s.npz")
    loaded = Statistics.load(tmp_path / "s.npz")

    assert (loaded.mean == statistics.mean).all()
    assert (loaded.covariance == statistics.covariance).all()
    assert (loaded.count, loaded.protocol) == (1300, statistics.protocol)


def test_pytorch_fid_reads_the_file(tmp_path, features):
    from pytorch_fid.fid_score import compute_statistics_of_path

    statistics = measure_statistics([features])
    statistics.save(tmp_path / "s.npz")

    mean, covariance = compute_statistics_of_path(str(tmp_path / "s.npz"), None, 1, 6, "cpu")

    assert (mean == statistics.mean).all()
    assert (covariance == statistics.covariance).all()


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "s.npz"
    np.savez(path, mu=np.array([Payload()], dtype=object), sigma=np.eye(1), metadata="{}")

    with pytest.raises(ValueError, match="not valid feature statistics"):
        Statistics.load(path)
    assert not (tmp_path / "ran").exists()


def test_a_flipped_byte_is_noticed(tmp_path, features):
    path = tmp_path / "s.npz"
    measure_statistics([features]).save(path)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)

    with pytest.raises(ValueError, match="not valid"):
        Statistics.load(path)


def test_statistics_of_unknown_origin_are_refused():
    with pytest.raises(ValueError, match="lack metadata"):
        Statistics.from_arrays({"mu": np.zeros(2), "sigma": np.eye(2)})


def test_shapes_must_fit():
    arrays = {"mu": np.zeros(2), "sigma": np.eye(3), "metadata": np.array("{}")}
    with pytest.raises(ValueError, match=r"expected mu \[D\] and sigma \[D, D\]"):
        Statistics.from_arrays(arrays)
