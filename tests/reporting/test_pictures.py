"""Pictures on the page: whole where they are small, compressed where they would weigh it down."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from sagan.html.images import data_uri
from sagan.reporting.pictures import class_pictures, nearest_pairs, origin
from tests import fabricated_run as run

TILES = 20 * 8 + 16 * 4  # of a run with many classes: both ends, samples and real; and the pairs


def decoded(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def test_a_small_picture_keeps_every_pixel() -> None:
    picture = noise(60)
    address = data_uri(picture)
    assert address.startswith("data:image/png;base64,")
    assert (decoded(address) == picture).all()


def test_a_heavy_picture_is_compressed_and_stays_alike() -> None:
    picture = np.asarray(Image.fromarray(noise(40)).resize((400, 400), Image.Resampling.BICUBIC))
    address = data_uri(picture)
    assert address.startswith("data:image/webp;base64,")
    assert decoded(address).shape == picture.shape
    assert np.abs(decoded(address).astype(int) - picture).mean() < 6


def test_the_images_of_a_large_run_leave_a_page_that_can_be_sent() -> None:
    """Noise is the worst that there is to compress."""
    (one, *_), _ = (
        entry["samples"] for entry in class_pictures(run.pictures(128), run.CLASSES)[:2]
    )
    assert TILES * len(one) < 4_500_000


def test_pairs_say_which_class_was_asked_for_and_which_was_found() -> None:
    pairs = nearest_pairs(run.pictures(), run.CLASSES)

    (nearest,), (drawn,) = pairs["nearest"], pairs["drawn"]
    assert (nearest["asked"], nearest["found"]) == ("digit_2", "digit_2, digit_3")
    assert (drawn["asked"], drawn["found"], drawn["distance"]) == ("digit_7", "digit_7", "3.25")
    assert nearest["description"].startswith(
        "sample 202 of digit_2 beside its nearest training images"
    )
    arrays = run.pictures()
    assert (decoded(nearest["sample"]) == arrays["pair_samples"][0].transpose(1, 2, 0)).all()
    neighbours = np.stack([decoded(address) for address in drawn["neighbours"]])
    assert (neighbours == arrays["pair_neighbours"][1].transpose(0, 2, 3, 1)).all()


def test_each_class_has_its_own_images() -> None:
    arrays = run.pictures()
    found = class_pictures(arrays, run.CLASSES)

    assert [entry["name"] for entry in found] == ["digit_1", "digit_2", "digit_9"]
    assert [len(entry["samples"]) for entry in found] == [4, 4, 4]
    assert (decoded(found[2]["real"][0]) == arrays["class_real"][6].transpose(1, 2, 0)).all()


def test_pictures_name_the_samples_they_are_of() -> None:
    assert origin(run.pictures()) == run.metrics()["protocol"]["samples"]


@pytest.mark.parametrize("side", [8, 64])
def test_no_pairs_and_no_classes_are_no_error(side: int) -> None:
    arrays = run.pictures(side)
    empty = {name: array[:0] if array.ndim else array for name, array in arrays.items()}
    assert nearest_pairs(empty, run.CLASSES) == {"nearest": [], "drawn": []}
    assert class_pictures(empty, run.CLASSES) == []


def test_a_grey_image_is_a_grey_picture() -> None:
    arrays = run.pictures()
    arrays["pair_samples"] = arrays["pair_samples"][:, :1]

    (nearest,) = nearest_pairs(arrays, run.CLASSES)["nearest"]

    assert (decoded(nearest["sample"]) == arrays["pair_samples"][0, 0]).all()
