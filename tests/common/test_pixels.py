import numpy as np
import pytest
import torch
from PIL import Image

from sagan.common.pixels import to_float, to_uint8, with_channels


def test_every_stored_value_survives_there_and_back():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)

    floats = to_float(values)

    assert (floats.min().item(), floats.max().item()) == (-1.0, 1.0)
    assert torch.equal(to_uint8(floats), values)


def test_rounds_to_the_nearest_and_clamps():
    wanted = torch.tensor([-3.0, -1.0, 0.999, 1.0, 7.0])

    assert to_uint8(wanted).tolist() == [0, 0, 255, 255, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_has_no_grey_level(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        to_uint8(torch.tensor([0.0, value]))


def test_kept_bug_truncation_darkens():
    floats = to_float(torch.arange(256, dtype=torch.uint8)) - 1e-6

    truncated = floats.add(1).mul(127.5).to(torch.uint8)

    assert (truncated < to_uint8(floats)).sum() > 200


def test_memory_format_is_kept():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8).contiguous(
        memory_format=torch.channels_last
    )

    assert to_float(images).is_contiguous(memory_format=torch.channels_last)


def test_colours_become_grey_as_pillow_converts_them():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    grey = with_channels(torch.from_numpy(pixels).permute(2, 0, 1), 1)

    assert (grey[0].numpy() == np.asarray(Image.fromarray(pixels).convert("L"))).all()


def test_grey_survives_three_channels_and_back():
    grey = torch.arange(256, dtype=torch.uint8).view(2, 1, 8, 16)
    repeated = with_channels(grey, 3)

    assert torch.equal(repeated, grey.expand(2, 3, 8, 16))
    assert torch.equal(with_channels(repeated, 1), grey)
    assert with_channels(grey, 1) is grey
