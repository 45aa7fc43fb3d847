"""Images against images: as pytorch-fid's command, and as the pipeline measures samples."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from PIL import Image
from torch import nn

from sagan.metrics import evaluate_images
from sagan.sampling.files import write_pngs
from tests.program import program
from tests.small_world import CLASSES, small_bundle

main = program("evaluate")
DIMENSIONS = 6


def folder(path, count: int, seed: int, size: int = 16, kind: str = "png"):
    """A flat folder of smooth images."""
    path.mkdir()
    random = np.random.default_rng(seed)
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        small.resize((size, size), Image.Resampling.BICUBIC).save(path / f"{number}.{kind}")
    return path


def measured(tmp_path, first, second, *more) -> dict:
    out = tmp_path / "metrics.json"
    workspace = ["--workspace", str(tmp_path / "features"), "--device", "cpu"]
    assert main([str(first), str(second), "--out", str(out), *workspace, *map(str, more)]) == 0
    return json.loads(out.read_text())


@pytest.fixture
def inception(inception_config, tmp_path, monkeypatch):
    """The options that name a stand-in with few dimensions, whose distances are quick."""
    found = stand_in(), nn.Linear(DIMENSIONS, 1008)
    monkeypatch.setattr("sagan.metrics.features.inception.build_inception", lambda _: found)
    path = tmp_path / "inception.yml"
    settings = inception_config.model_dump(mode="json", exclude={"sweep"})
    path.write_text(yaml.safe_dump({"evaluation": settings}))
    return ["--config", str(path)]


def stand_in() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, DIMENSIONS))


class TheirStandIn(nn.Module):
    """In the place of pytorch-fid's InceptionV3, which resizes and scales by itself."""

    BLOCK_INDEX_BY_DIM = {DIMENSIONS: 0}  # noqa: RUF012 - as there

    def __init__(self, _: list[int]) -> None:
        super().__init__()
        self.network = stand_in()

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
        return [self.network(2 * x - 1)[:, :, None, None]]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_two_folders_have_pytorch_fids_distance(inception, tmp_path, monkeypatch, kind, capsys):
    from pytorch_fid import fid_score

    folders = [folder(tmp_path / "a", 20, 0, 16, kind), folder(tmp_path / "b", 17, 1, 24, kind)]
    monkeypatch.setattr(fid_score, "InceptionV3", TheirStandIn)
    paths = [str(path) for path in folders]
    theirs = fid_score.calculate_fid_given_paths(paths, 50, "cpu", DIMENSIONS, num_workers=0)

    ours = measured(tmp_path, *folders, *inception)

    assert ours["fid"] == pytest.approx(theirs, rel=1e-5)
    assert theirs > 0.01
    assert f"fid {ours['fid']:.4g}\n" in capsys.readouterr().out
    assert {"kid", "precision", "recall", "density", "coverage"} <= ours.keys()
    assert any("sizes differ" in text and "24x24" in text for text in ours["warnings"])


def test_statistics_of_pytorch_fid_stand_for_their_images(inception, tmp_path, monkeypatch, capsys):
    from pytorch_fid import fid_score

    folders = [folder(tmp_path / "a", 20, 0), folder(tmp_path / "b", 17, 1)]
    monkeypatch.setattr(fid_score, "InceptionV3", TheirStandIn)
    saved = [str(tmp_path / f"{path.name}.npz") for path in folders]
    for path, file in zip(folders, saved, strict=True):
        fid_score.save_fid_stats([str(path), file], 50, "cpu", DIMENSIONS, num_workers=0)
    theirs = fid_score.calculate_fid_given_paths(saved, 50, "cpu", DIMENSIONS, num_workers=0)

    for pair in ((folders[0], saved[1]), (saved[0], folders[1]), saved):
        ours = measured(tmp_path, *pair, *inception)
        assert ours["fid"] == pytest.approx(theirs, rel=1e-5)
        assert "precision" not in ours
    for pair in ((folders[0], saved[1]), (saved[0], folders[1])):
        capsys.readouterr()
        assert main([*map(str, pair), "--features", "rotation"]) == 1
        assert "no images" in capsys.readouterr().err


def test_it_prints_without_a_file(inception, tmp_path, capsys):
    folders = [folder(tmp_path / "a", 4, 0), folder(tmp_path / "b", 4, 1)]
    assert main([*map(str, folders), *inception]) == 0
    assert capsys.readouterr().out.startswith("fid ")
    assert {path.name for path in tmp_path.iterdir()} >= {"a", "b", "inception.yml"}
    assert not (tmp_path / "features").exists()


def test_images_of_any_size_are_measured_one_by_one(inception, tmp_path):
    mixed = folder(tmp_path / "mixed", 3, 0)
    for number in range(3):
        Image.new("RGB", (30 + number, 20), (9, 99, 199)).save(mixed / f"wide{number}.png")
    again = tmp_path / "again"
    again.mkdir()
    for path in mixed.iterdir():
        (again / f"x{path.name}").write_bytes(path.read_bytes())

    metrics = measured(tmp_path, mixed, again, *inception)

    assert metrics["fid"] == pytest.approx(0, abs=1e-4)
    assert any("4 sizes from 16x16 to 32x20" in text for text in metrics["warnings"])


