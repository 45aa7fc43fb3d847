import numpy as np
import pytest
import torch

from sagan.metrics.features.reservoir import ReservoirSampler


def keep(count, limit, batch_size, seed=0):
    keeping = ReservoirSampler(limit, seed)
    rows = torch.arange(count, dtype=torch.float32)[:, None]
    for batch in torch.arange(count).split(batch_size):
        keeping.update(rows[batch], batch % 10)
    return keeping.result()


def test_all_of_a_short_stream():
    kept = keep(30, 30, 7)

    assert kept.rows[:, 0].tolist() == list(range(30))
    assert kept.indices.tolist() == list(range(30))
    assert kept.seen == 30


@pytest.mark.parametrize("batch_size", [1, 64, 5000])
def test_a_draw_of_a_long_one_whatever_the_batches(batch_size):
    kept, expected = keep(5000, 200, batch_size), keep(5000, 200, 999)

    assert len(kept.rows) == 200
    assert kept.seen == 5000
    assert kept.indices.tolist() == expected.indices.tolist()
    assert (kept.indices.diff() > 0).all()
    assert (kept.rows[:, 0].long() == kept.indices).all()
    assert (kept.class_labels == kept.indices % 10).all()


def test_every_row_has_the_same_chance():
    places = np.concatenate([keep(1000, 100, 64, seed).indices.numpy() for seed in range(100)])

    by_tenth = np.bincount(places // 100, minlength=10)
    assert by_tenth.sum() == 10_000
    assert by_tenth.min() > 850
    assert by_tenth.max() < 1150


def test_memory_is_bounded():
    keeping = ReservoirSampler(100)
    most = 0
    for start in range(0, 20_000, 50):
        rows = torch.zeros(50, 2)
        keeping.update(rows, torch.full((50,), start))
        most = max(most, sum(len(part[0]) for part in keeping._parts))

    assert most <= 125
    assert len(keeping.result().rows) == 100


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        ReservoirSampler(3).result()
