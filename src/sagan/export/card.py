"""The model card: the generator's architecture, data, scores and limits.

Markdown under a YAML header as the Hugging Face Hub reads it
(https://huggingface.co/docs/hub/model-cards).
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.naming import full_names
from sagan.common.schema import ClearError
from sagan.common.text import visible
from sagan.export.config import ExportConfig
from sagan.html.format import format_number, format_value, words
from sagan.html.pages import render

Json = Mapping[str, Any]
NAMES_SHOWN = 20
# the scores that a card lists, in this order
SCORES = (
    ("fid", "Fréchet inception distance (pytorch-fid's features)"),
    ("fid_pil_bicubic", "the same, images resized by PIL's antialiased bicubic"),
    ("inception_score", "Inception score"),
    ("inception_score_pil_bicubic", "Inception score, images resized likewise"),
    ("fd_classifier", "Fréchet distance in the features of a classifier of these images"),
    ("fd_rotation", "Fréchet distance in features learnt of these images without labels"),
    ("recognised", "share recognised as the class asked for, mean over the classes"),
    ("precision", "share of samples within the real images' manifold"),
    ("recall", "share of real images within the samples' manifold"),
    ("diversity_mean", "diversity within a class, mean (real images: 1)"),
    ("diversity_min", "diversity within a class, the lowest"),
)


class MismatchedMetricsError(ClearError, ValueError):
    """metrics.json was computed for a different generator."""


class MismatchedImagesError(ClearError, ValueError):
    """validation_report.json is about other images than the generator was trained on."""


def model_card(
    config: ExportConfig,
    bundle: GeneratorBundle,
    validation: Json,
    metrics: Json | None,
    program: Json | None,
    *,
    onnx: Json | None = None,
    truncation: float | None = None,
) -> str:
    """The card as Markdown.

    Args:
        config: Of the export.
        bundle: The generator.
        validation: The validation report of the images.
        metrics: Of the evaluation; None: nothing was measured, and the card says so.
        program: As `write_program` returns it; None: no program was made.
        onnx: As `write_onnx` returns it; None: no such file was made.
        truncation: Of the picture's latents [standard deviations]; None: none.

    Raises:
        MismatchedMetricsError: When the metrics are another generator's.
    """
    check_metrics(bundle, metrics)
    network = bundle.config["generator"]
    conditional = network.get("class_conditional", True)
    attentive = bool(network.get("attention_resolutions"))
    attentive &= network.get("attention_form") != "residual"  # a block of like size in its place
    return render(
        Path(__file__).parent,
        "card.md.j2",
        config=config,
        head=_head(config, bundle, metrics, conditional=conditional, attentive=attentive),
        conditional=conditional,
        attentive=attentive,
        bundle=bundle,
        facts=bundle.facts,
        network={name: format_value(value) for name, value in network.items()},
        names=_names(bundle),
        example=_example(bundle.class_names),
        counts={words(name): format_number(n) for name, n in validation.get("counts", {}).items()},
        data_hash=bundle.facts.get("data_hash", validation.get("data_hash")),
        scores=_scores(metrics),
        protocol=_protocol(metrics),
        measured=_weights(metrics),
        warnings=(metrics or {}).get("warnings", []),
        program=program,
        onnx=onnx,
        truncation=truncation,
    )


def check_metrics(bundle: GeneratorBundle, metrics: Json | None) -> None:
    """Refuse metrics of another generator, or of weights that are not exported.

    Raises:
        MismatchedMetricsError: Naming what to run.
    """
    if metrics is None:
        return
    measured = (metrics.get("protocol", {}).get("samples") or {}).get("generator")
    if measured not in [bundle.choose(weights).facts for weights in bundle.available]:
        raise MismatchedMetricsError(
            "metrics.json is about another generator than the one to export, or about raw "
            "weights that are left out of it; "
            "run kedro run --pipeline=evaluation first, or remove metrics.json to export no scores"
        )


def check_images(bundle: GeneratorBundle, validation: Json) -> None:
    """Refuse to describe other images than the generator was trained on.

    Raises:
        MismatchedImagesError: saying what to run.
    """
    trained, validated = bundle.facts.get("data_hash"), validation.get("data_hash")
    if trained and validated and trained != validated:
        raise MismatchedImagesError(
            f"validation_report.json is about other images (hash {validated[:12]}...) than the "
            f"generator was trained on ({trained[:12]}...); run kedro run --pipeline=train first, "
            "so that report and generator belong together"
        )


def _head(
    config: ExportConfig,
    bundle: GeneratorBundle,
    metrics: Json | None,
    *,
    conditional: bool,
    attentive: bool,
) -> str:
    tags = ["gan", "image-generation"]
    tags += ["sagan", "self-attention"] if attentive else []
    tags += ["class-conditional"] if conditional else []
    head: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "unconditional-image-generation",  # the Hub has no tag nearer to it
        "tags": tags,
    }
    if config.license:
        head["license"] = config.license
    if metrics is not None:
        head["model-index"] = _model_index(config.title, bundle, metrics)
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip()


def _model_index(title: str, bundle: GeneratorBundle, metrics: Json) -> list[dict[str, Any]]:
    """The scores as the Hub reads them."""
    reference = metrics["protocol"]["reference"]
    dataset = {
        "type": "image-folder",
        "name": f"{bundle.num_classes} classes at {bundle.image_size} px",
        "split": str(reference["split"]),
    }
    scores = [
        {"type": name, "name": text, "value": float(metrics[name])}
        for name, text in SCORES
        if metrics.get(name) is not None
    ]
    task = {"type": "unconditional-image-generation", "name": "Image generation"}
    return [{"name": title, "results": [{"task": task, "dataset": dataset, "metrics": scores}]}]


def _names(bundle: GeneratorBundle) -> str:
    more = bundle.num_classes - NAMES_SHOWN
    names = full_names(bundle.class_names[:NAMES_SHOWN], bundle.class_titles)
    shown = ", ".join(_code(name) for name in names)
    return f"{shown} and {more:,} more (`config.json`)" if more > 0 else shown


def _code(text: str) -> str:
    """Text as a code span of Markdown, in which nothing of it is markup."""
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (max(map(len, re.findall("`+", text))) + 1)
    return f"{fence} {text} {fence}"


def _example(class_names: Sequence[str]) -> str:
    """The value of `--classes` for the first two classes; by number where a name is not safe."""
    plain = all(
        re.fullmatch(r"[^,\"`]+", name) and name == visible(name) for name in class_names[:2]
    )
    return shlex.quote(",".join(class_names[:2]) if plain else "0,1"[: 2 * len(class_names) - 1])


def _weights(metrics: Json | None) -> str | None:
    """Which weights were measured: `ema` or `raw`."""
    samples = {} if metrics is None else metrics["protocol"]["samples"]
    return (samples.get("generator") or {}).get("weights")


def _scores(metrics: Json | None) -> list[tuple[str, str, str]]:
    """Name, description, and the number with its interval."""
    if metrics is None:
        return []
    return [(name, text, _number(name, metrics)) for name, text in SCORES if name in metrics]


def _number(name: str, metrics: Json) -> str:
    value, interval = metrics[name], metrics.get("intervals", {}).get(name)
    if value is None:
        return "not defined"
    if not interval:
        return format_number(value)
    low, high = format_number(interval["low"]), format_number(interval["high"])
    return f"{format_number(value)} ({interval['level']:.0%}: {low} to {high})"


def _protocol(metrics: Json | None) -> str | None:
    if metrics is None:
        return None
    samples, reference = metrics["protocol"]["samples"], metrics["protocol"]["reference"]
    features = reference["features"]
    if isinstance(features, Mapping):
        features = features.get("network", "of metrics.json")
    truncation = samples.get("truncation")
    drawn = "without truncation" if truncation is None else f"truncation {truncation}"
    kind = {"ema": " of the averaged weights", "raw": " of the raw weights"}
    of = kind.get(str(_weights(metrics)), "")
    name = metrics["protocol"].get("name")
    named = f"{name}: " if name else ""
    return (
        f"{named}{samples['count']:,} samples{of} ({drawn}, seed {samples.get('seed')}) against "
        f"{reference['count']:,} images of the split `{reference['split']}`, "
        f"in the features of: {features}"
    )
