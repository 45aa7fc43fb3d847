"""Protocols by name: what must be equal before two numbers may stand side by side.

The same weights scored 34.7 and 40.1 under two protocols. The metrics file carries the name of the
protocol that it followed, or none; `evaluation.protocol` asks for one and refuses anything else.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from sagan.common.schema import Config

# from the stored images to Inception's input, by the names of `evaluation.inception_resizer`
INCEPTION_RESIZERS = {
    "pytorch_fid": "bilinear to 299x299, not antialiased, corners not aligned",
    "pil_bicubic": "PIL's bicubic to 299x299, antialiased, floats clipped to 0..255",
}
INCEPTION_RESIZER = INCEPTION_RESIZERS["pytorch_fid"]


class NamedProtocol(Config):
    """All that a number depends on beside the generator and the data."""

    num_samples: PositiveInt = Field(description="generated images")
    class_labels: str = Field("evenly over the classes", description="asked for")
    truncation: PositiveFloat | None = Field(
        None, description="of the latents, standard deviations; null: none"
    )
    reference_split: str = Field(description="real images compared with")
    reference_images: Literal["all"] = Field("all", description="of that split")
    features: Literal["inception", "classifier"] = Field(description="whose")
    weights_sha256: str | None = Field(
        None, description="beginning; null: of the classifier trained on the data, see the file"
    )
    resizer: str = Field(description="from the stored images to the network's input")
    generator_weights: Literal["raw", "ema"] = Field(description="last, or averaged over steps")
    batch_norm_statistics: Literal["running averages", "standing"] = Field(
        description="the generator's: from training, or recomputed after it"
    )


PROTOCOLS = {
    # Zhang et al. 2019, section 4, and the released code
    "fid50k_train": NamedProtocol(
        num_samples=50_000,
        reference_split="train",
        features="inception",
        weights_sha256="6726825d",
        resizer=INCEPTION_RESIZER,
        generator_weights="raw",
        batch_norm_statistics="running averages",
    ),
    # for a look while a run goes on, against images it has not seen
    "fid10k_val": NamedProtocol(
        num_samples=10_000,
        reference_split="val",
        features="inception",
        weights_sha256="6726825d",
        resizer=INCEPTION_RESIZER,
        generator_weights="raw",
        batch_norm_statistics="running averages",
    ),
    # the default run: Inception knows photographs, not digits
    "digits_classifier": NamedProtocol(
        num_samples=1000,
        reference_split="train",
        features="classifier",
        resizer="none",
        generator_weights="ema",
        batch_norm_statistics="standing",
    ),
}
_CONFIGURED = ("num_samples", "truncation", "reference_split", "features")


def name_protocol(protocol: Mapping[str, Any], demanded: str | None = None) -> str | None:
    """Name of the protocol that was followed; None if it is none of `PROTOCOLS`.

    Args:
        protocol: as the metrics file carries it: `samples`, `reference`, ...
        demanded: the name that it must be.

    Raises:
        ValueError: if it is not the one demanded; what differs, got and expected.
    """
    followed = _followed(protocol)
    if demanded is not None:
        differing = differences(demanded, followed)
        if differing:
            raise ValueError(refusal(demanded, differing))
        return demanded
    return next((name for name in PROTOCOLS if not differences(name, followed)), None)


def differences(name: str, followed: Mapping[str, Any]) -> list[str]:
    """A line for each entry of `followed` that is not as the protocol fixes it."""
    fixed = PROTOCOLS[name].model_dump()
    return [
        f"{key}: got {value}, expected {fixed[key]}"
        for key, value in followed.items()
        if not _agrees(key, value, fixed[key])
    ]


def refusal(name: str, differing: list[str]) -> str:
    """What to say, and what to do."""
    return (
        f"protocol {name} is not followed: {'; '.join(differing)}; change them, or set "
        "evaluation.protocol to null, and the numbers carry no protocol's name"
    )


def configured(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a protocol that the parameters decide."""
    inception = config["features"] == "inception"
    chosen = {} if config["weights"] is None else {"generator_weights": config["weights"]}
    return (
        {key: config[key] for key in _CONFIGURED}
        | chosen
        | {
            "resizer": INCEPTION_RESIZERS[config["inception_resizer"]] if inception else "none",
            "reference_images": "all" if config["reference_count"] is None else "drawn",
        }
    )


def _followed(protocol: Mapping[str, Any]) -> dict[str, Any]:
    samples, reference = protocol["samples"], protocol["reference"]
    network, generator = reference["features"], samples.get("generator", {})
    return {
        "num_samples": samples["count"],
        "class_labels": samples.get("class_labels", "unknown"),
        "truncation": samples.get("truncation", "unknown"),
        "reference_split": reference["split"],
        "reference_images": reference["part"],
        "features": protocol["features"],
        "weights_sha256": network["weights_sha256"],
        "resizer": network["resizer"],
        "generator_weights": generator.get("weights", "unknown"),
        "batch_norm_statistics": generator.get("batch_norm_statistics", "unknown"),
    }


def _agrees(key: str, got: object, expected: object) -> bool:
    if key == "weights_sha256":
        return expected is None or str(got).startswith(str(expected))
    if key == "batch_norm_statistics":  # how many standing batches stands beside it
        return str(got).startswith(str(expected))
    return got == expected
