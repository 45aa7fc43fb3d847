"""A day with DVC: skip what is done, share it, try a parameter, add an environment."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from sagan.data.image_folder import ImageFolder
from sagan.pipeline_registry import EXPORTS, PIPELINES
from tests.drawn_images import draw_image_folder
from tests.integration.conftest import AUTHOR, ROOT, Command, command_in, run_here

GENERATOR = "data/06_models/generator"
GRID = "data/08_reporting/sample_grid.png"
PHOTOS, TINY = "data/01_raw/photos", "data/tiny_imagenet64"


@pytest.fixture(scope="module")
def clone(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colleague's clone, which pulled from a remote what was pushed there, and ran nothing."""
    folder = tmp_path_factory.mktemp("clone")
    section = "['remote \"store\"']"
    remote = f"[core]\n    remote = store\n{section}\n    url = {folder / 'store'}\n"
    (finished_project / ".dvc/config.local").write_text(remote)
    run = command_in(finished_project)
    pushed = run("dvc", "push")
    assert pushed.returncode == 0, pushed.stderr
    target = folder / "project"
    assert run("git", "clone", "--quiet", ".", str(target)).returncode == 0
    (target / ".dvc/config.local").write_text(remote)
    done = command_in(target)("dvc", "repro", "--pull")
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout
    return target


@pytest.fixture(scope="module")
def run(clone: Path) -> Command:
    return command_in(clone)


def test_second_repro_does_nothing(finished_project: Path) -> None:
    done = command_in(finished_project)("dvc", "repro")
    assert done.returncode == 0
    assert "Running stage" not in done.stdout
    assert done.stdout.count("didn't change, skipping") == len([*PIPELINES, *EXPORTS])


def test_a_committed_record_has_the_stages_of_the_file(finished_project: Path) -> None:
    """The one of a release too, whose code may be older; `make dvc-lock` renews it."""
    places = [finished_project, ROOT] if (ROOT / "dvc.lock").exists() else [finished_project]
    base = {"item": {"data": "data", "raw": "data/01_raw/images"}, "key": "base"}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for place in places:
        recorded = yaml.safe_load((place / "dvc.lock").read_text())["stages"]
        assert list(recorded) == [f"{name}@base" for name in stages], place
        for name, stage in stages.items():
            found = recorded[f"{name}@base"]
            assert found["cmd"] == filled(stage["do"]["cmd"], base)
            outs = [
                filled(out if isinstance(out, str) else next(iter(out)), base)
                for kind in ("outs", "metrics", "plots")
                for out in stage["do"].get(kind, [])
            ]
            assert sorted(out["path"] for out in found["outs"]) == sorted(outs)


def filled(text: str, values: dict) -> str:
    for name, value in values["item"].items():
        text = text.replace(f"${{item.{name}}}", value)
    return text.replace("${key}", values["key"])


def test_changed_parameter_changes_its_stage_alone(finished_project: Path) -> None:
    run = command_in(finished_project)
    path = finished_project / "conf" / "base" / "parameters_training.yml"
    before = path.read_text()
    path.write_text(before.replace("batch_size: 32", "batch_size: 16"))
    try:
        status = json.loads(run("dvc", "status", "--json").stdout)
    finally:
        path.write_text(before)
    # the page shows all parameters, so it is written anew as well
    assert set(status) == {"training@base", "reporting@base"}


def test_clone_with_the_remote_has_all_and_ran_nothing(clone: Path, finished_project: Path) -> None:
    assert (clone / GRID).read_bytes() == (finished_project / GRID).read_bytes()
    assert (clone / "dvc.lock").read_bytes() == (finished_project / "dvc.lock").read_bytes()


