"""The wheel, as `kedro package` builds it, away from the project's folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, copy_project
from tests.small_world import small_bundle


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the wheel's content, and nothing of the sources."""
    folder = tmp_path_factory.mktemp("package")
    source = copy_project(folder / "source")
    for name in ("README.md", "LICENSE"):
        if (ROOT / name).is_file():
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("sagan_kedro-*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "sagan", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_has_all_that_is_no_code(installed: Path) -> None:
    def files(root: Path) -> set[str]:
        return {
            path.relative_to(root).as_posix()
            for path in (root / "sagan").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    assert files(installed) == files(ROOT / "src")


def test_it_runs_a_pipeline_with_the_configuration_beside_it(installed, tmp_path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    done = run(installed, tmp_path, "run", "--conf-source=conf", "--pipeline=acquisition")
    assert done.returncode == 0, done.stderr
    assert "acquire_images" in (tmp_path / "info.log").read_text()
    assert (tmp_path / "data/01_raw/images/image_folder.json").is_file()


def test_it_samples_anywhere(installed, tmp_path) -> None:
    bundle = small_bundle(tmp_path / "generator")
    words = ("sample", str(bundle.path), "--count", "1", "--out", "pictures")
    done = run(installed, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pictures/sample_grid.png").is_file()
