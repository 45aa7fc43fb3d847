"""Options of `kedro run`: the values of `--params`, and refusals of the command line in words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from kedro.framework.project import pipelines as registered
from kedro.validation.type_extractor import TypeExtractor

from sagan.common.parameters import Assignment, merge_assignments, split_assignments
from sagan.common.schema import unknown_key
from sagan.common.text import shown

_PIPELINES = "pipelines are named by --pipeline=NAME"
_NAMES_OF = {
    "tags": "tag",
    **dict.fromkeys(("node_names", "from_nodes", "to_nodes"), "node"),
    **dict.fromkeys(("from_inputs", "to_outputs"), "dataset"),
}
_PARTED = "parameters are one word without spaces, --params=a=1,b=2, or stand in quotes"


def _ends_params(words: list[str], extra: str) -> bool:
    """Whether a word of the command line follows the value of `--params`."""
    before = words[: words.index(extra)] if extra in words else []
    return bool(before) and (before[-1].startswith("--params=") or before[-2:-1] == ["--params"])


class RunCommand(click.Command):
    """`run`, with refusals of the command line as click words them."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own
    ) -> click.Context:
        """Parse the words.

        Raises:
            click.UsageError: for what click or Kedro refuses.
        """
        words = list(args)  # which click empties
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:  # Kedro's own would show `NoneType: None` alone
            text = error.format_message()
            if "unexpected extra argument" in text:
                word = text.rpartition("(")[2].rstrip(").").split(" ")[0]
                text += f"; {_PARTED if _ends_params(words, word) else _PIPELINES}"
            raise click.UsageError(shown(text), getattr(error, "ctx", None)) from None


def split_params(
    _context: click.Context,
    _option: click.Parameter,
    value: str | dict[str, Any] | None,
) -> list[Assignment] | dict[str, Any]:
    """The option's assignments; a mapping, of the file of `--config`, as it is.

    Raises:
        click.UsageError: an item without a name or a value, an unclosed quote or bracket.
    """
    if isinstance(value, dict):
        return value
    try:
        return split_assignments(value or "")
    except ValueError as error:
        raise click.UsageError(f"--params: {error}") from None


def require_pipelines(names: Iterable[str] | None) -> None:
    """Refuse the name of a pipeline that is not registered.

    Raises:
        ValueError: with the nearest name, or all of them.
    """
    for name in names or ():
        if name not in registered:
            known = sorted(set(registered) - {"__default__"})
            phrase = unknown_key(name, known).replace("unknown key", "unknown pipeline")
            raise ValueError(phrase.replace("known keys:", "there are"))


def require_names(options: Mapping[str, Any]) -> None:
    """Refuse tags, nodes and datasets that the chosen pipelines do not have.

    Args:
        options: Of `kedro run`, by the names of their values.

    Raises:
        ValueError: with the nearest name, or all of them.
    """
    if not any(options.get(option) for option in _NAMES_OF):
        return
    chosen = [registered[name] for name in options["pipelines"] or ["__default__"]]
    nodes = [node for pipeline in chosen for node in pipeline.nodes]
    datasets = {name for pipeline in chosen for name in pipeline.datasets()}
    known = {
        "tag": {tag for node in nodes for tag in node.tags},
        "node": {node.name for node in nodes},
        "dataset": datasets | {name.partition("@")[0] for name in datasets},
    }
    for option, kind in _NAMES_OF.items():
        for name in options.get(option) or ():
            if name not in known[kind]:
                phrase = unknown_key(name, known[kind]).replace("unknown key", f"unknown {kind}")
                raise ValueError(phrase.replace("known keys:", "there are"))


def runtime_params(given: list[Assignment] | dict[str, Any]) -> dict[str, Any]:
    """Nested parameters; the models of all pipelines decide where a number is meant as text."""
    if isinstance(given, dict):
        return given
    pipelines = dict(registered) if given else {}  # which imports them
    models = TypeExtractor(pipelines).extract_types_from_pipelines()
    written: dict[str, Any] = _uninterpolated(merge_assignments(given, models))
    return written


def _uninterpolated(value: Any) -> Any:  # noqa: ANN401 - a value of any shape
    """The same for OmegaConf, which would replace `${...}` in a text."""
    if isinstance(value, dict):
        return {key: _uninterpolated(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_uninterpolated(entry) for entry in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value
