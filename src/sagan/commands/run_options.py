"""Options of `kedro run`: lists in `--params`, and refusals of the command line in words."""

import re
from typing import Any, cast

import click
import yaml

# a comma ends a value where the next name follows: Kedro splits at every one, so that no list can
# be given
_NEXT = re.compile(r",(?=\s*[\w.]+\s*=|\s*$)")


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
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:  # Kedro's own would show `NoneType: None` alone
            text = error.format_message()
            if "unexpected extra argument" in text:
                text += "; pipelines are named by --pipeline=NAME"
            raise click.UsageError(text, getattr(error, "ctx", None)) from None


def split_params(_context: click.Context, _option: click.Parameter, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """`a.b=1,c=[2,3]` as nested mappings; values are YAML.

    Raises:
        click.UsageError: an item without a name or a value, or a value that is not YAML.
    """
    if isinstance(value, dict):  # from `--config`
        return value
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    items = [item.strip() for item in _NEXT.split(value or "") if item.strip()]
    for item in items:
        name, equals, _ = item.partition("=")
        if not (name.strip() and equals):
            raise click.UsageError(f"--params: expected NAME=VALUE, got '{item}'")
    try:
        given = OmegaConf.to_container(OmegaConf.from_dotlist(items))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        fault = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise click.UsageError(f"--params: '{value}' is not valid: {fault}") from None
    return cast(dict[str, Any], given)
