"""What a generator bundle's `config.json` says, checked: bundles come from anywhere."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from sagan.common.schema import describe_faults
from sagan.models.config import GeneratorConfig

FORMAT = "sagan-generator-1"
_SHOWN = 300  # characters of the faults


class RawDescription(BaseModel):
    """The last, unaveraged weights, where they are kept beside averaged ones."""

    model_config = ConfigDict(frozen=True)

    weights_sha256: str
    facts: dict[str, Any]
    """Those that differ from the averaged ones'."""


class BundleDescription(BaseModel):
    """The content of `config.json`; what later versions may add is passed over."""

    model_config = ConfigDict(frozen=True)

    format: Literal["sagan-generator-1"]
    image_size: PositiveInt
    class_names: tuple[str, ...] = Field(min_length=1)
    class_titles: dict[str, str] = {}
    generator: GeneratorConfig
    facts: dict[str, Any]
    weights_sha256: str | None = None  # bundles of earlier versions have none
    raw: RawDescription | None = None


def read_config(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ValueError: where the file holds something else.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested without end
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(
            f"{path} is not a generator bundle's: expected an object, got {type(config).__name__}"
        )
    return config


def described(config: dict[str, Any], path: Path) -> BundleDescription:
    """The description in a `config.json`.

    Args:
        config: its content.
        path: of the file, for the message.

    Raises:
        ValueError: naming what is not in order.
    """
    if config.get("format") != FORMAT:
        raise ValueError(f"{path}: format {config.get('format')!r}, not {FORMAT!r}")
    try:
        return BundleDescription.model_validate(config)
    except ValidationError as error:
        faults = "; ".join(describe_faults(error))
        shown = faults if len(faults) <= _SHOWN else f"{faults[:_SHOWN]}..."
        raise ValueError(f"{path} is not a generator bundle's: {shown}") from None
