"""A day with DVC: skip what is done, share it, try a parameter, compare, and survive faults."""

import hashlib
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from sagan.data.image_folder import ImageFolder
from sagan.pipeline_registry import EXPORTS, PIPELINES
from tests.drawn_images import draw_image_folder
from tests.integration.conftest import command_in, environment

GRID = "data/08_reporting/sample_grid.png"
PHOTOS, TINY = "data/01_raw/photos", "data/tiny_imagenet64"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that serves as a remote."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def interrupted_push(finished_project: Path, store: Path) -> tuple[int, int]:
    """A push killed on its way, then a whole one: objects there after each."""
    run = command_in(finished_project)
    assert run("dvc", "remote", "add", "--local", "--default", "s", str(store)).returncode == 0
    assert run("dvc", "remote", "modify", "--local", "s", "verify", "true").returncode == 0
    push = subprocess.Popen(
        ["dvc", "push", "--jobs", "1"],
        cwd=finished_project,
        env=environment(finished_project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    while not objects(store):
        assert push.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    push.kill()
    assert push.wait() == -signal.SIGKILL
    before = len(objects(store))
    again = run("dvc", "push")
    assert again.returncode == 0, again.stderr
    after = len(objects(store))
    # DVC copies to a folder under an object's final name: one may be torn, and DVC takes it for
    # pushed. A pull refuses it (below); once it is deleted, a push sends it again
    torn = [path for path in objects(store) if not is_whole(path)]
    for path in torn:
        path.unlink()
    assert not torn or run("dvc", "push").returncode == 0
    return before, after


@pytest.fixture(scope="module")
def clone(
    finished_project: Path,
    interrupted_push: tuple[int, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A colleague's clone with the same remote, in which nothing has been pulled or run."""
    target = tmp_path_factory.mktemp("clone") / "project"
    run = command_in(finished_project)
    assert run("git", "clone", "--quiet", ".", str(target)).returncode == 0
    shutil.copy(finished_project / ".dvc/config.local", target / ".dvc/config.local")
    return target


def objects(root: Path) -> list[Path]:
    """Whole objects of a cache or remote: named by their MD5."""
    return [
        path for path in (root / "files/md5").glob("??/*") if len(path.name.split(".")[0]) == 30
    ]


def is_whole(path: Path) -> bool:
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return md5 == path.parent.name + path.name.split(".")[0]


def object_of(root: Path, project: Path, artefact: str) -> Path:
    stages = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    (md5,) = {out["md5"] for s in stages.values() for out in s["outs"] if out["path"] == artefact}
    return root / "files/md5" / md5[:2] / md5[2:]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_second_repro_does_nothing(finished_project: Path) -> None:
    done = command_in(finished_project)("dvc", "repro")
    assert done.returncode == 0
    assert "Running stage" not in done.stdout
    assert done.stdout.count("didn't change, skipping") == len([*PIPELINES, *EXPORTS])


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


def test_after_a_killed_push_the_next_one_sends_the_rest(
    interrupted_push: tuple[int, int], store: Path, finished_project: Path
) -> None:
    before, after = interrupted_push
    assert before < after
    assert after == len(objects(finished_project / ".dvc/cache"))
    assert len(objects(store)) == after
    assert all(map(is_whole, objects(store)))


def test_clone_with_the_remote_pulls_all_and_runs_nothing(
    clone: Path, finished_project: Path
) -> None:
    run = command_in(clone)
    done = run("dvc", "repro", "--pull")
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout
    assert (clone / GRID).read_bytes() == (finished_project / GRID).read_bytes()
    assert (clone / "dvc.lock").read_bytes() == (finished_project / "dvc.lock").read_bytes()
    pulled = run("dvc", "pull")  # no study is listed whose outputs were never made
    assert pulled.returncode == 0, pulled.stderr


def test_altered_objects_are_never_checked_out(clone: Path, store: Path) -> None:
    """In the cache: noticed and fetched again. In the remote: refused, told by its path."""
    run = command_in(clone)
    before = (clone / GRID).read_bytes()
    flip_a_byte(object_of(clone / ".dvc/cache", clone, GRID))
    (clone / GRID).unlink()
    pulled = run("dvc", "pull", "sampling@base")
    assert pulled.returncode == 0, pulled.stderr
    assert (clone / GRID).read_bytes() == before

    remote = object_of(store, clone, GRID)
    flip_a_byte(remote)
    object_of(clone / ".dvc/cache", clone, GRID).unlink()
    (clone / GRID).unlink()
    refused = run("dvc", "pull", "sampling@base")
    assert refused.returncode != 0
    assert GRID in refused.stderr
    assert not (clone / GRID).exists()


def test_experiment_over_a_training_parameter(finished_project: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(finished_project, project, symlinks=True)
    run = command_in(project)
    change = "conf/base/parameters_training.yml:training.total_images=128"
    done = run("dvc", "exp", "run", "--name=shorter", "-S", change, "training@base")
    assert done.returncode == 0, done.stdout + done.stderr

    (record,) = json.loads(run("dvc", "exp", "show", "--json").stdout)[1:]
    (experiment,) = record["experiments"]
    assert experiment["name"] == "shorter"
    shown = experiment["revs"][0]["data"]["params"]["conf/base/parameters_training.yml"]["data"]
    assert shown["training"]["total_images"] == 128
    summary = json.loads((project / "data/08_reporting/training_summary.json").read_text())
    assert summary["images_seen"] == 128
    page = run("dvc", "plots", "diff", "HEAD", "workspace")
    assert page.returncode == 0, page.stderr
    html = (project / "dvc_plots/index.html").read_text()
    assert all(word in html for word in ("Discriminator loss", "HEAD", "workspace"))
    pictures = {path.name for path in (project / "dvc_plots/static").iterdir()}
    assert {"HEAD", "workspace"} <= {name.split("_")[0] for name in pictures if "grid" in name}


def test_metrics_plots_and_graph_are_shown(finished_project: Path) -> None:
    run = command_in(finished_project)
    scores = finished_project / "data/08_reporting/scores.json"
    before = scores.read_text()
    scores.write_text(before.replace('"images_seen": 256', '"images_seen": 512'))
    try:
        changed = json.loads(run("dvc", "metrics", "diff", "--json").stdout)
    finally:
        scores.write_text(before)
    (difference,) = changed.values()
    assert difference == {"images_seen": {"old": 256, "new": 512, "diff": 256}}
    graph = run("dvc", "dag", "--mermaid").stdout
    assert '["training@base"]' in graph


def test_another_environment_is_four_lines(finished_project: Path, tmp_path: Path) -> None:
    """Listed in dvc.yaml, its images imported; where those change, its stages are to run again."""
    project, images = tmp_path / "project", tmp_path / "images"
    shutil.copytree(finished_project, project, symlinks=True)
    run = command_in(project)
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


def test_a_part_of_the_digits_is_whole_again_after_a_pull(
    finished_project: Path, tmp_path: Path
) -> None:
    """What acquisition chose are links; DVC keeps the images that they lead to."""
    project = tmp_path / "project"
    shutil.copytree(finished_project, project, symlinks=True)
    run = command_in(project)
    path = project / "conf/base/parameters_acquisition.yml"
    path.write_text(path.read_text().replace("first_classes: null", "first_classes: 3"))
    done = run("dvc", "repro", "acquisition@base")
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(project / "data/01_raw/images")
    assert run("dvc", "checkout", "acquisition@base").returncode == 0
    folder = ImageFolder.open(project / "data/01_raw/images/digits_links")
    record = json.loads((project / "data/01_raw/images/image_folder.json").read_text())
    assert folder.facts() | {"path": "digits_links"} == record
    assert folder.class_names == ("0", "1", "2")


def test_outside_a_dvc_repository_the_pipeline_still_runs(tmp_path: Path, project: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(project, bare, ignore=shutil.ignore_patterns(".dvc", ".git", "0?_*"))
    run = command_in(bare)
    refused = run("dvc", "repro")
    assert refused.returncode != 0
    assert "you are not inside of a DVC repository" in refused.stderr
    assert run("kedro", "run", "--pipeline=acquisition").returncode == 0
    assert (bare / "data/01_raw/images/image_folder.json").is_file()
