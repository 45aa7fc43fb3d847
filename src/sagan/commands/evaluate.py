"""`sagan evaluate`: metrics of a generator or of a file of samples, without Kedro."""

import json
from pathlib import Path

import click

from sagan.commands.group import (
    Command,
    config_option,
    device_option,
    example,
    path_argument,
    path_option,
    weights_option,
)


@click.command(
    cls=Command,
    epilog=example("sagan evaluate runs/<run>/generator shards/<key> --out metrics.json"),
)
@path_argument("samples", metavar="BUNDLE_OR_NPZ")
@path_argument("shards")
@path_option("--out", required=True, metavar="JSON", help="The metrics file.")
@config_option
@weights_option
@path_option("--workspace", metavar="DIR", help="Cache; default: features/ beside --out.")
@device_option
def evaluate(
    *,
    samples: Path,
    shards: Path,
    out: Path,
    files: tuple[Path, ...],
    weights: str | None,
    workspace: Path | None,
    device: str,
) -> None:
    """Compare samples with the real images of SHARDS, the folder of a shard store.

    BUNDLE_OR_NPZ is a generator's folder, measured as the pipeline does, or a file with images and
    class_labels. Without --config the features of a classifier of the shards are used.
    """
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.common.files import replacing_file
    from sagan.common.parameters import load_settings
    from sagan.data.shards.store import ShardStore
    from sagan.metrics.config import ClassifierConfig, EvaluationConfig
    from sagan.metrics.evaluate_file import evaluate_file
    from sagan.metrics.evaluate_generator import evaluate_generator
    from sagan.metrics.evaluation import headline_scores

    store, chosen = ShardStore.open(shards), choose_device(device)
    config = EvaluationConfig(features="classifier", classifier=ClassifierConfig())
    if files:
        config = EvaluationConfig(**load_settings("evaluation", files, []))
    workspace = workspace or out.parent / "features"
    if samples.is_dir():
        updates = {"device": str(chosen), "weights": weights or config.weights}
        bundle, config = GeneratorBundle.open(samples), config.model_copy(update=updates)
        metrics = evaluate_generator(bundle, store, config, workspace)
    elif weights is not None:
        raise ValueError(
            f"--weights chooses between a generator's weights, but {samples} is not a bundle's "
            "folder; leave --weights out for a file of samples"
        )
    else:
        metrics = evaluate_file(samples, store, config, workspace, chosen)
    with replacing_file(out) as temporary:
        text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
        temporary.write_text(text, encoding="utf-8")
    for line in (*headline_scores(metrics), out):
        click.echo(line)
