"""Dotted paths into the training parameters, such as `generator_lr` or `betas.1`."""

import copy
from typing import Any

from pydantic import BaseModel

from sagan.common.schema import Settings, unknown_key


def check_path(path: str, model: type[BaseModel], settings: Settings) -> None:
    """Refuse a path to no parameter.

    Args:
        path: dotted; a whole number chooses an element of a list.
        model: of the parameters.
        settings: its values, as plain mappings and lists.

    Raises:
        ValueError: naming the nearest known parameter.
    """
    known: type[BaseModel] | None = model
    node: Any = settings
    walked = ""
    for part in path.split("."):
        if isinstance(node, list):
            if not part.isdecimal() or int(part) >= len(node):
                raise ValueError(
                    f"{path}: {walked[:-1]} has elements 0 to {len(node) - 1}, got '{part}'"
                )
            known, node = None, node[int(part)]
        elif known is not None and part in known.model_fields:
            known, node = _model_below(known, part), node.get(part)
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
    """The value at a path."""
    node: Any = settings
    for part in path.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def with_value(settings: Settings, path: str, value: Any) -> Settings:  # noqa: ANN401
    """A copy of the settings with another value at a path."""
    changed = copy.deepcopy(settings)
    *parents, last = path.split(".")
    node: Any = changed
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return changed
