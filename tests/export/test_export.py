"""The folder that is given away: whole, checked, and honest about what was measured."""

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image
from safetensors.torch import load_file, save_file

from sagan import SaganGenerator
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.pixels import to_uint8
from sagan.datasets import GeneratorBundleDataset
from sagan.export.card import (
    MismatchedImagesError,
    MismatchedMetricsError,
    _code,
    _example,
    model_card,
)
from sagan.export.config import ExportConfig
from sagan.export.folder import make_folder
from sagan.export.program import ProgramMismatchError, largest_difference, write_program
from sagan.pipelines.export.pipeline import create_pipeline
from sagan.sampling.config import SamplingConfig
from sagan.sampling.latents import sample_latents
from sagan.sampling.series import draw_series, draw_series_grid
from tests import fabricated_run as run
from tests.program import program
from tests.small_world import small_bundle

sample = program("sample")

SAMPLING = SamplingConfig(samples_per_class=2, tile_px=16, device="cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> GeneratorBundle:
    path = tmp_path_factory.mktemp("trained") / "generator"
    return small_bundle(path, class_titles={"00_circle": "disc, round"})


def measured(bundle: GeneratorBundle) -> dict:
    metrics = run.metrics()
    metrics["protocol"]["samples"] |= {"generator": bundle.facts, "truncation": None, "seed": 0}
    return metrics


@pytest.fixture(scope="module")
def shared(bundle, tmp_path_factory) -> Path:
    """What the pipeline leaves."""
    target = tmp_path_factory.mktemp("shared") / "shared_generator"
    catalog = DataCatalog(
        {
            "generator_bundle": MemoryDataset(bundle, copy_mode="assign"),
            "params:sampling": MemoryDataset(SAMPLING),
            "validation_report": MemoryDataset(run.validation_report()),
            "metrics": MemoryDataset(measured(bundle)),
            "params:export": MemoryDataset(ExportConfig(title="Shapes", license="mit")),
            "shared_generator": GeneratorBundleDataset(filepath=str(target)),
        }
    )
    SequentialRunner().run(create_pipeline(), catalog)
    return target


def test_the_folder_has_all_and_opens_as_a_bundle(shared, bundle):
    assert {path.name for path in shared.iterdir()} == {
        *("README.md", "config.json", "generator.safetensors", "generator.pt2"),
        *("metrics.json", "program.json", "sample_grid.png", "SHA256SUMS"),
    }
    assert GeneratorBundle.open(shared).config == bundle.config


def test_the_picture_is_of_the_generator_that_is_given_away(shared, bundle):
    with Image.open(shared / "sample_grid.png") as picture:
        found = np.asarray(picture).astype(int)
    expected = draw_series_grid(draw_series(bundle, SAMPLING), bundle, SAMPLING)
    assert np.abs(found - expected).max() <= 1
    assert len(np.unique(found)) > 10


def test_pictures_are_drawn_from_the_folder_alone(shared, tmp_path):
    assert sample([str(shared), "--classes", "1", "--count", "1", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "sample_grid.png").is_file()


def test_the_card_has_a_head_and_all_facts(shared, bundle):
    card = (shared / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "mit"
    assert "sagan" in yaml.safe_load(head)["tags"]
    for said in (
        "# Shapes",
        "`disc (00_circle)`, `01_square`, `02_triangle`",
        "| images | 1,836 |",
        "| `recognised` | 0.971 (95%: 0.96 to 0.98) |",
        "1,000 samples of the raw weights (without truncation, seed 0) against 1,797 images of the "
        "split `train`",
        "biased upwards",
        "## Limits",
        "@inproceedings{zhang2019selfattention,",
        "pages     = {7354--7363}",
    ):
        assert said in body
    assert "None" not in body
    assert "\n\n\n" not in body


def test_the_program_draws_the_same_without_this_project(shared, bundle):
    program = torch.export.load(shared / "generator.pt2").module()
    latents, labels = sample_latents(3, bundle.latent_dim, 7), torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        program(latents, labels), bundle.load()(latents, labels), atol=1e-4, rtol=0
    )
    found = json.loads((shared / "program.json").read_text())
    assert 0 <= found["largest_difference"] <= found["tolerance"]
    assert found["torch"] == torch.__version__


def test_a_grey_generator_is_described_and_exported_as_one(tmp_path):
    grey = small_bundle(tmp_path / "grey", channels=1, attention=())

    program = write_program(grey.load(), tmp_path / "p.pt2", samples=1, tolerance=1e-4)
    card = model_card(ExportConfig(), grey, run.validation_report(), None, program)

    assert program["output"] == "float32 [N, 1, 16, 16], -1..1"
    assert "# [8, 1, 16, 16], -1..1" in card
    assert "generator of grey images of 16 x 16 px" in card


def test_the_hub_reads_the_scores_of_the_card(shared):
    results = ModelCard.load(shared / "README.md").data.eval_results
    scores = {one.metric_type: one.metric_value for one in results}
    assert scores["recognised"] == pytest.approx(0.971)
    assert {one.dataset_split for one in results} == {"train"}


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_what_is_pushed_to_the_hub_has_all_that_the_card_shows(shared, tmp_path):
    SaganGenerator.from_pretrained(shared).save_pretrained(tmp_path)
    exported = files_of(shared)
    del exported["SHA256SUMS"]  # of the folder as this project wrote it
    assert files_of(tmp_path) == exported


def test_onnx_and_the_space_make_the_generators_images(bundle, caplog, monkeypatch, tmp_path):
    caplog.set_level("INFO", "sagan.export")
    for module in ("onnx", "onnxruntime", "onnxscript"):
        if "SAGAN_REQUIRE_ALL" not in os.environ:
            pytest.importorskip(module)
    config = ExportConfig(title='A "title"', onnx=True, space=True)
    made = make_folder(config, bundle, SAMPLING, run.validation_report(), None)
    told = [text.split(",")[0] for text in caplog.messages if text.startswith("exporting")]
    assert told == ["exporting generator.pt2", "exporting generator.onnx"]
    path = made.path
    onnxruntime = pytest.importorskip("onnxruntime")
    latents, labels = sample_latents(3, bundle.latent_dim, 0), torch.zeros(3, dtype=torch.int64)
    wanted = bundle.load()(latents, labels)
    session = onnxruntime.InferenceSession(str(path / "generator.onnx"))
    inputs = {"latents": latents.numpy(), "class_labels": labels.numpy()}
    assert np.abs(session.run(None, inputs)[0] - wanted.numpy()).max() < 1e-4
    SaganGenerator.from_pretrained(path).save_pretrained(tmp_path)
    assert files_of(tmp_path) == files_of(path), "not all that the card tells of"
    card = (path / "README.md").read_text()
    code = card.partition("With onnxruntime:\n\n```python\n")[2].partition("```")[0]
    monkeypatch.chdir(path)
    drawn_by_card: dict[str, Any] = {}
    exec(code, drawn_by_card)
    assert drawn_by_card["images"].shape == (8, *wanted.shape[1:])
    assert card.count("was compared with the generator on") == 2
    assert "python space/app.py" in card
    head = (path / "space" / "README.md").read_text()
    assert f"python_version: '{sys.version_info.major}.{sys.version_info.minor}'" in head
    app = runpy.run_path(str(path / "space" / "app.py"), run_name="app")
    (gallery,) = [one for one in app["app"].blocks.values() if one.elem_id == "samples"]
    assert gallery.columns == 2, "eight would be cut off on a phone"
    assert "#samples .grid-container" in app["CSS"]
    drawn = [np.asarray(one)[4::8, 4::8] for one in app["draw"](0, 3, 0)]
    pixels = to_uint8(wanted).permute(0, 2, 3, 1).squeeze(-1).numpy()
    assert np.abs(np.stack(drawn).astype(int) - pixels).max() <= 1
    assert app["draw"](0, 1, None)[0].tobytes() == app["draw"](0, 1, 0)[0].tobytes(), "emptied seed"


def test_a_space_without_the_program_is_refused():
    with pytest.raises(ValueError, match="set program to true"):
        ExportConfig(program=False, space=True)


def test_a_program_of_other_weights_is_found_out(shared, bundle):
    generator = bundle.load()
    generator.to_rgb.bias.add_(1.0)
    assert largest_difference(shared / "generator.pt2", generator, 2) > 0.01


def test_a_difference_beyond_the_tolerance_is_an_error(bundle, shared, tmp_path, monkeypatch):
    traced = torch.export.load(shared / "generator.pt2")  # of this generator: not traced again
    monkeypatch.setattr("torch.export.export", lambda *_, **__: traced)
    monkeypatch.setattr("sagan.export.program.largest_difference", lambda *_: float("nan"))
    with pytest.raises(ProgramMismatchError, match=r"by up to nan .*export\.program=false"):
        write_program(bundle.load(), tmp_path / "p.pt2", samples=1, tolerance=1e-4)


def make(bundle, metrics=None, sampling=SAMPLING, **changes):
    config = ExportConfig(program=False, **changes)
    return make_folder(config, bundle, sampling, run.validation_report(), metrics)


def test_the_card_tells_that_its_picture_is_of_truncated_latents(bundle):
    truncated = make(bundle, sampling=SAMPLING.model_copy(update={"truncation": 1.3}))
    said = " ".join((truncated.path / "README.md").read_text().split())
    assert "without components beyond 1.3 standard deviations: fewer odd samples, less" in said
    assert "`sagan sample FOLDER` draws without truncation unless `--truncation` is given" in said
    assert "standard deviations" not in (make(bundle).path / "README.md").read_text()


def test_without_metrics_the_card_says_so(bundle):
    folder = make(bundle)
    card = (folder.path / "README.md").read_text()
    assert "Nothing was measured" in card
    assert "licence of these weights is not stated" in card
    assert not (folder.path / "metrics.json").exists()
    assert "torch.export" not in card


def test_names_on_the_card_are_no_markup():
    assert _code("a`b``c") == "``` a`b``c ```"
    assert _example(["it's", "b"]) == "'it'\"'\"'s,b'"
    assert _example(["Smith, Anna", "b"]) == _example(["a\n", "b"]) == _example(["`", "b"]) == "0,1"
    assert _example(["a,b"]) == "0"


def test_metrics_of_another_generator_are_refused(bundle):
    with pytest.raises(MismatchedMetricsError, match="kedro run --pipeline=evaluation"):
        make(bundle, run.metrics())


def test_a_report_about_other_images_is_refused(bundle, tmp_path):
    trained = bundle.config | {"facts": bundle.facts | {"data_hash": "def456"}}
    with pytest.raises(MismatchedImagesError, match="about other images"):
        make(GeneratorBundle(bundle.path, trained))
    same = bundle.config | {"facts": bundle.facts | {"data_hash": "abc123"}}
    make(GeneratorBundle(bundle.path, same))


def test_scores_of_the_raw_weights_are_called_so(tmp_path):
    both = small_bundle(tmp_path / "generator", averaged=True)
    metrics = measured(both.choose("raw"))

    folder = make(both, metrics)
    card = (folder.path / "README.md").read_text()

    assert "Picture and program are of the average, the scores of the raw weights." in card
    assert "1,000 samples of the raw weights (without truncation, seed 0)" in card
    with pytest.raises(MismatchedMetricsError, match="raw weights that are left out"):
        make(both, metrics, raw_weights=False)


def test_a_baseline_is_not_passed_off_as_sagan(tmp_path):
    """No attention, no class: neither in the words nor in the Hub's tags."""
    bundle = small_bundle(tmp_path / "generator", attention=())
    facts = bundle.facts | {"recipe": "sngan_projection"}
    folder = make(GeneratorBundle(bundle.path, bundle.config | {"facts": facts}))

    _, head, body = (folder.path / "README.md").read_text().split("---\n", 2)

    assert not {"sagan", "self-attention"} & set(yaml.safe_load(head)["tags"])
    assert "16 x 16 px, configuration `sngan_projection`.\nIt has no self-attention" in body
    assert "trained as a Self-Attention GAN" not in body
    assert "| attention resolutions | none |" in body
    assert "| spectral norm | yes |" in body


def test_a_distance_by_another_resizer_is_on_the_card(bundle):
    metrics = measured(bundle)
    metrics["fid_pil_bicubic"] = 21.5

    folder = make(bundle, metrics)

    assert "| `fid_pil_bicubic` | 21.5 |" in (folder.path / "README.md").read_text()


def test_the_hub_reads_the_head(shared):
    """By its own library, where that is installed."""
    hub = pytest.importorskip("huggingface_hub")

    card = hub.ModelCard.load(shared / "README.md")

    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert card.data.license == "mit"
    assert card.text.lstrip().startswith("# Shapes")


def test_damaged_weights_are_not_given_away(tmp_path):
    bundle = small_bundle(tmp_path / "generator")
    weights = tmp_path / "generator" / "generator.safetensors"
    tensors = load_file(weights)
    weights.write_bytes(weights.read_bytes()[:-64])
    with pytest.raises(ValueError, match="was changed after it was written"):
        make(bundle)
    tensors.pop("to_rgb.weight")
    save_file(tensors, weights)
    config = {k: v for k, v in bundle.config.items() if k != "weights_sha256"}  # earlier versions
    (bundle.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"does not fit its config\.json"):
        make(GeneratorBundle.open(bundle.path))


def test_raw_weights_are_given_away_unless_switched_off(tmp_path):
    both = small_bundle(tmp_path / "generator", averaged=True)
    folder = make(both)
    assert GeneratorBundle.open(folder.path).available == ("ema", "raw")
    assert "`--weights raw`" in (folder.path / "README.md").read_text()
    alone = make(both, raw_weights=False)
    assert GeneratorBundle.open(alone.path).available == ("ema",)
    assert not (alone.path / "generator_raw.safetensors").exists()
    assert "--weights raw" not in (alone.path / "README.md").read_text()

    raw = both.path / "generator_raw.safetensors"
    raw.write_bytes(raw.read_bytes()[:-64])
    with pytest.raises(ValueError, match=r"generator_raw\.safetensors was changed"):
        make(both)
    make(both, raw_weights=False)
