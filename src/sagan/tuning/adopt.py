"""Adoption of a study's best parameters: an environment of `conf/` is written from them."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from sagan.common.files import replacing_file
from sagan.common.schema import deep_merge, differences, unknown_key

BEST = Path("08_reporting/best_parameters.yml")
FILE, STUDY_FILE = "parameters_training.yml", "parameters_tuning.yml"


def adopt(
    conf: Path, tuned_env: str | None, name: str, best: Path | None, *, force: bool
) -> tuple[Path, list[str], list[str]]:
    """Write an environment: the tuned one's files, with the best parameters merged into them.

    Args:
        conf: Folder of environments.
        tuned_env: The environment that was tuned; None: base.
        name: The environment to write.
        best: The study's best parameters; None: those in the tuned environment's data folder.
        force: Replace the training parameters that the environment has.

    Returns:
        The file written, one line per changed parameter, and one per parameter that the study's
        files set for all trials and that is not adopted, but for the budget.

    Raises:
        ValueError: If the environment exists already, or cannot be the target.
        FileNotFoundError: Without best parameters, or without such an environment.
    """
    tuned_env = None if tuned_env == "base" else tuned_env
    base, source = conf / "base", conf / (tuned_env or "base")
    if not base.is_dir():
        raise FileNotFoundError(
            f"{base}: no such folder; go to the project's folder, or name its "
            "configuration with --conf"
        )
    if not source.is_dir():
        known = [path.name for path in conf.iterdir() if path.is_dir()]
        phrase = unknown_key(source.name, known).replace("unknown key", "no such environment")
        raise FileNotFoundError(phrase.replace("known keys", "there are"))
    if name in {"base", "local", tuned_env}:
        raise ValueError(f"--as {name}: choose a name of its own, such as tuned")
    settings = deep_merge(_read(base / "globals.yml"), _read(source / "globals.yml"))
    found = best or conf.parent / str(settings["data_root"]) / BEST
    if not found.is_file():
        tune = f"kedro run --pipeline=tune{f' --env={tuned_env}' if tuned_env else ''}"
        raise FileNotFoundError(f"{found} does not exist; run `{tune}` first")
    target = conf / name / FILE
    if target.exists() and not force:
        raise ValueError(f"{target} exists already; --force replaces it, --as names another")
    tuned = _read(found)
    if not isinstance(tuned.get("training"), dict) or not tuned["training"]:
        raise ValueError(
            f"{found} has no parameters of training; expected the best_parameters.yml of a study"
        )
    before, laid = deep_merge(_read(base / FILE), _read(source / FILE)), tuned
    if tuned_env:
        shutil.copytree(source, target.parent, dirs_exist_ok=True)
        laid = deep_merge(_read(source / FILE), tuned)
    lines = found.read_text(encoding="utf-8").splitlines(keepends=True)
    header = "".join(line for line in lines if line.startswith("#"))
    with replacing_file(target) as temporary:
        text = header + yaml.safe_dump(laid, sort_keys=False, default_flow_style=None)
        temporary.write_text(text, encoding="utf-8")
    after = deep_merge(before, tuned)
    study = deep_merge(_read(base / STUDY_FILE), _read(source / STUDY_FILE)).get("tuning", {})
    of_trials = {k: v for k, v in study.get("training", {}).items() if k != "total_images"}
    left = differences(after, deep_merge(after, {"training": of_trials}))
    return target, differences(before, after), left


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    return content if isinstance(content, dict) else {}
