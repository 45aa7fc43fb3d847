import io

import numpy as np
import pytest
import torch
from PIL import Image

from sagan.data.config import PreprocessingConfig
from sagan.data.manifest.inspection import open_image
from sagan.data.resizing import RESIZERS, reduction_of, squares
from tests.data.bad_images import encoded, photograph


def smooth(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A picture without fine detail, as large as wanted."""
    return photograph(size=(40, 30)).resize(size, Image.Resampling.BICUBIC).convert(mode)


def test_every_resizer_that_can_be_asked_for_exists():
    names = PreprocessingConfig.model_fields["resizer"].annotation.__args__
    assert set(names) == set(RESIZERS)


@pytest.mark.parametrize("resizer", RESIZERS)
def test_several_sizes_from_one_pass_are_each_as_if_made_alone(resizer):
    for data in (encoded(smooth((700, 560)), "JPEG"), encoded(photograph(), "PNG")):
        together = squares(data, (64, 16, 128, 256), resizer)
        assert [image.shape for image in together] == [(n, n, 3) for n in (64, 16, 128, 256)]
        for size, image in zip((64, 16, 128, 256), together, strict=True):
            (alone,) = squares(data, (size,), resizer)
            assert np.array_equal(image, alone)
            assert (image.dtype, image.flags.c_contiguous) == (np.uint8, True)


@pytest.mark.parametrize(
    ("sides", "size", "reduction"),
    [
        ((500, 375), 128, 1),
        ((511, 900), 128, 1),
        ((512, 900), 128, 2),
        ((512, 900), 16, 2),  # one decoding for all sizes up to 128
        ((512, 900), 256, 1),
        ((1024, 1024), 256, 2),
        ((1100, 1024), 64, 4),
        ((9000, 9000), 128, 8),
    ],
)
def test_only_a_large_jpeg_is_reduced_and_twice_the_result_is_left(sides, size, reduction):
    picture = Image.new("RGB", sides)
    assert reduction_of(open_image(encoded(picture, "JPEG")), size) == reduction
    assert reduction_of(open_image(encoded(picture, "PNG")), size) == 1
    assert reduction_of(open_image(encoded(picture.convert("CMYK"), "JPEG")), size) == 1


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_reduced_jpeg_is_nearly_the_whole_one(mode):
    data = encoded(smooth((1100, 1050), mode), "JPEG", quality=95)
    (reduced,) = squares(data, (64,), "bicubic_antialias")
    (whole,) = squares(
        encoded(Image.open(io.BytesIO(data)).convert("RGB"), "PNG"), (64,), "lanczos"
    )
    assert np.abs(reduced.astype(int) - whole.astype(int)).mean() < 1


def test_lanczos_is_pillows_of_the_centre_square():
    photo = photograph(size=(60, 41))
    (ours,) = squares(encoded(photo, "PNG"), (16,), "lanczos")
    square = photo.crop((9, 0, 50, 41))
    assert np.array_equal(ours, np.asarray(square.resize((16, 16), Image.Resampling.LANCZOS)))


def test_sagan_release_is_what_the_released_code_was_fed_with():
    """Margin rounded up, Pillow's bilinear, to -1..1 and back, the fraction cut off."""
    photo = photograph(size=(60, 41))
    (ours,) = squares(encoded(photo, "PNG"), (16,), "sagan_release")
    square = photo.crop((10, 0, 51, 41))
    small = np.array(square.resize((16, 16), Image.Resampling.BILINEAR))
    scaled = small / 127.5 - 1.0
    scaled += 1.0
    scaled *= 255.0 / 2.0
    assert np.array_equal(ours, scaled.astype("uint8"))
    assert not np.array_equal(ours, small), "some levels come out one lower"
    assert np.abs(ours.astype(int) - small).max() == 1


def test_the_rules_crop_an_odd_margin_to_either_side():
    image = torch.zeros(3, 4, 7, dtype=torch.uint8)
    image[:, :, 1:5] = 200  # the columns that stay with the margin rounded down
    assert RESIZERS["lanczos"].resize(image, 4).unique().tolist() == [200]
    assert 0 in RESIZERS["sagan_release"].resize(image, 4).unique().tolist()
