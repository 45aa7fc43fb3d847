"""`python -m sagan.tuning adopt`: write a study's best parameters into an environment.

A tuned value is then in a parameter file in `conf/` like any other, and its diff can be committed.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from sagan.common.files import display_path, replacing_file
from sagan.common.schema import deep_merge, unknown_key
from sagan.common.terminal import Parser, worded, write_error

BEST = Path("08_reporting/best_parameters.yml")
FILE = "parameters_training.yml"


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 1 with one message.
    """
    parser = Parser(prog="python -m sagan.tuning", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    adopted = commands.add_parser("adopt", help="write the best parameters into an environment")
    adopted.add_argument("--env", help="environment that was tuned (default: conf/base)")
    adopted.add_argument(
        "--as", dest="name", default="tuned", help="environment to write (default: tuned)"
    )
    adopted.add_argument(
        "--best", type=Path, help="best_parameters.yml (default: that environment's)"
    )
    adopted.add_argument("--conf", type=Path, default=Path("conf"), help="folder of environments")
    adopted.add_argument("--force", action="store_true", help="replace existing files")
    given = parser.parse_args(words)
    try:
        target, changes = adopt(given.conf, given.env, given.name, given.best, force=given.force)
    except (ValueError, OSError) as error:
        write_error(f"Error: {worded(error)}")
        return 1
    sys.stdout.write("".join(f"  {line}\n" for line in changes))
    sys.stdout.write(
        f"{display_path(target)} written; kedro run --pipeline=train --env={given.name}\n"
    )
    return 0


def adopt(
    conf: Path, tuned_env: str | None, name: str, best: Path | None, *, force: bool
) -> tuple[Path, list[str]]:
    """Write an environment: the tuned one's files, with the best parameters laid over.

    Args:
        conf: folder of environments.
        tuned_env: the environment that was tuned; None: base alone.
        name: of the environment to write.
        best: the study's best parameters; None: where the tuned environment keeps them.
        force: replace the training parameters that the environment has.

    Returns:
        The file written, and one line a changed parameter.

    Raises:
        ValueError: an environment that is there already, or cannot be the target.
        FileNotFoundError: no best parameters, or no such environment.
    """
    source = conf / tuned_env if tuned_env else None
    if not (conf / "base").is_dir():
        raise FileNotFoundError(
            f"{conf / 'base'}: no such folder; go to the project's folder, or name its "
            "configuration with --conf"
        )
    if source is not None and not source.is_dir():
        known = [path.name for path in conf.iterdir() if path.is_dir()]
        phrase = unknown_key(source.name, known).replace("unknown key", "no such environment")
        raise FileNotFoundError(phrase.replace("known keys", "there are"))
    if name in {"base", "local", tuned_env}:
        raise ValueError(f"--as {name}: choose a name of its own, such as tuned")
    found = best or _data_root(conf, source) / BEST
    if not found.is_file():
        raise FileNotFoundError(f"{found} does not exist; run `kedro run --pipeline=tune` first")
    target = conf / name / FILE
    if target.exists() and not force:
        raise ValueError(f"{target} exists already; --force replaces it, --as names another")
    tuned = _read(found)
    if not isinstance(tuned.get("training"), dict) or not tuned["training"]:
        raise ValueError(
            f"{found} has no parameters of training; expected the best_parameters.yml of a study"
        )
    before = deep_merge(_read(conf / "base" / FILE), _read(source / FILE) if source else {})
    if source is not None:
        shutil.copytree(source, target.parent, dirs_exist_ok=True)
        laid = deep_merge(_read(source / FILE), tuned)
    else:
        laid = tuned
    lines = found.read_text(encoding="utf-8").splitlines(keepends=True)
    header = "".join(line for line in lines if line.startswith("#"))
    with replacing_file(target) as temporary:
        text = header + yaml.safe_dump(laid, sort_keys=False, default_flow_style=None)
        temporary.write_text(text, encoding="utf-8")
    return target, _changes(before, tuned)


def _data_root(conf: Path, source: Path | None) -> Path:
    settings = deep_merge(
        _read(conf / "base" / "globals.yml"), _read(source / "globals.yml") if source else {}
    )
    return conf.parent / str(settings["data_root"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    return content if isinstance(content, dict) else {}


def _changes(before: dict[str, Any], tuned: dict[str, Any], prefix: str = "") -> list[str]:
    """`path: before -> now`, of what the tuned values change."""
    lines = []
    for key, value in tuned.items():
        was = before.get(key)
        if isinstance(value, dict):
            lines += _changes(was if isinstance(was, dict) else {}, value, f"{prefix}{key}.")
        elif was != value:
            lines.append(f"{prefix}{key}: {was} -> {value}")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
