import io

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

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


FITS = ("crop", "pad", "reflect", "stretch")
RED = (200, 10, 0)


def fitted(photo: Image.Image, size: int, fit: str) -> np.ndarray:
    (square,) = squares(encoded(photo, "PNG"), (size,), "lanczos", fit=fit, pad_colour=RED)
    assert square.shape == (size, size, 3)
    return square


def scaled(photo: Image.Image, width: int, height: int) -> np.ndarray:
    return np.asarray(photo.resize((width, height), Image.Resampling.LANCZOS))


def test_a_padded_image_is_whole_and_in_the_middle():
    photo = photograph(size=(60, 41))
    square = fitted(photo, 16, "pad")  # 16 x 10.9: 11 rows, 2 above them and 3 below
    assert np.array_equal(square[2:13], scaled(photo, 16, 11))
    assert (square[:2] == RED).all()
    assert (square[13:] == RED).all()
    upright = fitted(photograph(size=(41, 60)), 16, "pad")
    assert (upright[:, :2] == RED).all()
    assert (upright[:, 13:] == RED).all()


def test_a_reflected_image_goes_on_as_in_a_mirror():
    photo = photograph(size=(60, 41))
    square, rows = fitted(photo, 16, "reflect"), scaled(photo, 16, 11)
    assert np.array_equal(square[2:13], rows)
    assert np.array_equal(square[:2], rows[[2, 1]])
    assert np.array_equal(square[13:], rows[[9, 8, 7]])


def test_a_stretched_image_is_resized_as_it_is():
    photo = photograph(size=(60, 41))
    assert np.array_equal(fitted(photo, 16, "stretch"), scaled(photo, 16, 16))


@pytest.mark.parametrize("resizer", sorted(set(RESIZERS) - {"sagan_release"}))
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("sides", [(300, 1), (2, 90), (16, 16), (1, 1)])
def test_images_of_any_proportions_become_squares_of_their_colour(resizer, fit, sides):
    data = encoded(Image.new("RGB", sides, RED), "PNG")
    (square,) = squares(data, (16,), resizer, fit=fit, pad_colour=RED)
    assert (square == RED).all()


def test_a_square_image_is_the_same_in_any_fit():
    photo = photograph(size=(40, 40))
    crop, *others = (fitted(photo, 16, fit) for fit in FITS)
    assert all(np.array_equal(crop, other) for other in others)


def test_the_released_rule_crops():
    assert PreprocessingConfig(resizer="sagan_release").fit == "crop"
    with pytest.raises(ValidationError, match="sagan_release"):
        PreprocessingConfig(resizer="sagan_release", fit="pad")
    with pytest.raises(ValidationError, match="less than or equal to 255"):
        PreprocessingConfig(fit="pad", pad_colour=(0, 0, 256))