def test_without_inceptions_weights_it_says_what_is_missing_and_what_needs_none(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    assert main([str(folder(tmp_path / "a", 3, 0)), str(folder(tmp_path / "b", 3, 1))]) == 1
    error = capsys.readouterr().err
    assert "pt_inception" in error
    assert "--features" in error
    assert "rotation" in error


def test_features_can_be_learnt_from_the_second_folder(tmp_path):
    first, second = folder(tmp_path / "a", 12, 0), folder(tmp_path / "b", 12, 1)
    metrics = measured(tmp_path, first, second, "--features", "rotation")
    assert metrics["fd_rotation"] > 0
    assert metrics["protocol"]["reference"]["folder"] == "b"
    assert metrics["details"]["network"]["train_images"] == 11  # a tenth is held out


@pytest.mark.parametrize(
    ("features", "size", "said"),
    [
        ("classifier", 16, "several classes"),
        ("rotation", 24, "of 24x24 px, but the features are learnt from images of 16x16 px"),
    ],
)
def test_what_learnt_features_cannot_measure_is_one_line(tmp_path, capsys, features, size, said):
    folders = [folder(tmp_path / "a", 10, 0, size), folder(tmp_path / "b", 10, 1)]
    assert main([*map(str, folders), "--features", features]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("Error:") == 1


def test_images_of_another_size_are_noticed_before_features_are_learnt(
    tmp_path, capsys, monkeypatch
):
    folders = [folder(tmp_path / "a", 300, 0), folder(tmp_path / "b", 10, 1)]
    Image.new("RGB", (16, 17)).save(tmp_path / "a/zz.png")  # the last one
    monkeypatch.setattr(evaluate_images, "feature_extractor", None)  # is not called
    assert main([*map(str, folders), "--features", "rotation"]) == 1
    assert "images of 16x17 px, but the features are learnt from" in capsys.readouterr().err


@pytest.fixture
def parameters(config, tmp_path):
    path = tmp_path / "parameters.yml"
    settings = config.model_dump(mode="json", exclude={"sweep"})
    path.write_text(yaml.safe_dump({"evaluation": settings}))
    return ["--config", str(path)]


@pytest.mark.parametrize("channels", [3, 1])
def test_class_folders_are_measured_against_shards_as_a_file_of_samples(
    shards, grey_store, parameters, tmp_path, channels
):
    shards = grey_store if channels == 1 else shards
    val = shards.split("val")
    order = np.argsort(val.labels, kind="stable")  # as the folders are read
    images, labels = val.read(order).numpy(), val.labels[order]
    np.savez(tmp_path / "samples.npz", images=images, class_labels=labels)
    write_pngs(tmp_path / "samples", images, labels, shards.class_names)

    of_file, of_folder = (
        measured(tmp_path, tmp_path / name, shards.path, *parameters)
        for name in ("samples.npz", "samples")
    )

    assert of_folder["protocol"]["samples"].pop("folder") == "samples"
    for metrics in (of_file, of_folder):
        del metrics["protocol"]["samples"]
    assert of_folder == of_file
    assert "recognised" in of_folder


def test_images_of_unknown_classes_have_no_scores_of_classes(shards, parameters, tmp_path, caplog):
    pixels = shards.split("train").read(np.arange(72)).permute(0, 2, 3, 1).numpy()
    np.savez(tmp_path / "theirs.npz", pixels)

    metrics = measured(tmp_path, tmp_path / "theirs.npz", shards.path, *parameters)

    assert metrics["fd_classifier"] == pytest.approx(0, abs=1e-4)
    assert "recognised" not in metrics
    assert "classes of the samples are not known" in caplog.text


def test_a_generator_draws_the_classes_of_the_folder(parameters, tmp_path):
    bundle = small_bundle(tmp_path / "generator")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8)
    write_pngs(tmp_path / "real", pixels, np.array([0] * 8 + [2] * 4), CLASSES)

    of_generator = measured(tmp_path, bundle.path, tmp_path / "real", *parameters)
    as_reference = measured(tmp_path, tmp_path / "real", bundle.path, *parameters)

    for metrics, side in ((of_generator, "samples"), (as_reference, "reference")):
        described = metrics["protocol"][side]
        assert described["class_labels"] == "in the reference's class frequencies"
        assert described["count"] == 60
        assert not any("frequencies" in text for text in metrics["warnings"])


def test_what_only_shards_have_is_refused(inception, tmp_path, capsys):
    path = tmp_path / "inception.yml"
    path.write_text(path.read_text().replace("reference_count: null", "reference_count: 3"))
    folders = [folder(tmp_path / "a", 4, 0), folder(tmp_path / "b", 4, 1)]
    assert main([*map(str, folders), *inception]) == 1
    assert "evaluation.reference_count" in capsys.readouterr().err
