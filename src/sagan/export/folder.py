"""The exported folder: bundle, model card, sample grid, metrics, `torch.export` program."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.export.card import check_images, check_metrics, model_card
from sagan.export.config import ExportConfig
from sagan.export.program import PROGRAM, write_program
from sagan.sampling.config import SamplingConfig
from sagan.sampling.series import draw_series, draw_series_grid


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
    temporary = tempfile.TemporaryDirectory(prefix="sagan-export-")
    path = Path(temporary.name) / "generator"
    path.mkdir()
    generator = bundle.load()  # checks the weights
    if config.raw_weights:
        for weights in bundle.available[1:]:
            bundle.choose(weights).load()
    bundle.copy_to(path, raw=config.raw_weights)
    program = None
    if config.program:
        program = write_program(
            generator,
            path / PROGRAM,
            samples=config.checked_samples,
            tolerance=config.tolerance,
        )
        _write_json(path / "program.json", program)
    if metrics is not None:
        _write_json(path / "metrics.json", metrics)
    sampling = sampling.model_copy(update={"device": "auto"})  # this machine may have no GPU
    grid = draw_series_grid(draw_series(bundle, sampling), bundle, sampling)
    Image.fromarray(grid).save(path / "sample_grid.png", optimize=True)
    card = model_card(config, GeneratorBundle.open(path), validation, metrics, program)
    (path / "README.md").write_text(card, encoding="utf-8")
    return ExportFolder(path, temporary)


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
