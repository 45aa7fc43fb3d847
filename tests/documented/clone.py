"""A fresh clone of what is committed, a home with nothing in it, and the user's environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sagan.common.schema import deep_merge
from tests.documented.pages import ROOT

LIGHTER = Path(__file__).parent / "lighter.yml"

# of the caller's environment, what would reach into the clone
_LEFT_OUT = ("AWS_", "DVC_", "GIT_", "JUPYTER", "KEDRO_", "PG", "PYTHON", "VIRTUAL_ENV", "XDG_")

# what a user has set, or would
USERS = {
    "BROWSER": "true",  # opens no window
    "COLUMNS": "80",
    "CUDA_VISIBLE_DEVICES": "",  # the same on every machine
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Ann"),
    **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "ann@example.org"),
}


def environment(home: Path, project: Path, *, shared: bool) -> dict[str, str]:
    """Of a user with an empty home, who has activated the project's environment.

    Args:
        home: made, with what a user without a screen needs.
        project: the clone.
        shared: with this program's own environment, whose `sagan` is another folder's.
    """
    _furnish(home)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    folders = (project / ".venv" / "bin", home / "bin")
    path = os.pathsep.join([*map(str, folders), kept["PATH"]])
    own = {"HOME": str(home), "PATH": path}
    if shared:  # `make` must never build into the shared environment
        own |= {"PYTHONPATH": str(project / "src"), "PYTHON": "false"}
    return kept | USERS | own


def _furnish(home: Path) -> None:
    (home / "bin").mkdir(parents=True)
    window = home / "bin" / "xdg-open"  # no window here: what would be shown must be there
    window.write_text('#!/bin/sh\ntest -s "$1"\n')
    window.chmod(0o755)
    if os.geteuid() == 0:  # Jupyter refuses root, which a container's user mostly is
        (home / ".jupyter").mkdir()
        settings = {"ServerApp": {"allow_root": True}}
        (home / ".jupyter" / "jupyter_server_config.json").write_text(json.dumps(settings))


def git(folder: Path, *words: str) -> str:
    """Run git there, as the user above, and return what it says.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | USERS
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def fresh_clone(folder: Path) -> Path:
    """`project` in the folder, cloned from `origin.git` beside it: the last commit as `main`."""
    origin, project = folder / "origin.git", folder / "project"
    commit = git(ROOT, "rev-parse", "HEAD")
    git(folder, "clone", "--quiet", "--bare", str(ROOT), str(origin))
    git(origin, "update-ref", "refs/heads/main", commit)
    git(origin, "symbolic-ref", "HEAD", "refs/heads/main")
    git(folder, "clone", "--quiet", str(origin), str(project))
    return project


def share_environment(project: Path) -> None:
    """The environment that runs this program as the project's own `.venv`, for make too."""
    venv = project / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".ready":
            (venv / entry.name).symlink_to(entry)
    (venv / ".ready").touch()


def lighten(project: Path, more: Mapping[str, Any]) -> None:
    """Lay the small budgets over the clone's parameter files, and commit them there.

    Args:
        project: the clone.
        more: further parameters by environment and pipeline.
    """
    budgets = deep_merge(yaml.safe_load(LIGHTER.read_text()), dict(more))
    for name, pipelines in budgets.items():
        for pipeline, values in pipelines.items():
            path = project / "conf" / name / f"parameters_{pipeline}.yml"
            parameters = deep_merge(yaml.safe_load(path.read_text()), {pipeline: values})
            path.write_text(yaml.safe_dump(parameters, sort_keys=False))
    git(project, "commit", "--quiet", "--no-verify", "-am", "Small budgets")
    git(project, "push", "--quiet")
