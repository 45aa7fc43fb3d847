import pytest
from kedro.io import DatasetError
from kedro.runner import SequentialRunner

from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, data_hash
from sagan.data.validation_status import ValidationFailedError
from sagan.pipelines.preprocessing.pipeline import create_pipeline
from tests.drawn_images import draw_image_folder
from tests.pipelines.data_pipelines import catalog_below, parameter_model, parameters


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


def catalog_for(root, channels=3):
    config = PreprocessingConfig(image_size=16, channels=channels)
    catalog = catalog_below(root.parent / "data", **{"params:preprocessing": config})
    folder = ImageFolder.open(root)
    catalog.save("image_folder", folder)
    manifest = build_manifest(folder, ManifestConfig(workers=1))
    catalog.save("validated_manifest", manifest)
    catalog.save("validation_report", verdict(data_hash(manifest)))
    return catalog


def verdict(found, **changes):
    return {"data_hash": found, "expectations": [{}], "passed": True, "failures": []} | changes


def test_kedro_makes_the_config_model_of_the_parameters():
    assert parameter_model(create_pipeline(), "preprocessing") is PreprocessingConfig


@pytest.mark.parametrize(
    ("env", "size"), [("cifar10", 32), ("tiny_imagenet64", 64), ("imagenet128", 128)]
)
def test_environments_have_their_size(env, size):
    assert PreprocessingConfig(**parameters("preprocessing", env)).image_size == size


@pytest.mark.parametrize("channels", [3, 1])
def test_shards_of_the_validated_images(root, caplog, channels):
    catalog = catalog_for(root, channels)
    SequentialRunner().run(create_pipeline(), catalog)
    store = catalog.load("image_shards")
    assert store.path.parent == root.parent / "data/05_model_input/shards"
    assert store.facts()["images"] == {"train": 24, "val": 6}
    assert store.image_channels == channels
    assert ("30 of 30 images are stored in colour and become grey" in caplog.text) == (channels < 3)
    assert store.data_hash == data_hash(catalog.load("validated_manifest"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"passed": False, "failures": ["class_count: found 3"]}, "failed 1 critical exp(?s:.*)3"),
        ({"data_hash": "other"}, "belongs to another data set .*preprocessing does not start; run"),
        ({"expectations": []}, "has no expectations"),
    ],
)
def test_images_that_no_validation_found_fit_become_no_shards(root, changes, said):
    """An earlier validation's manifest may lie there still, of this or another data set."""
    catalog = catalog_for(root)
    catalog.save("validation_report", catalog.load("validation_report") | changes)
    with pytest.raises(ValidationFailedError, match=said):
        SequentialRunner().run(create_pipeline(), catalog)
    assert not catalog.exists("image_shards")


def test_without_a_report_there_are_no_shards(root):
    catalog = catalog_for(root)
    (root.parent / "data/08_reporting/validation_report.json").unlink()
    with pytest.raises(DatasetError, match=r"validation_report\.json does not exist"):
        SequentialRunner().run(create_pipeline(), catalog)


def test_an_image_changed_after_validation_stops_the_pipeline(root):
    catalog = catalog_for(root)
    (root / "val/00_circle/0000.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"val/00_circle/0000\.png' was changed after validation"):
        SequentialRunner().run(create_pipeline(), catalog)
    assert not catalog.exists("image_shards")
