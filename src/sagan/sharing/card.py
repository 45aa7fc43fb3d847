"""The model card: what the generator is, from what, how good, and what it is not for.

Markdown under a YAML head as the Hugging Face Hub reads it
(https://huggingface.co/docs/hub/model-cards).
"""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from sagan.models.bundle import GeneratorBundle
from sagan.naming import full_names
from sagan.schema import ClearError
from sagan.sharing.config import ExportConfig

Json = Mapping[str, Any]
NAMES_SHOWN = 20
# the scores that a card lists, in this order, where the evaluation has them
SCORES = (
    ("fid", "Fréchet inception distance (pytorch-fid's features)"),
    ("inception_score", "Inception score"),
    ("fd_classifier", "Fréchet distance in the features of a classifier of these images"),
    ("recognised", "share recognised as the class asked for"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("diversity_mean", "diversity within a class, mean (real images: 1)"),
    ("diversity_min", "diversity within a class, the least"),
)


class MetricsOfAnother(ClearError, ValueError):  # noqa: N818 - says what happened
    """The metrics that lie there are another generator's."""


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
    template = Environment(
        loader=PackageLoader("sagan.sharing"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("card.md.j2")
    return template.render(
        config=config,
        head=_head(config),
        bundle=bundle,
        facts=bundle.facts,
        network=bundle.config["generator"],
        names=_names(bundle),
        example=shlex.quote(",".join(bundle.class_names[:2])),
        counts=_counts(validation.get("counts", {})),
        data_hash=bundle.facts.get("data_hash", validation.get("data_hash")),
        scores=_scores(metrics),
        protocol=_protocol(metrics),
        warnings=(metrics or {}).get("warnings", []),
        program=program,
    )


def check_metrics(bundle: GeneratorBundle, metrics: Json | None) -> None:
    """Refuse numbers of another generator.

    Raises:
        MetricsOfAnother: saying what to run.
    """
    measured = ((metrics or {}).get("protocol", {}).get("samples") or {}).get("generator")
    if metrics is not None and measured != bundle.facts:
        raise MetricsOfAnother(
            "metrics.json is about another generator than the one to export; "
            "run kedro run --pipeline=evaluation first, or remove metrics.json to export without"
        )


def _head(config: ExportConfig) -> str:
    head: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "unconditional-image-generation",  # the Hub has no tag nearer to it
        "tags": ["gan", "sagan", "self-attention", "class-conditional", "image-generation"],
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
    return (
        f"{samples['count']:,} samples ({drawn}, seed {samples.get('seed')}) against "
        f"{reference['count']:,} images of the split `{reference['split']}`, "
        f"in the features of: {features}"
    )
