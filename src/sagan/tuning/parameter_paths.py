"""Dotted paths into the training parameters, such as `generator_lr` or `betas.1`."""

import copy
from typing import Any

from pydantic import BaseModel

from sagan.common.schema import Settings, unknown_key


def check_path(path: str, model: type[BaseModel], settings: Settings) -> None:
    """Refuse a path that leads nowhere.

    Args:
        path: dotted; a whole number chooses an element of a list.
        model: the parameters' model.
        settings: its values, as plain mappings and lists.

    Raises:
        ValueError: naming the nearest known parameter.
    """
    known: type[BaseModel] | None = model
    place: Any = settings
    walked = ""
    for part in path.split("."):
        if isinstance(place, list):
            if not part.isdecimal() or int(part) >= len(place):
                raise ValueError(
                    f"{path}: {walked[:-1]} has elements 0 to {len(place) - 1}, got '{part}'"
                )
            known, place = None, place[int(part)]
        elif known is not None and part in known.model_fields:
            known, place = _model_below(known, part), place.get(part)
        elif known is not None:
            raise ValueError(f"{path}: {unknown_key(part, known.model_fields)}{_at(walked)}")
        else:
            raise ValueError(f"{path}: {walked[:-1]} is a value, nothing lies below it")
        walked += f"{part}."


def _at(walked: str) -> str:
    return f" (in {walked[:-1]})" if walked else ""


def _model_below(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    annotation = model.model_fields[name].annotation
    candidates = getattr(annotation, "__args__", ()) or (annotation,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def value_at(settings: Settings, path: str) -> Any:  # noqa: ANN401 - a parameter
    """The value that a path leads to."""
    place: Any = settings
    for part in path.split("."):
        place = place[int(part)] if isinstance(place, list) else place[part]
    return place


def with_value(settings: Settings, path: str, value: Any) -> Settings:  # noqa: ANN401
    """The settings with another value at a path; the given ones stay as they are."""
    changed = copy.deepcopy(settings)
    *way, last = path.split(".")
    place: Any = changed
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return changed
