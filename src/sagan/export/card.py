"""The model card: what the generator is, from what, how good, and what it is not for.

Markdown under a YAML head as the Hugging Face Hub reads it
(https://huggingface.co/docs/hub/model-cards).
"""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.naming import full_names
from sagan.common.schema import ClearError
from sagan.export.config import ExportConfig

Json = Mapping[str, Any]
NAMES_SHOWN = 20
# the scores that a card lists, in this order, where the evaluation has them
SCORES = (
    ("fid", "Fréchet inception distance (pytorch-fid's features)"),
    ("fid_pil_bicubic", "the same, images resized by PIL's antialiased bicubic"),
    ("inception_score", "Inception score"),
    ("inception_score_pil_bicubic", "Inception score, images resized likewise"),
    ("fd_classifier", "Fréchet distance in the features of a classifier of these images"),
    ("recognised", "share recognised as the class asked for"),
    ("precision", "share of samples within the real images' manifold"),
    ("recall", "share of real images within the samples' manifold"),
    ("diversity_mean", "diversity within a class, mean (real images: 1)"),
    ("diversity_min", "diversity within a class, the lowest"),
)


class MetricsOfAnother(ClearError, ValueError):  # noqa: N818 - says what happened
    """The metrics that lie there are another generator's."""


class ImagesOfAnother(ClearError, ValueError):  # noqa: N818 - says what happened
    """The validation report that lies there is about other images."""


def model_card(
    config: ExportConfig,
    bundle: GeneratorBundle,
    validation: Json,
    metrics: Json | None,
    program: Json | None,
) -> str:
    """Write the card.

    Args:
        config: The station's.
        bundle: The generator.
        validation: The validation report of the images.
        metrics: What evaluation left; None: nothing was measured, and the card says so.
        program: What `write_program` returned; None: no program was made.

    Raises:
        MetricsOfAnother: when the metrics are another generator's.
    """
    check_metrics(bundle, metrics)
    network = bundle.config["generator"]
    conditional = network.get("class_conditional", True)
    attentive = bool(network.get("attention_resolutions"))
    attentive &= network.get("attention_form") != "residual"  # a block of like size in its place
    template = Environment(
        loader=PackageLoader("sagan.export"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("card.md.j2")
    return template.render(
        config=config,
        head=_head(config, conditional=conditional, attentive=attentive),
        conditional=conditional,
        attentive=attentive,
        bundle=bundle,
        facts=bundle.facts,
        network={name: _shown(value) for name, value in network.items()},
        names=_names(bundle),
        example=shlex.quote(",".join(bundle.class_names[:2])),
        counts=_counts(validation.get("counts", {})),
        data_hash=bundle.facts.get("data_hash", validation.get("data_hash")),
        scores=_scores(metrics),
        protocol=_protocol(metrics),
        measured=_weights(metrics),
        warnings=(metrics or {}).get("warnings", []),
        program=program,
    )


def check_metrics(bundle: GeneratorBundle, metrics: Json | None) -> None:
    """Refuse numbers of another generator, or of weights that are not given away.

    Raises:
        MetricsOfAnother: saying what to run.
    """
    if metrics is None:
        return
    measured = (metrics.get("protocol", {}).get("samples") or {}).get("generator")
    if measured not in [bundle.choose(weights).facts for weights in bundle.available]:
        raise MetricsOfAnother(
            "metrics.json is about another generator than the one to export, or about raw "
            "weights that are left out of it; "
            "run kedro run --pipeline=evaluation first, or remove metrics.json to export no scores"
        )


def check_images(bundle: GeneratorBundle, validation: Json) -> None:
    """Refuse to describe other images than the generator was trained on.

    Raises:
        ImagesOfAnother: saying what to run.
    """
    trained, validated = bundle.facts.get("data_hash"), validation.get("data_hash")
    if trained and validated and trained != validated:
        raise ImagesOfAnother(
            f"validation_report.json is about other images (hash {validated[:12]}...) than the "
            f"generator was trained on ({trained[:12]}...); run kedro run --pipeline=train first, "
            "so that report and generator belong together"
        )


def _head(config: ExportConfig, *, conditional: bool, attentive: bool) -> str:
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
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip()


def _names(bundle: GeneratorBundle) -> str:
    more = bundle.num_classes - NAMES_SHOWN
    names = full_names(bundle.class_names[:NAMES_SHOWN], bundle.class_titles)
    shown = ", ".join(f"`{name}`" for name in names)
    return f"{shown} and {more:,} more (`config.json`)" if more > 0 else shown


def _counts(counts: Json) -> dict[str, str]:
    return {
        name.replace("_", " "): f"{count:,}" if isinstance(count, int) else f"{count:.3g}"
        for name, count in counts.items()
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _weights(metrics: Json | None) -> str | None:
    """Whose numbers they are: `ema` or `raw`."""
    samples = {} if metrics is None else metrics["protocol"]["samples"]
    return (samples.get("generator") or {}).get("weights")


def _scores(metrics: Json | None) -> list[tuple[str, str, str]]:
    """Name, what it says, and the number with its interval."""
    if metrics is None:
        return []
    return [(name, said, _number(name, metrics)) for name, said in SCORES if name in metrics]


def _number(name: str, metrics: Json) -> str:
    value, interval = metrics[name], metrics.get("intervals", {}).get(name)
    if value is None:
        return "not defined"
    shown = f"{value:.4g}"
    if interval:
        level = f"{100 * interval['level']:.0f}%"
        shown += f" ({level}: {interval['low']:.4g} to {interval['high']:.4g})"
    return shown


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
    return (
        f"{samples['count']:,} samples{of} ({drawn}, seed {samples.get('seed')}) against "
        f"{reference['count']:,} images of the split `{reference['split']}`, "
        f"in the features of: {features}"
    )
