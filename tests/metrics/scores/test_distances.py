import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from sagan.metrics.scores.distances import distance_blocks, nearest


def gaussian(count, dimensions=5, seed=0, dtype=torch.float64):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source, dtype=dtype)


@pytest.mark.parametrize("block", [(1, 1), (4, 7), (1000, 1000)])
def test_blocks_tile_the_matrix_of_a_loop_over_pairs(block):
    first, second = gaussian(11), gaussian(17, seed=1)
    whole = torch.full((11, 17), torch.nan, dtype=torch.float64)

    for rows, columns, squared in distance_blocks(first, second, rows=block[0], columns=block[1]):
        assert squared.shape[0] <= block[0]
        assert squared.shape[1] <= block[1]
        whole[rows, columns] = squared

    pairs = [[float((x - y).square().sum()) for y in second] for x in first]
    assert np.allclose(whole.numpy(), pairs, rtol=1e-12)


def test_digits_are_kept_where_the_mean_is_large():
    """The bare |x|^2 + |y|^2 - 2 x y is kept here, and shown to fail."""
    first, second = gaussian(6) + 1e7, gaussian(6, seed=1) + 1e7
    true = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()

    squares = first.square().sum(1)[:, None] + second.square().sum(1)[None]
    bare = squares - 2 * first @ second.T
    (block,) = distance_blocks(first, second)

    assert np.allclose(block.squared, true, rtol=1e-6)
    assert not np.allclose(bare, true, rtol=1e-2)


@pytest.mark.parametrize("k", [1, 4])
def test_nearest_equals_sklearn(k, monkeypatch):
    monkeypatch.setattr("sagan.metrics.scores.distances.ROWS", 7)
    queries, base = gaussian(40), gaussian(60, seed=1)

    found = nearest(queries, base, k)

    distances, indices = NearestNeighbors(n_neighbors=k).fit(base.numpy()).kneighbors(queries)
    assert (found.indices.numpy() == indices).all()
    assert np.allclose(found.distances, distances, rtol=1e-10)


def test_distances_within_a_set_equal_sklearn_and_leave_the_vector_itself_out():
    features = gaussian(50)

    expected, _ = NearestNeighbors(n_neighbors=3).fit(features.numpy()).kneighbors()

    assert np.allclose(nearest(features, features, 3, same=True).distances, expected, rtol=1e-10)


def test_a_copy_elsewhere_is_a_neighbour():
    features = gaussian(5)
    features[3] = features[1]

    found = nearest(features, features, same=True)

    assert found.distances[3] == 0
    assert (found.indices[3], found.indices[1]) == (1, 3)


def test_float32_features_are_compared_in_float64():
    features = gaussian(30, 64, dtype=torch.float32)

    found = nearest(features[:3], features)

    assert found.distances.dtype == torch.float64
    assert found.indices[:, 0].tolist() == [0, 1, 2]
    assert (found.distances == 0).all()


def test_more_neighbours_than_vectors_are_refused():
    with pytest.raises(ValueError, match="5 nearest neighbours asked for, of 4 vectors"):
        nearest(gaussian(5), gaussian(5), 5, same=True)


def test_broken_features_are_refused():
    broken = gaussian(5)
    broken[2, 2] = torch.nan

    with pytest.raises(ValueError, match="second features hold NaN"):
        nearest(gaussian(5), broken)
    with pytest.raises(ValueError, match="of one D"):
        nearest(gaussian(5), gaussian(5, dimensions=4))
