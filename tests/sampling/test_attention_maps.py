import numpy as np
import pytest
import torch
from PIL import Image

from sagan.sampling import attention_maps
from sagan.sampling.attention_maps import attention_picture, choose_query_points
from sagan.sampling.latents import sample_latents
from tests.small_world import CLASSES, small_bundle


def edge_at(column: int) -> np.ndarray:
    image = np.zeros((3, 32, 32), np.uint8)
    image[:, :, column:] = 255
    return image


def test_points_lie_on_detail_and_the_last_on_calm_ground():
    *detailed, calm = choose_query_points(edge_at(12), 4)

    assert all(abs(column - 12) <= 3 for _, column in detailed)
    assert abs(calm[1] - 12) > 6
    rows = sorted(row for row, _ in detailed)
    assert min(np.diff(rows)) >= 6, "spread along the edge"


@pytest.mark.parametrize("side", [8, 16])
def test_points_differ_and_keep_off_the_rim(side):
    points = choose_query_points(np.zeros((3, side, side), np.uint8), 8)

    assert len(set(points)) == 8
    assert all(1 <= value <= side - 2 for point in points for value in point)


def test_points_are_the_same_for_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)

    assert choose_query_points(image, 5) == choose_query_points(image.copy(), 5)


def draw(generator, **options):
    labels = torch.arange(3)
    latents = sample_latents(3, generator.latent_dim, 0)
    options = {"query_points": 2, "tile_px": 32} | options
    return attention_picture(generator, latents, labels, CLASSES, **options)


def test_draws_a_picture_and_changes_nothing(generator):
    generator.train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}

    picture = draw(generator)

    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[1] > 3 * 32
    assert generator.training
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def test_each_map_belongs_to_its_query(generator, monkeypatch):
    """Heat tiles get the row of the attention map at the point's own position."""
    seen = []
    tile = attention_maps.heat_tile
    monkeypatch.setattr(
        attention_maps, "heat_tile", lambda sample, w: seen.append(w) or tile(sample, w)
    )

    draw(generator, query_points=3)

    latents, labels = sample_latents(3, generator.latent_dim, 0), torch.arange(3)
    images, maps = attention_maps.generate_with_attention(generator, latents, labels)
    points = [choose_query_points(image, 3) for image in images]
    expected = [
        maps[8][n, (row // 2) * 8 + column // 2] for n in range(3) for row, column in points[n]
    ]
    assert np.allclose(np.stack(seen), np.stack(expected))


def test_heat_is_brightest_where_attention_is(generator):
    weights = np.full(16, 0.01)
    weights[4 * 3 + 0] = 0.85  # lowest row, left

    tile = np.asarray(attention_maps.heat_tile(Image.new("RGB", (64, 64)), weights)).sum(axis=2)

    row, column = divmod(int(tile.argmax()), 64)
    assert row >= 48
    assert column < 16


def test_a_block_for_each_attention_layer(tmp_path):
    one = draw(small_bundle(tmp_path / "one", attention=(8,)).load())
    two = draw(small_bundle(tmp_path / "two", attention=(8, 16)).load())

    assert two.shape == (2 * one.shape[0], one.shape[1], 3)


def test_without_attention_the_picture_says_so(tmp_path):
    picture = draw(small_bundle(tmp_path / "none", attention=()).load())

    assert picture.shape[2] == 3
    assert (picture < 128).any()


@pytest.mark.parametrize("count", [0, 9])
def test_as_many_points_as_there_are_colours(generator, count):
    with pytest.raises(ValueError, match=r"expected 1\.\.8"):
        draw(generator, query_points=count)
