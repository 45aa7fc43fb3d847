"""Named evaluation protocols: the settings that must be equal for scores to be comparable.

The same weights scored 34.7 and 40.1 under two protocols. The metrics file carries the name of the
protocol that it followed, or none; with `evaluation.protocol`, any other protocol is an error.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from sagan.common.schema import Config, Settings, flattened

# from the stored images to Inception's input, by the names of `evaluation.inception_resizer`
INCEPTION_RESIZERS = {
    "pytorch_fid": "bilinear to 299x299, not antialiased, corners not aligned",
    "pil_bicubic": "PIL's bicubic to 299x299, antialiased, floats clipped to 0..255",
}
INCEPTION_RESIZER = INCEPTION_RESIZERS["pytorch_fid"]
# `evaluation.labels: even`, or reference where that gives the same labels
EVEN_LABELS = "evenly over the classes"
REFERENCE_LABELS = "in the reference's class frequencies"


class NamedProtocol(Config):
    """Everything that a score depends on apart from the generator and the data."""

    num_samples: PositiveInt = Field(description="generated images")
    class_labels: str = Field(EVEN_LABELS, description="asked for")
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


# Zhang et al. 2019, section 4, and the released code
_FID50K_TRAIN = NamedProtocol(
    num_samples=50_000,
    reference_split="train",
    features="inception",
    weights_sha256="6726825d",
    resizer=INCEPTION_RESIZER,
    generator_weights="raw",
    batch_norm_statistics="running averages",
)
PROTOCOLS = {
    "fid50k_train": _FID50K_TRAIN,
    # for monitoring a run, against held-out images
    "fid10k_val": _FID50K_TRAIN.model_copy(
        update={"num_samples": 10_000, "reference_split": "val"}
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
QUICK = "quick"
"""Name of the protocol for a look at a short run: cheap, and no published number has it."""
QUICK_SETTINGS: Settings = {
    "num_samples": 1000,
    "kept_reference": 2000,
    "bootstrap_resamples": 10,
    "extrapolation_points": 0,
    "sweep": {"truncations": []},
}
"""The parameters that it sets itself, whatever else they are."""
NAMES = (*PROTOCOLS, QUICK)
_CONFIGURED = ("num_samples", "truncation", "reference_split", "features")


def name_protocol(protocol: Mapping[str, Any], required: str | None = None) -> str | None:
    """Name of the protocol that was followed; None if it is none of `PROTOCOLS`.

    Args:
        protocol: as the metrics file carries it: `samples`, `reference`, ...
        required: the name that it must have.

    Raises:
        ValueError: if it differs from the required one, with got and expected.
    """
    followed = _followed(protocol)
    if required == QUICK:  # never a name by chance: one asks for it
        got, expected = followed["num_samples"], QUICK_SETTINGS["num_samples"]
        if got != expected:
            differing = [f"num_samples: got {got}, expected {expected}"]
            raise ValueError(not_followed_message(QUICK, differing))
        return QUICK
    if required is not None:
        differing = differences(required, followed)
        if differing:
            raise ValueError(not_followed_message(required, differing))
        return required
    return next((name for name in PROTOCOLS if not differences(name, followed)), None)


def describe_protocol(name: str | None) -> Settings | None:
    """What a protocol fixes, JSON-able; None without one."""
    if name is None:
        return None
    return QUICK_SETTINGS if name == QUICK else PROTOCOLS[name].model_dump()


def refuse_set_by_quick(name: str | None, given: Settings) -> None:
    """Refuse values from the command line that the protocol `quick` would replace.

    Args:
        name: of the protocol; any other replaces nothing.
        given: the parameters of evaluation that were given beside it, nested.

    Raises:
        ValueError: naming each such parameter.
    """
    if name != QUICK:
        return
    sets, asked = flattened(QUICK_SETTINGS), flattened(given)
    replaced = sorted(path for path in sets if path in asked and asked[path] != sets[path])
    if replaced:
        raise ValueError(
            f"evaluation.protocol=quick sets {', '.join(replaced)} itself; add "
            "evaluation.protocol=null to measure by other values"
        )


def differences(name: str, followed: Mapping[str, Any]) -> list[str]:
    """One line for each entry of `followed` that differs from the named protocol."""
    fixed = PROTOCOLS[name].model_dump()
    return [
        f"{key}: got {value}, expected {fixed[key]}"
        for key, value in followed.items()
        if not _agrees(key, value, fixed[key])
    ]


def not_followed_message(name: str, differing: list[str]) -> str:
    """Error message with the remedy."""
    return (
        f"protocol {name} is not followed: {'; '.join(differing)}; change them, or set "
        "evaluation.protocol to null, and the numbers carry no protocol's name"
    )


def configured_entries(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a protocol that the parameters determine."""
    inception = config["features"] == "inception"
    chosen = {} if config["weights"] is None else {"generator_weights": config["weights"]}
    return (
        {key: config[key] for key in _CONFIGURED}
        | chosen
        # the reference's frequencies may be even: known once there is a reference
        | ({"class_labels": EVEN_LABELS} if config["labels"] == "even" else {})
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
    if key == "batch_norm_statistics":  # followed by the number of standing batches
        return str(got).startswith(str(expected))
    return got == expected
