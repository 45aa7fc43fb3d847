"""`sagan evaluate`: metrics of a generator or of images, without Kedro."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sagan.commands.group import (
    Command,
    config_option,
    device_option,
    path_argument,
    path_option,
    require_paths,
    say_next,
    set_option,
    weights_option,
)

if TYPE_CHECKING:
    import torch

    from sagan.metrics.config import EvaluationConfig


@click.command(cls=Command)
@path_argument("samples", metavar="IMAGES")
@path_argument("reference", metavar="REFERENCE")
@path_option("--out", metavar="JSON", help="The metrics file; default: none.")
@config_option
@set_option
@click.option(
    "--features",
    type=click.Choice(["inception", "classifier", "rotation"]),
    help="Inception's need its weights; a classifier's are learnt from REFERENCE, rotation's "
    "without classes. Default: classifier for shards, inception for others.",
)
@weights_option
@path_option("--workspace", metavar="DIR", help="Cache; default: features/ beside --out.")
@device_option
def evaluate(
    *,
    samples: Path,
    reference: Path,
    out: Path | None,
    files: tuple[Path, ...],
    assignments: tuple[str, ...],
    features: str | None,
    weights: str | None,
    workspace: Path | None,
    device: str,
) -> None:
    """Compare IMAGES with the images of REFERENCE.

    Each is the folder of a generator, of a shard store, or of images (or one with a folder of
    images for each class), or an .npz with images and class_labels, with arr_0 (and labels arr_1),
    or with pytorch-fid's mu and sigma, which is enough for FID. A generator, and
    samples whose classes are known, are measured against shards as the pipeline does; any others by
    what needs no classes: FID, as pytorch-fid's command computes it, kernel distance, precision,
    recall.
    """
    require_paths(samples, reference)
    from sagan.bundle.description import CONFIG
    from sagan.common.devices import choose_device
    from sagan.common.files import replacing_file
    from sagan.metrics.evaluation import headline_scores

    chosen = choose_device(device)
    config = _config(reference, files, assignments, features).model_copy(
        update={"device": str(chosen)}
    )
    _require_writable(out, workspace)
    with tempfile.TemporaryDirectory() as scratch:
        place = workspace or (out.parent / "features" if out else Path(scratch))
        metrics = _measured(samples, reference, config, weights, workspace=place, device=chosen)
    if out is not None:
        with replacing_file(out) as written:
            text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
            written.write_text(text, encoding="utf-8")
    for line in headline_scores(metrics):
        click.echo(line)
    if out is not None:
        click.echo(out)
    if (samples / CONFIG).is_file():
        say_next("explore", samples)


def _require_writable(out: Path | None, workspace: Path | None) -> None:
    """Refuse, before images are measured, a place where nothing can be written."""
    from sagan.common.files import require_space

    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file, such as {out / 'metrics.json'}")
    for folder in filter(None, (out and out.parent, workspace)):
        folder.mkdir(parents=True, exist_ok=True)
        require_space(folder, 0, remedy="choose another --out or --workspace")


def _config(
    reference: Path, files: tuple[Path, ...], assignments: tuple[str, ...], features: str | None
) -> EvaluationConfig:
    """The parameters of the files, or the defaults, with what is asked for beside them."""
    from sagan.common.parameters import load_settings
    from sagan.data.shards.store import INDEX
    from sagan.metrics.config import EvaluationConfig
    from sagan.metrics.named_protocols import refuse_set_by_quick

    settings: dict[str, Any] = load_settings("evaluation", files, assignments, EvaluationConfig)
    if not files:
        own = "classifier" if (reference / INDEX).is_file() else "inception"
        settings = {"features": own} | settings
    if features is not None:
        settings |= {"features": features}
    refuse_set_by_quick(
        settings.get("protocol"), load_settings("evaluation", [], assignments, EvaluationConfig)
    )
    needed = not files or features in {"classifier", "rotation"}
    if needed and not settings.get("classifier"):
        settings |= {"classifier": {}}
    return EvaluationConfig(**settings).followed()


def _measured(
    samples: Path,
    reference: Path,
    config: EvaluationConfig,
    weights: str | None,
    *,
    workspace: Path,
    device: torch.device,
) -> dict[str, Any]:
    from sagan.bundle.description import CONFIG, WEIGHTS
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.data.shards.store import INDEX, ShardStore
    from sagan.metrics.evaluate_images import evaluate_images, generated_images
    from sagan.metrics.image_sets import open_images
    from sagan.metrics.projection import evaluate_and_project

    bundles = {
        path: GeneratorBundle.open(path)
        for path in (samples, reference)
        if any((path / name).is_file() for name in (CONFIG, WEIGHTS))
    }
    if weights is not None and not bundles:
        raise ValueError(
            f"--weights chooses between a generator's weights, but '{samples}' is not a bundle's "
            "folder, nor is the reference; leave --weights out"
        )
    asked = config.model_copy(update={"weights": weights or config.weights})
    if samples in bundles and (reference / INDEX).is_file():
        store = ShardStore.open(reference)
        return evaluate_and_project(bundles[samples], store, asked, workspace)
    if asked.projected_images:
        raise ValueError(
            "projected_images needs a generator's folder and the folder of shards; set it to 0"
        )
    files = {
        path: open_images(path, config.reference_split)
        for path in (samples, reference)
        if path not in bundles
    }
    known = next((images for images in files.values() if images.count), None)
    first, second = (
        files.get(path) or generated_images(bundles[path], asked, device, known)
        for path in (samples, reference)
    )
    return evaluate_images(first, second, config, workspace, device)
