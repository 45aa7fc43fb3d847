"""The exported folder: bundle, model card, sample grid, metrics, `torch.export` program."""

import json
import logging
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from PIL import Image

from sagan.bundle.description import CONFIG
from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.export.card import check_images, check_metrics, model_card
from sagan.export.config import ExportConfig
from sagan.export.onnx import ONNX, require_onnx, write_onnx
from sagan.export.program import PROGRAM, write_program
from sagan.html.pages import render
from sagan.sampling.config import SamplingConfig
from sagan.sampling.series import draw_series, draw_series_grid

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportFolder:
    """A finished folder inside a temporary one, which is deleted with this object."""

    path: Path
    temporary: "tempfile.TemporaryDirectory[str]"


def make_folder(
    config: ExportConfig,
    bundle: GeneratorBundle,
    sampling: SamplingConfig,
    validation: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
) -> ExportFolder:
    """Make the folder and check everything in it.

    Args:
        config: Of the export.
        bundle: The trained generator.
        sampling: What the sample grid shows; it is drawn again, since the grid of the sampling
            pipeline may be of an earlier generator.
        validation: The validation report of its images.
        metrics: Of the evaluation, if there was one.

    Raises:
        ValueError: When weights are damaged, metrics are another generator's, the validation
            report is about other images, or the program generates other images than the generator.
    """
    check_metrics(bundle, metrics)
    check_images(bundle, validation)
    if config.onnx:
        require_onnx()
    temporary = tempfile.TemporaryDirectory(prefix="sagan-export-")
    path = Path(temporary.name) / "generator"
    path.mkdir()
    generator = bundle.load()  # checks the weights
    if config.raw_weights:
        for weights in bundle.available[1:]:
            bundle.choose(weights).load()
    bundle.copy_to(path, raw=config.raw_weights)
    program = None
    onnx = None
    if config.program:
        logger.info("exporting %s, and comparing its images with the generator's", PROGRAM)
        program = write_program(
            generator,
            path / PROGRAM,
            samples=config.checked_samples,
            tolerance=config.tolerance,
        )
        _write_json(path / "program.json", program)
    if config.onnx:
        logger.info("exporting %s, and comparing its images with the generator's", ONNX)
        onnx = write_onnx(
            generator, path / ONNX, samples=config.checked_samples, tolerance=config.tolerance
        )
    if config.space:
        _write_space(path, config.title)
    if metrics is not None:
        _write_json(path / "metrics.json", metrics)
    sampling = sampling.model_copy(update={"device": "auto"})  # this machine may have no GPU
    grid = draw_series_grid(draw_series(bundle, sampling), bundle, sampling)
    Image.fromarray(grid).save(path / "sample_grid.png", optimize=True)
    card = model_card(
        config,
        GeneratorBundle.open(path),
        validation,
        metrics,
        program,
        onnx=onnx,
        truncation=grid.truncation,
    )
    (path / "README.md").write_text(card, encoding="utf-8")
    return ExportFolder(path, temporary)


def _write_space(path: Path, title: str) -> None:
    """A folder that is a whole Space: the app, what it needs, and the exported program."""
    space = path / "space"
    space.mkdir()
    for name in (PROGRAM, CONFIG):
        shutil.copy(path / name, space / name)
    app = render(Path(__file__).parent, "app.py.j2", title=title)
    (space / "app.py").write_text(app + "\n", encoding="utf-8")
    # the program is read by the torch that wrote it, or a newer one, on a Python that it supports
    torch_version = torch.__version__.partition("+")[0]
    needed = ["gradio", "numpy", "pillow", f"torch>={torch_version}"]
    (space / "requirements.txt").write_text("\n".join([*needed, ""]), encoding="utf-8")
    head = {"title": title, "sdk": "gradio", "app_file": "app.py"}
    head["python_version"] = ".".join(platform.python_version_tuple()[:2])
    text = f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n"
    (space / "README.md").write_text(text, encoding="utf-8")


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
