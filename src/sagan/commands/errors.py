"""Error messages of `kedro run` and Kedro's commands: one or a few lines without a traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.utils import KedroCliError
from kedro.io import DatasetError
from kedro.utils import find_kedro_project
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from sagan.common.files import display_path
from sagan.common.memory import OUT_OF_MEMORY, is_out_of_memory
from sagan.common.schema import ClearError, describe_faults
from sagan.common.terminal import format_error

LOG_FILE = "info.log"  # the file handler in conf/logging.yml

# messages for the user as they stand; other errors are shown with their class
_CLEAR = (ValueError, OSError, DatasetError, MissingConfigException, ClearError)


def explain(error: BaseException) -> str:
    """The message that a failed run ends with: one or a few lines, without a traceback."""
    for kind, explained in _EXPLAINED:
        if isinstance(error, kind):
            return explained(error)
    if isinstance(error, DatasetError) and error.__cause__ is not None:
        return _explain_dataset(error, error.__cause__)
    text = format_error(error)
    if isinstance(error, _CLEAR) and text:
        return text
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    name = type(error).__name__
    where = f"the full traceback is in {LOG_FILE}, or shown with --verbose"
    return f"{name}: {text}\n({where})" if text else f"{name}\n({where})"


def show_kedro_errors() -> None:
    """Let the errors of Kedro's own commands, and of its plugins', be shown with their text.

    Kedro takes the text from the exception being handled. From version 8.5 on, click shows an error
    when it is no longer handled, and Kedro prints `NoneType: None`.
    """
    shown = KedroCliError.show

    def show(self: KedroCliError, file: IO[Any] | None = None) -> None:
        try:
            raise self
        except KedroCliError:
            shown(self, file)

    KedroCliError.show = show


def _explain_dataset(error: DatasetError, cause: BaseException) -> str:
    """Kedro's dataset errors repeat their cause below a description of the dataset."""
    text, place = explain(cause), _place(error)
    shown = str(display_path(Path(place)))  # as our own messages write a path
    named = place in text or shown in text or Path(text.split()[0].rstrip(":,")).is_absolute()
    return text if named else f"{place}: {text}"


def _place(error: DatasetError) -> str:
    """The path in Kedro's `... dataset some.Dataset(filepath='<path>').`, or nothing."""
    return str(error).partition("filepath='")[2].partition("'")[0]


def _explain_yaml(error: yaml.YAMLError) -> str:
    """Name file, line and fault; Kedro keeps only some of them."""
    root = find_kedro_project(Path.cwd()) or Path.cwd()
    for path in sorted((root / "conf").rglob("*.y*ml")):
        fault = _yaml_fault(path)
        if fault:
            return f"{path.relative_to(root)}{fault}"
    return f"a configuration file is not valid YAML: {error}"


def _yaml_fault(path: Path) -> str | None:
    """The first fault of a YAML file as `, line 3, column 5: ...`, or None."""
    from omegaconf import OmegaConf

    try:
        OmegaConf.load(path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        return f"{at}: {error.problem or error}; not valid YAML"
    except yaml.YAMLError as error:
        return f": {error}; not valid YAML"
    return None


def _explain_config(error: OmegaConfBaseException) -> str:
    """OmegaConf's message with the key first, where it keeps one."""
    text = str(error.msg or error).split("\n")[0]
    if error.full_key:
        return f"{error.full_key} in conf/: {text}"
    return f"the configuration in conf/ cannot be merged: {text}; expected mappings"


def _explain_model(error: ValidationError) -> str:
    return "\n".join(describe_faults(error))


# other libraries' errors
_EXPLAINED: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (ValidationError, _explain_model),
    (yaml.YAMLError, _explain_yaml),
    (OmegaConfBaseException, _explain_config),
)
