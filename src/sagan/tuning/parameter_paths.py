"""Dotted paths into the training parameters, such as `generator_lr` or `betas.1`."""

from typing import Any

from sagan.common.schema import Settings, unknown_key


def check_path(path: str, settings: Settings) -> None:
    """Refuse a path to no parameter.

    Args:
        path: dotted; a whole number chooses an element of a list.
        settings: all parameters, as plain mappings and lists.

    Raises:
        ValueError: naming the nearest known parameter.
    """
    node: Any = settings
    walked = ""
    for part in path.split("."):
        if isinstance(node, dict):
            if part not in node:
                where = f" (in {walked})" if walked else ""
                raise ValueError(f"{path}: {unknown_key(part, node)}{where}")
            node = node[part]
        elif isinstance(node, list):
            if not part.isdecimal() or int(part) >= len(node):
                raise ValueError(
                    f"{path}: {walked} has elements 0 to {len(node) - 1}, got '{part}'"
                )
            node = node[int(part)]
        else:
            raise ValueError(f"{path}: {walked} is a value, nothing lies below it")
        walked = f"{walked}.{part}" if walked else part


def value_at(settings: Settings, path: str) -> Any:  # noqa: ANN401 - a parameter
    """The value at a path."""
    node: Any = settings
    for part in path.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def set_value(settings: Settings, path: str, value: Any) -> None:  # noqa: ANN401 - a parameter
    """Set the value at a path."""
    parent, _, last = path.rpartition(".")
    node: Any = value_at(settings, parent) if parent else settings
    node[int(last) if isinstance(node, list) else last] = value
