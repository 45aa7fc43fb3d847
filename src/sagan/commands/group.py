"""The command line `sagan`: one group of commands that load on use, and what all of them share.

The group itself needs click alone, so that it works where the numeric packages are installed
without Kedro, DVC, Great Expectations and Optuna.
"""

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click

from sagan import __version__
from sagan.commands import COMMANDS
from sagan.common.terminal import (
    configure_logging,
    format_error,
    own_program,
    shorten_paths,
    tell_of_slow_imports,
    with_own_program,
)
from sagan.common.text import shown

if TYPE_CHECKING:
    from sagan.common.schema import Config

logger = logging.getLogger(__name__)

# where another name is installed than is imported. The project itself is on no package index, so
# that its extras cannot be asked for by name
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "onnxruntime": "onnx onnxruntime onnxscript",
    "psycopg": "'psycopg[binary]'",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_Function = TypeVar("_Function", bound=Callable[..., Any])


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported; None for an unknown name.

        Raises:
            click.ClickException: when a package that it imports is not installed.
        """
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(import_module(f".{module}", __package__), attribute)
        except ModuleNotFoundError as error:
            raise missing_package(error) from None
        command.epilog = example(*COMMANDS[cmd_name][2])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first one or two words name, and the words after them.

        Raises:
            click.UsageError: for an unknown command, with the nearest.
        """
        name = " ".join(args[:2]) if " ".join(args[:2]) in COMMANDS else args[0]
        if name not in COMMANDS and not name.startswith("-"):
            by_last_word = {known.split()[-1]: known for known in COMMANDS}
            near = get_close_matches(name, by_last_word, n=1, cutoff=0.5)
            remedy = f"did you mean '{by_last_word[near[0]]}'?" if near else "see sagan --help"
            ctx.fail(f"unknown command '{name}'; {remedy}")
        return super().resolve_command(ctx, [name, *args[len(name.split()) :]])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Import and run a command; a Ctrl-C amid the imports ends in one line too."""
        with interruptible():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List every command with an example, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line, _) in COMMANDS.items()])
        with formatter.section("Examples"):
            for *_, (first, *_) in COMMANDS.values():
                formatter.write(f"  {first}\n")


class Command(click.Command):
    """A command that works without Kedro: it logs to stderr, and its errors are one message."""

    def make_context(self, *words: Any, **extra: Any) -> click.Context:  # noqa: ANN401 - click's own
        """Parse the words.

        Raises:
            click.UsageError: for what click refuses, without the secrets of an address.
        """
        try:
            return super().make_context(*words, **extra)
        except click.ClickException as error:
            text = shown(error.format_message())
            raise click.UsageError(text, getattr(error, "ctx", None)) from None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run the command.

        Raises:
            click.ClickException: for an error that the user can act on.
            SystemExit: with status 75, after a signal.
        """
        configure_logging()
        tell_of_slow_imports()
        try:
            return self._invoke(ctx)
        except ModuleNotFoundError as error:
            raise missing_package(error) from None

    def _invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        from pydantic import ValidationError

        from sagan.common.memory import OUT_OF_MEMORY, is_out_of_memory
        from sagan.common.schema import ClearError, describe_faults

        try:
            with interruptible():
                return super().invoke(ctx)
        except ValidationError as error:
            raise click.ClickException(shorten_paths("\n".join(describe_faults(error)))) from None
        except (ValueError, OSError, ClearError) as error:
            logger.debug("", exc_info=True)
            message = with_own_program(format_error(error))
            raise click.ClickException(shorten_paths(message)) from None
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            logger.debug("", exc_info=True)
            raise click.ClickException(OUT_OF_MEMORY) from None


@contextmanager
def interruptible() -> Iterator[None]:
    """End with status 75 when SIGINT, SIGTERM, SIGHUP or SIGUSR1 arrives in the block."""
    from sagan.processes.signals import EXIT_INTERRUPTED, interrupt_on_signal

    try:
        with interrupt_on_signal():
            yield
    except KeyboardInterrupt:
        click.echo("\nStopped. Finished work is kept; the same command continues.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None


def missing_package(error: ModuleNotFoundError) -> Exception:
    """One sentence about a package that is not installed; the error itself for our own modules."""
    name = (error.name or "").partition(".")[0]
    if name in {"", "sagan"}:
        return error
    remedy = _DISTRIBUTIONS.get(name, name.replace("_", "-"))
    text = f"this command needs the package {name}, which is not installed: pip install {remedy}"
    return click.ClickException(shorten_paths(text))


def say_next(*words: str | Path) -> None:
    """Log the command that goes on from here; stdout has the results alone."""
    program = own_program() or "python -m sagan"
    logger.info("next: %s %s", program, shlex.join(map(str, words)))


def example(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(["\b", "Example:", *(f"  {line}" for line in lines)])


def path_argument(name: str, **options: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """A positional argument that is a path."""
    return click.argument(name, type=click.Path(path_type=Path), **options)


def path_option(*names: str, **options: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """An option that takes a path."""
    return click.option(*names, type=click.Path(path_type=Path), **options)


def require_paths(*paths: Path | None) -> None:
    """Refuse paths that lead to nothing, before PyTorch is loaded; None is an option not given.

    Raises:
        FileNotFoundError: if there is one.
    """
    for path in paths:
        if path is not None and not path.exists():
            raise FileNotFoundError(f"'{path}' does not exist")


def field_option(
    model: "type[Config]",
    field: str,
    *names: str,
    **options: Any,  # noqa: ANN401
) -> Callable[[_Function], _Function]:
    """An option with a configuration field's description, default and choices.

    Args:
        model: The configuration.
        field: Name of its field.
        names: Of the option; none: the field's.
        **options: Of click, which override those of the field.
    """
    info = model.model_fields[field]
    text, kind = info.description or "", info.annotation
    taken = {
        "type": click.Choice(get_args(kind)) if get_origin(kind) is Literal else kind,
        "default": info.default,
        "show_default": True,
        "help": f"{text[:1].upper()}{text[1:]}.",
    }
    return click.option(*(names or [f"--{field.replace('_', '-')}"]), **taken | options)


device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1."
)
config_option = path_option(
    "--config",
    "files",
    multiple=True,
    metavar="YML",
    help="Parameters file; of several, later ones override earlier ones.",
)
set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="One parameter, such as batch_size=64; dots separate nested keys.",
)
weights_option = click.option(
    "--weights",
    type=click.Choice(["ema", "raw"]),
    help="Averaged or raw weights; default: averaged where the bundle has them.",
)


@click.group(name="sagan", cls=LazyGroup, invoke_without_command=True)
@click.version_option(__version__, prog_name="sagan")
@click.pass_context
def sagan(context: click.Context) -> None:
    """Self-Attention GAN: data, training, samples, metrics, pages.

    `sagan COMMAND --help` shows a command's options and an example.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        sagan.main(arguments, prog_name="sagan")
    except SystemExit as end:
        code = end.code
    return code if isinstance(code, int) else 0
