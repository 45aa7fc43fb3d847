from typing import get_type_hints

import numpy as np
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from sagan.datasets import PNGDataset, SamplesDataset, WorkspaceDataset
from sagan.pipelines.sampling.nodes import draw_attention, draw_grid, draw_samples
from sagan.pipelines.sampling.pipeline import create_pipeline
from sagan.sampling.config import SamplingConfig
from tests.small_world import small_bundle


@pytest.fixture
def bundle(tmp_path):
    return small_bundle(tmp_path / "generator")


def run(bundle, **changes) -> dict:
    config = SamplingConfig(samples_per_class=4, device="cpu", **changes)
    catalog = DataCatalog({"generator_bundle": MemoryDataset(bundle, copy_mode="assign")})
    catalog["params:sampling"] = config
    # what another node reads must outlive the run: memory is freed after its last reader
    catalog["samples"] = SamplesDataset(filepath=str(bundle.path.parent / "samples.npz"))
    catalog["pngs_workspace"] = WorkspaceDataset(filepath=str(bundle.path.parent / "pngs"))
    for name in ("sample_grid", "attention_maps"):
        catalog[name] = MemoryDataset()
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog[name].load() for name in ("samples", "sample_grid", "attention_maps")}


def test_makes_samples_and_both_pictures(bundle):
    made = run(bundle)

    assert made["samples"]["images"].shape == (12, 3, 16, 16)
    assert made["samples"]["images"].dtype == np.uint8
    assert made["samples"]["class_labels"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for picture in ("sample_grid", "attention_maps"):
        assert made[picture].dtype == np.uint8
        assert made[picture].shape[2] == 3


def test_samples_are_files_on_request(bundle):
    folder = bundle.path.parent / "pngs"
    run(bundle)
    assert not list(folder.iterdir())

    images = run(bundle, pngs=True)["samples"]["images"]

    assert len(list(folder.glob("*/*.png"))) == 12
    with Image.open(folder / "02_triangle" / "000009.png") as file:
        assert (np.asarray(file) == images[9].transpose(1, 2, 0)).all()


def test_is_the_same_again(bundle):
    first, second = run(bundle), run(bundle, batch_size=5)

    difference = np.abs(first["samples"]["images"].astype(int) - second["samples"]["images"])
    assert difference.max() <= 1  # grey levels, of float rounding
    assert (first["attention_maps"] == second["attention_maps"]).all()


def test_chooses_classes(bundle):
    assert set(run(bundle, classes=2)["samples"]["class_labels"]) == {0, 2}


def test_same_latents_are_not_the_same_samples(bundle):
    free, shared = run(bundle), run(bundle, same_latents=True)

    assert (free["samples"]["images"][:4] == shared["samples"]["images"][:4]).all()
    assert (free["samples"]["images"][4:] != shared["samples"]["images"][4:]).any()


def test_parameters_are_checked_by_the_model():
    """Kedro checks what it can resolve: a hint that does not resolve switches the checks off."""
    for node in create_pipeline().nodes:
        assert get_type_hints(node.func)["config"] is SamplingConfig


@pytest.mark.parametrize("environment", ["base", "cifar10", "tiny_imagenet64", "imagenet128"])
def test_parameter_files_are_valid(environment):
    loader = OmegaConfigLoader(
        "conf", base_env="base", env=environment, merge_strategy={"parameters": "soft"}
    )

    SamplingConfig.model_validate(loader["parameters"]["sampling"])


def test_pictures_say_which_weights_they_show(bundle, tmp_path):
    """On disk as well; the grid those of its samples, which may be an earlier generator's."""
    made = run(bundle)
    for name in ("sample_grid", "attention_maps"):
        dataset = PNGDataset(filepath=str(tmp_path / f"{name}.png"))
        dataset.save(made[name])
        assert dataset.load().drawn_with == bundle.config["weights_sha256"]
        assert (dataset.load() == made[name]).all()

    samples = made["samples"] | {"drawn_with": np.array("0" * 64)}
    grid = draw_grid(samples, bundle, SamplingConfig())
    assert grid[::2].copy().drawn_with == "0" * 64


@pytest.mark.parametrize("truncation", [None, 1.3])
def test_pictures_say_how_their_latents_were_truncated(bundle, tmp_path, truncation):
    """On disk as well; the grid as its samples were, whatever the parameters are now."""
    drawn = SamplingConfig(classes=2, samples_per_class=1, truncation=truncation)
    samples = draw_samples(bundle, drawn, tmp_path)
    pictures = {
        "grid": draw_grid(samples, bundle, SamplingConfig(truncation=0.5)),
        "maps": draw_attention(bundle, drawn),
    }
    for name, picture in pictures.items():
        dataset = PNGDataset(filepath=str(tmp_path / f"{name}.png"))
        dataset.save(picture)
        assert dataset.load()[:1].truncation == truncation
    del samples["truncation"]  # as in samples of earlier versions
    assert draw_grid(samples, bundle, drawn).truncation is None
