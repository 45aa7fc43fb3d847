"""EXIF orientation: one rule for all formats, by default upright for a user's own images."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from sagan.data.config import AcquisitionConfig, ManifestConfig, PreprocessingConfig
from sagan.data.decoding import decode_rgb, turn_upright
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, data_hash, records
from sagan.data.manifest.inspection import inspect_file
from sagan.data.resizing import RESIZERS, squares
from sagan.data.shards.build import build_stores
from sagan.data.sources.acquire import acquire
from sagan.datasets.path_datasets import ImageFolderDataset
from sagan.pipelines.preprocessing.nodes import make_shards
from tests.data.bad_images import encoded, photograph

TAG = 0x0112
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}
CONFIG = PreprocessingConfig(image_size=16, workers=1)


def tagged(orientation: int, file_format: str, **options) -> bytes:
    exif = Image.Exif()
    exif[TAG] = orientation
    return encoded(photograph(), file_format, exif=exif, **options)


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def decoded(data: bytes, *, upright: bool) -> np.ndarray:
    return decode_rgb(data, upright=upright).permute(1, 2, 0).numpy()


def as_seen(orientation: int) -> np.ndarray:
    """What Pillow's own function makes of the photograph."""
    with Image.open(io.BytesIO(tagged(orientation, "PNG"))) as image:
        return array(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("file_format", LOSSLESS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_lossless_formats_are_turned_or_left(file_format, orientation):
    data = tagged(orientation, file_format, **LOSSLESS[file_format])
    assert np.array_equal(decoded(data, upright=True), as_seen(orientation))
    assert np.array_equal(decoded(data, upright=False), array(photograph()))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("reduction", [1, 2])
def test_a_jpeg_is_turned_whole_or_reduced(orientation, reduction):
    plain = decode_rgb(encoded(photograph(), "JPEG"), reduction)
    data = tagged(orientation, "JPEG")
    turned = turn_upright(plain, orientation)
    assert np.array_equal(decode_rgb(data, reduction, upright=True).numpy(), turned.numpy())
    assert np.array_equal(decode_rgb(data, reduction).numpy(), plain.numpy())
    assert turned.shape[1:] == plain.shape[1:][:: -1 if orientation >= 5 else 1]


def test_exif_behind_the_pixels_of_a_png_counts():
    data = tagged(6, "PNG")
    start = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[start : start + 4], "big")
    without, end = data[:start] + data[start + length :], data[-12:]
    moved = without[:-12] + data[start : start + length] + end
    assert moved.index(b"IDAT") < moved.index(b"eXIf")
    assert np.array_equal(decoded(moved, upright=True), as_seen(6))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_is_ignored(tmp_path, value):
    (tmp_path / "photo.jpg").write_bytes(tagged(value, "JPEG"))
    assert inspect_file(tmp_path / "photo.jpg", ManifestConfig()).orientation == 1
    data = (tmp_path / "photo.jpg").read_bytes()
    assert np.array_equal(decoded(data, upright=True), decoded(data, upright=False))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_of_a_sound_image_is_ignored(tmp_path):
    data = encoded(photograph(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    (tmp_path / "photo.jpg").write_bytes(data)
    facts = inspect_file(tmp_path / "photo.jpg", ManifestConfig())
    assert (facts.decodable, facts.orientation) == (True, 1)
    assert decoded(data, upright=True).shape == (30, 40, 3)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_manifest_has_the_orientation(tmp_path, file_format):
    (tmp_path / "photo").write_bytes(tagged(6, file_format))
    facts = inspect_file(tmp_path / "photo", ManifestConfig())
    assert (facts.decodable, facts.orientation) == (True, 6)


@pytest.mark.parametrize("resizer", RESIZERS)
def test_the_square_is_cut_from_the_turned_image(resizer):
    turned = encoded(Image.fromarray(as_seen(6)), "PNG")
    (ours,) = squares(tagged(6, "PNG"), (16,), resizer, upright=True)
    assert np.array_equal(ours, squares(turned, (16,), resizer)[0])


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "photos/train" / name).mkdir(parents=True)
        (tmp_path / "photos/train" / name / "1.jpg").write_bytes(tagged(6, "JPEG"))
    return tmp_path / "photos"


def stores_of(root, tmp_path, *orientations):
    images = records(build_manifest(ImageFolder.open(root), ManifestConfig(workers=1)))
    configs = (CONFIG.model_copy(update={"orientation": each}) for each in orientations)
    return [build_stores(root, images, tmp_path / "stores", config)[0] for config in configs]


def test_the_key_tells_turned_images_from_others(photos, tmp_path):
    upright, stored, default = stores_of(photos, tmp_path, "upright", "as_stored", None)
    assert upright.key != stored.key
    assert default.key == upright.key
    assert upright.facts()["orientation"] == "upright"
    assert "orientation" not in stored.index  # as in stores of 0.1.0, whose key it therefore has
    first = np.array([0])
    turned, lying = (store.split("train").read(first).numpy() for store in (upright, stored))
    assert not np.array_equal(turned, lying)


def test_the_key_has_the_white_level(photos, tmp_path):
    images = records(build_manifest(ImageFolder.open(photos), ManifestConfig(workers=1)))
    scaled = CONFIG.model_copy(update={"white_level": 4095})
    keys = {build_stores(photos, images, tmp_path, each)[0].key for each in (CONFIG, scaled)}
    assert len(keys) == 2


def test_the_key_has_the_fit_unless_it_is_crop(photos, tmp_path):
    images = records(build_manifest(ImageFolder.open(photos), ManifestConfig(workers=1)))
    changes = [
        {},
        {"pad_colour": (0, 0, 0)},  # of nothing: the shards stay the same
        {"fit": "pad"},
        {"fit": "pad", "pad_colour": (0, 0, 0)},
        {"fit": "reflect"},
        {"fit": "stretch"},
    ]
    configs = [CONFIG.model_copy(update=each) for each in changes]
    stores = [build_stores(photos, images, tmp_path, each)[0] for each in configs]
    keys = [store.key for store in stores]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5
    assert not {"fit", "pad_colour"} & stores[0].index.keys()  # as before there was a choice
    assert stores[3].facts()["pad_colour"] == [0, 0, 0]
    assert "pad_colour" not in stores[4].facts()
    first = [store.split("train").read(np.array([0])) for store in stores]
    assert not any(np.array_equal(first[0], other) for other in first[2:])


@pytest.mark.parametrize(
    ("source", "chosen", "turned"),
    [
        ("folder", None, True),
        ("cifar10", None, False),
        ("folder", "as_stored", False),
        ("cifar10", "upright", True),
    ],
)
def test_the_default_depends_on_the_source(photos, tmp_path, source, chosen, turned):
    """Through the file that acquisition leaves for preprocessing."""
    folder = acquire(AcquisitionConfig(source=source, path=str(photos)), tmp_path / "raw")
    dataset = ImageFolderDataset(filepath=str(tmp_path / "image_folder.json"))
    dataset.save(folder)
    manifest = build_manifest(folder, ManifestConfig(workers=1))
    config = CONFIG.model_copy(update={"orientation": chosen})
    report = {"passed": True, "data_hash": data_hash(manifest), "expectations": [{}]}
    store = make_shards(config, dataset.load(), manifest, report, tmp_path / "made")
    assert ("orientation" in store.index) == turned


def test_an_image_folder_recorded_by_an_earlier_version_keeps_its_shards(photos, tmp_path):
    path = tmp_path / "image_folder.json"
    path.write_text(json.dumps({"path": "photos"}))
    assert ImageFolderDataset(filepath=str(path)).load().published