def test_other_repositories_fetch_the_generator(
    clone: Path, finished_project: Path, tmp_path: Path
) -> None:
    """By path, by an import that knows its origin, and by a version of the model registry."""
    published, other = tmp_path / "published", tmp_path / "other"
    here = command_in(tmp_path)
    assert here("git", "clone", "--quiet", str(clone), str(published)).returncode == 0
    run = command_in(published)
    for words in (
        ("dvc", "remote", "add", "--default", "store", str(clone.parent / "store")),
        ("git", *AUTHOR, "commit", "--quiet", "--all", "--message=a remote"),
        ("git", *AUTHOR, "tag", "--annotate", "generator@v0.1.0", "--message=digits"),
    ):
        assert run(*words).returncode == 0
    other.mkdir()
    address, run = f"file://{published}", command_in(other)
    for words in (
        ("git", "init", "--quiet"),
        ("dvc", "init", "--quiet"),
        ("dvc", "get", address, GENERATOR, "-o", "got"),
        ("dvc", "import", address, GENERATOR, "-o", "imported"),
        ("dvc", "artifacts", "get", address, "generator", "-o", "newest"),
        ("dvc", "artifacts", "get", address, "generator", "--rev", "v0.1.0", "-o", "version"),
    ):
        done = run(*words)
        assert done.returncode == 0, done.stderr
    weights = (finished_project / GENERATOR / "generator.safetensors").read_bytes()
    for folder in ("got", "imported", "newest", "version"):
        assert (other / folder / "generator.safetensors").read_bytes() == weights
    origin = yaml.safe_load((other / "imported.dvc").read_text())["deps"][0]["repo"]
    assert origin["url"] == address


def test_experiment_over_a_training_parameter(clone: Path, run: Command) -> None:
    change = "conf/base/parameters_training.yml:training.total_images=128"
    done = run("dvc", "exp", "run", "--name=shorter", "-S", change, "training@base")
    assert done.returncode == 0, done.stdout + done.stderr

    summary = json.loads((clone / "data/08_reporting/training_summary.json").read_text())
    assert summary["images_seen"] == 128
    page = run("dvc", "plots", "diff", "HEAD", "workspace")
    assert page.returncode == 0, page.stderr
    html = (clone / "dvc_plots/index.html").read_text()
    assert all(word in html for word in ("Discriminator loss", "HEAD", "workspace"))


def test_another_environment_is_four_lines(clone: Path, run: Command, tmp_path: Path) -> None:
    """Listed in dvc.yaml, its images imported; where those change, its stages are to run again."""
    project, images = clone, tmp_path / "images"
    draw_image_folder(images, per_class=3, size=64)
    assert run("dvc", "import-url", str(images), PHOTOS).returncode == 0
    listed = (project / "dvc.yaml").read_text().replace("/path/to/images", PHOTOS)
    for line in ("tiny_imagenet64:", "  data: ", "  source: ", "  raw: "):
        listed = listed.replace(f"      # {line}", f"      {line}")
    (project / "dvc.yaml").write_text(listed)
    parameters = project / "conf/tiny_imagenet64/parameters_acquisition.yml"
    parameters.write_text(parameters.read_text().replace("path: null", f"path: {PHOTOS}"))
    untracked = run("git", "status", "--short", "--untracked-files=all").stdout
    assert f"?? {PHOTOS}.dvc" in untracked
    assert f"{PHOTOS}/" not in untracked

    done = run("dvc", "repro", "acquisition")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running stage 'acquisition@tiny_imagenet64'" in done.stdout
    assert "Running stage 'acquisition@base'" not in done.stdout
    handle = json.loads((project / TINY / "01_raw/images/image_folder.json").read_text())
    assert handle["path"] == "../../../01_raw/photos"  # holds in any clone

    next(images.glob("train/*/*.png")).unlink()
    assert run("dvc", "update", f"{PHOTOS}.dvc").returncode == 0
    changed = json.loads(run("dvc", "status", "--json", "acquisition").stdout)
    assert set(changed) == {"acquisition@tiny_imagenet64"}


def test_a_part_of_the_digits_is_whole_again_after_a_pull(clone: Path, run: Command) -> None:
    """What acquisition chose are links; DVC keeps the images that they lead to."""
    path = clone / "conf/base/parameters_acquisition.yml"
    path.write_text(path.read_text().replace("first_classes: null", "first_classes: 3"))
    done = run("dvc", "repro", "acquisition@base")
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(clone / "data/01_raw/images")
    assert run("dvc", "checkout", "acquisition@base").returncode == 0
    folder = ImageFolder.open(clone / "data/01_raw/images/digits_links")
    record = json.loads((clone / "data/01_raw/images/image_folder.json").read_text())
    assert folder.facts() | {"path": "digits_links", "published": True} == record
    assert folder.class_names == ("0", "1", "2")


def test_outside_a_dvc_repository_the_pipeline_still_runs(tmp_path: Path, project: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(project, bare, ignore=shutil.ignore_patterns(".dvc", ".git", "0?_*"))
    assert run_here(bare, "--pipeline=acquisition").exit_code == 0
    assert (bare / "data/01_raw/images/image_folder.json").is_file()
