import json

import pytest
from kedro.runner import SequentialRunner

from sagan.data.config import AcquisitionConfig
from sagan.data.image_folder import ImageFolder
from sagan.pipelines.acquisition.pipeline import create_pipeline
from tests.drawn_images import draw_image_folder
from tests.pipelines.data_pipelines import catalog_below, parameter_model, parameters


def run(tmp_path, config):
    catalog = catalog_below(tmp_path / "data", **{"params:acquisition": config})
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog.load("image_folder")


def test_kedro_makes_the_config_model_of_the_parameters():
    assert parameter_model(create_pipeline(), "acquisition") is AcquisitionConfig


def test_the_default_leaves_digits_and_a_movable_handle(tmp_path):
    folder = run(tmp_path, AcquisitionConfig(**parameters("acquisition")))
    assert isinstance(folder, ImageFolder)
    assert folder.facts()["images"] == {"train": 1501, "val": 296}
    handle = json.loads((tmp_path / "data/01_raw/images/image_folder.json").read_text())
    assert handle["path"] == "digits"
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = catalog_below(tmp_path / "moved").load("image_folder")
    assert moved.path == tmp_path / "moved/01_raw/images/digits"


def test_a_folder_is_named_where_it_lies(tmp_path):
    root = draw_image_folder(tmp_path / "mine")
    assert run(tmp_path, AcquisitionConfig(source="folder", path=str(root))).path == root


@pytest.mark.parametrize("env", ["tiny_imagenet64", "imagenet128"])
def test_environments_ask_for_a_path(tmp_path, env):
    config = AcquisitionConfig(**parameters("acquisition", env))
    with pytest.raises(ValueError, match=r"--params=acquisition\.path=/your/images"):
        run(tmp_path, config)
    assert not (tmp_path / "data/01_raw/images/image_folder.json").exists()
