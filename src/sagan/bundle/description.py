"""Schema and validation of a generator bundle's `config.json`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sagan.common.schema import describe_faults
from sagan.common.text import visible
from sagan.network_config import GeneratorConfig, ImageSize

FORMAT = "sagan-generator-1"
WEIGHTS, CONFIG = "generator.safetensors", "config.json"
_MAX_CHARACTERS = 300  # of the reported faults


class RawDescription(BaseModel):
    """The unaveraged weights of the last step, if stored along with averaged ones."""

    model_config = ConfigDict(frozen=True)

    weights_sha256: str
    facts: dict[str, Any]
    """Facts that differ from those of the averaged weights."""


class BundleDescription(BaseModel):
    """The content of `config.json`; unknown keys of later versions are ignored."""

    model_config = ConfigDict(frozen=True)

    format: Literal["sagan-generator-1"]
    image_size: ImageSize
    channels: Literal[1, 3] = 3  # absent in bundles of earlier versions
    class_names: tuple[str, ...] = Field(min_length=1)
    class_titles: dict[str, str] = {}
    generator: GeneratorConfig
    facts: dict[str, Any]
    weights_sha256: str | None = None  # absent in bundles of earlier versions
    raw: RawDescription | None = None

    @field_validator("class_names")
    @classmethod
    def _names_are_different(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"{len(twice)} names of classes more than once: {visible(twice[0])}")
        return names

    @field_validator("channels", mode="before")
    @classmethod
    def _channels_are_a_number(cls, value: Any) -> Any:  # noqa: ANN401 - raw input of any shape
        if isinstance(value, bool):  # pydantic takes true for 1
            raise ValueError(f"got {json.dumps(value)}; expected 1 or 3")
        return value

    @model_validator(mode="after")
    def _titles_are_of_classes(self) -> Self:
        if unknown := sorted(self.class_titles.keys() - set(self.class_names)):
            raise ValueError(
                f"{len(unknown)} titles of classes that it does not have: {visible(unknown[0])}"
            )
        return self


def read_bundle_config(path: Path) -> dict[str, Any]:
    """The content of a bundle's `config.json`, a JSON object.

    Raises:
        FileNotFoundError: if a file of the bundle is missing.
        ValueError: if the file contains something else.
    """
    for name in (CONFIG, WEIGHTS):
        if not (path / name).is_file():
            near = (path.parent, path / "generator")  # of a file in it, of a run's folder
            found = next((place for place in near if (place / CONFIG).is_file()), None)
            make = "`kedro run --pipeline=train`, with the same --env if any, makes one"
            raise FileNotFoundError(
                f"no generator bundle at {path}: {name} is missing; "
                + (f"there is one at {found}" if found and name == CONFIG else make)
            )
    file = path / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested without end
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(
            f"{file} is not a generator bundle's: expected an object, got {type(config).__name__}"
        )
    return config


def require_bundle(path: Path) -> None:
    """Refuse a folder without a bundle, before PyTorch is loaded to open it.

    Raises:
        FileNotFoundError: if a file of the bundle is missing.
        ValueError: if `config.json` is invalid.
    """
    parse_description(read_bundle_config(path), path / CONFIG)


def parse_description(config: dict[str, Any], path: Path) -> BundleDescription:
    """Validate the content of a `config.json`.

    Raises:
        ValueError: naming the faults.
    """
    if config.get("format") != FORMAT:
        raise ValueError(f"{path}: format {config.get('format')!r}, not {FORMAT!r}")
    try:
        return BundleDescription.model_validate(config)
    except ValidationError as error:
        faults = "; ".join(describe_faults(error))
        shown = faults if len(faults) <= _MAX_CHARACTERS else f"{faults[:_MAX_CHARACTERS]}..."
        raise ValueError(f"{path} is not a generator bundle's: {shown}") from None
