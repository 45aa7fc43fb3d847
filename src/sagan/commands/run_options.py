"""Options of `kedro run`: lists in `--params`, and unknown names refused with the nearest.

Kedro splits `--params` at every comma, so that no list can be given, and its own refusals name no
alternative.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import click
import yaml
from kedro.pipeline import Pipeline

from sagan.common.schema import unknown_key
from sagan.common.terminal import wrap_error

_RUNNERS = ("SequentialRunner", "ParallelRunner", "ThreadRunner")
_NODES, _DATASETS = ("node_names", "from_nodes", "to_nodes"), ("from_inputs", "to_outputs")
_BRACKETS = {"[": "]", "{": "}"}


class RunCommand(click.Command):
    """`run`, with refusals of the command line that fit the terminal."""

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
            raise click.UsageError(wrap_error(text), context) from None


def split_params(_context: click.Context, _option: click.Parameter, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """`a.b=1,c=[2,3]` as nested mappings; values are YAML.

    Raises:
        click.UsageError: an item without a value, or a value that is not YAML.
    """
    if isinstance(value, dict):  # from `--config`
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
    """Refuse unknown pipelines, nodes, datasets and runners.

    Args:
        options: Kedro's own, by the names of its parameters.
        registered: Every pipeline by its name.

    Raises:
        click.ClickException: Naming the nearest known name.
    """
    _require("pipeline", options["pipelines"], registered)
    if any(options[name] for name in (*_NODES, *_DATASETS)):
        names = options["pipelines"] or ["__default__"]
        pipeline = sum((registered[name] for name in names), start=Pipeline([]))
        for option in _NODES:
            _require("node", options[option], [node.name for node in pipeline.nodes])
        for option in _DATASETS:
            _require("dataset", options[option], pipeline.datasets())
    runner = options["runner"]
    if runner and "." not in runner:  # a dotted path is a class of the user's
        _require("runner", [runner], _RUNNERS)


def _require(kind: str, asked: Iterable[str], known: Iterable[str]) -> None:
    known = sorted(known)
    for name in asked or ():
        if name in known:
            continue
        within = [full for full in known if full.endswith(f".{name}")]  # without its namespace
        if within:
            phrase = f"unknown {kind} '{name}'; did you mean '{within[0]}'?"
        else:
            phrase = unknown_key(name, known).replace("unknown key", f"unknown {kind}")
        raise click.ClickException(wrap_error(phrase.replace("known keys", f"known {kind}s")))


def _items(text: str) -> Iterator[str]:
    """Split at commas outside brackets and quotes."""
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
