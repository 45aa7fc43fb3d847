"""The options of `kedro run`: values with commas in them, and names that nobody knows.

Kedro splits `--params` at every comma, so that no list can be given, and ends in different ways
when a node, dataset, namespace, tag or runner is misspelt; here each is told with the nearest name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import click
import yaml
from kedro.pipeline import Pipeline

from sagan.common.schema import unknown_key
from sagan.common.terminal import fitted_error

RUNNERS = ("SequentialRunner", "ParallelRunner", "ThreadRunner")
_NODES, _DATASETS = ("node_names", "from_nodes", "to_nodes"), ("from_inputs", "to_outputs")
_NAMING = (*_NODES, *_DATASETS, "namespaces", "tags", "runner")
_BRACKETS = {"[": "]", "{": "}"}


class RunCommand(click.Command):
    """`run`, whose refusals of the command line fit the terminal and help on."""

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
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:  # Kedro's own would show `NoneType: None` alone
            text = error.format_message()
            if "unexpected extra argument" in text:
                text += "; pipelines are named by --pipeline=NAME"
            context = getattr(error, "ctx", None)
            raise click.UsageError(fitted_error(text), context) from None


def split_params(_context: click.Context, _option: click.Parameter, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """`a.b=1,c=[2,3]` as nested mappings; values are YAML.

    Raises:
        click.UsageError: an item without a value, or a value that is not YAML.
    """
    if isinstance(value, dict):  # out of `--config`
        return value
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    items = list(_items(value or ""))
    for item in items:
        name, equals, _ = item.partition("=")
        if not (name.strip() and equals):
            raise click.UsageError(
                f"--params: expected NAME=VALUE, got '{item}' (a comma ends a value; write lists "
                "in brackets: NAME=[0.0,0.9])"
            )
    try:
        given = OmegaConf.to_container(OmegaConf.from_dotlist(items))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        fault = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise click.UsageError(f"--params: '{value}' is not valid: {fault}") from None
    return cast(dict[str, Any], given)


def refuse_unknown(options: Mapping[str, Any], registered: Mapping[str, Pipeline]) -> None:
    """Refuse what the command line names and nobody knows.

    Args:
        options: Kedro's own, by the names of its parameters.
        registered: Every pipeline by its name.

    Raises:
        click.ClickException: naming the nearest.
    """
    _require("pipeline", options["pipelines"], registered)
    if not any(options[name] for name in _NAMING):
        return
    names = options["pipelines"] or ["__default__"]
    pipeline = sum((registered[name] for name in names), start=Pipeline([]))
    nodes = {node.name: node for node in pipeline.nodes}
    for option in _NODES:
        _require("node", options[option], nodes)
    for option in _DATASETS:
        _require("dataset", options[option], pipeline.datasets())
    spaces = {prefix for node in pipeline.nodes for prefix in node.namespace_prefixes}
    _require("namespace", options["namespaces"], spaces)
    _require("tag", options["tags"], {tag for node in pipeline.nodes for tag in node.tags})
    runner = options["runner"]
    if runner and "." not in runner:  # with a dot it is somebody's own class
        _require("runner", [runner], RUNNERS)


def _require(kind: str, asked: Iterable[str], known: Iterable[str]) -> None:
    known = sorted(known)
    for name in asked or ():
        if name not in known:
            raise click.ClickException(fitted_error(_unknown(kind, name, known)))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    within = [full for full in known if full.endswith(f".{name}")]  # the namespace was left out
    if within:
        return f"unknown {kind} '{name}'; did you mean '{within[0]}'?"
    phrase = unknown_key(name, known).replace("unknown key", f"unknown {kind}")
    if not known and kind == "tag":
        return f"unknown tag '{name}'; no node has one: choose a station by --pipeline"
    if not known:
        return phrase.replace("known keys: ", "there is none")
    return phrase.replace("known keys", "registered" if kind == "pipeline" else "known")


def _items(text: str) -> Iterator[str]:
    """Split at commas that stand outside brackets and quotes."""
    item, closing, quote = "", [], ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _BRACKETS:
            closing.append(_BRACKETS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            yield from filter(None, [item.strip()])
            item = ""
            continue
        item += character
    yield from filter(None, [item.strip()])
