import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from sagan.completion.config import CompletionConfig
from sagan.datasets import JSONDataset, PNGDataset, WorkspaceDataset
from sagan.pipelines.completion.pipeline import create_pipeline
from sagan.preflight.pipeline import check_completion
from tests.small_world import CLASSES, small_bundle, small_shards


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "colour"])
def world(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    channels = request.param
    shards = small_shards(root, channels=channels)
    return root, small_bundle(root / "generator", channels=channels), shards


def catalog_of(world, **changes) -> DataCatalog:
    root, bundle, shards = world
    quick = {"encoder": {"steps": 2}, "refine_steps": 2, "candidates": 2, "device": "cpu"}
    catalog = DataCatalog({"params:completion": MemoryDataset(CompletionConfig(**quick | changes))})
    for name, data in (("generator_bundle", bundle), ("image_shards", shards)):
        catalog[name] = MemoryDataset(data, copy_mode="assign")
    for name in ("completion", "encoders"):
        catalog[f"{name}_workspace"] = WorkspaceDataset(filepath=str(root / name))
    catalog["completions"] = JSONDataset(filepath=str(root / "completions.json"))
    catalog["completion_sheet"] = PNGDataset(filepath=str(root / "completions.png"))
    return catalog


def test_validation_images_of_all_classes_are_completed(world):
    root, bundle, _ = world
    catalog = catalog_of(world, num_images=5)
    check_completion(create_pipeline(), catalog)

    SequentialRunner().run(create_pipeline(), catalog)

    records = catalog["completions"].load()
    assert [one["name"].split("/")[0] for one in records] == [
        *([CLASSES[0]] * 2),
        *([CLASSES[1]] * 2),
        CLASSES[2],
    ]
    assert all(len(one["candidates"]) == 2 for one in records)
    assert all((root / "completion" / one["name"] / "blended_2.png").is_file() for one in records)
    assert len(list((root / "encoders").iterdir())) == 1
    assert catalog["completion_sheet"].load().drawn_with == bundle.weights_sha256


def test_a_folder_is_completed_and_classes_are_given(world, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "one.png")
    catalog = catalog_of(world, images=str(tmp_path), mask="0,0,8,16", class_name="2")

    SequentialRunner().run(create_pipeline(), catalog)

    (record,) = catalog["completions"].load()
    assert record["name"] == "one"
    assert {one["class"] for one in record["candidates"]} == {CLASSES[2]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mask": "upper_half"}, "mask 'upper_half': expected none, alpha"),
        ({"mask": "alpha"}, "no transparency"),
        ({"mask": "0,0,16,16"}, "hides all of it"),
        ({"images": "nowhere"}, "no image 'nowhere'"),
        ({"class_name": "cat"}, "unknown: cat"),
    ],
)
def test_faults_are_told_before_anything_runs(world, changes, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        check_completion(create_pipeline(), catalog_of(world, **changes))


def test_without_validation_images_of_its_size_a_folder_is_asked_for(world, tmp_path):
    empty = small_shards(tmp_path, val_per_class=0)
    for shards in (empty, type(empty)(empty.path, world[2].index | {"image_size": 32})):
        with pytest.raises(ValueError, match=r"by completion\.images"):
            check_completion(create_pipeline(), catalog_of((*world[:2], shards)))
