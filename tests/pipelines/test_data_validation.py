import pytest
from kedro.runner import SequentialRunner

from sagan.data.image_folder import ImageFolder
from sagan.data.validation_status import ValidationFailedError
from sagan.pipelines.data_validation.pipeline import create_pipeline
from sagan.validation.config import DataValidationConfig
from sagan.validation.suites import read_suites
from tests.drawn_images import draw_image_folder
from tests.pipelines.data_pipelines import catalog_below, parameter_model, parameters
from tests.validation.suites import documents, small_config


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


def catalog_for(root, **thresholds):
    catalog = catalog_below(
        root.parent / "data", **{"params:data_validation": small_config(**thresholds)}
    )
    catalog.save("image_folder", ImageFolder.open(root))
    return catalog


def test_kedro_makes_the_config_model_of_the_parameters():
    assert parameter_model(create_pipeline(), "data_validation") is DataValidationConfig


@pytest.mark.parametrize("env", ["base", "cifar10", "tiny_imagenet64", "my_images", "imagenet128"])
def test_committed_parameters_are_sound(env):
    config = DataValidationConfig(**parameters("data_validation", env))
    suites = read_suites(documents(), config)
    assert (config.known_classes is None) == bool(suites.skipped)


def test_a_sound_data_set_goes_on(root):
    catalog = catalog_for(root)
    SequentialRunner().run(create_pipeline(), catalog)
    assert len(catalog.load("manifest")) == len(catalog.load("validated_manifest")) == 30
    assert catalog.load("validation_report")["passed"]
    assert "Data validation" in catalog.load("data_docs")


def test_the_report_carries_what_people_call_the_classes(root):
    (root / "class_names.json").write_text('{"00_circle": "circle, disc"}')
    catalog = catalog_for(root)
    SequentialRunner().run(create_pipeline(), catalog)
    assert catalog.load("validation_report")["class_titles"] == {"00_circle": "circle, disc"}
    assert "circle (00_circle)" in catalog.load("data_docs")


def test_a_failed_gate_leaves_report_and_docs_but_no_validated_manifest(root):
    catalog = catalog_for(root, min_classes=4)
    with pytest.raises(ValidationFailedError, match="class_count"):
        SequentialRunner().run(create_pipeline(), catalog)
    assert not catalog.load("validation_report")["passed"]
    assert "class_count" in catalog.load("data_docs")
    assert not catalog.exists("validated_manifest")
