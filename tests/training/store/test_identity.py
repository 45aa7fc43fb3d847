"""What makes another run of a run, and what does not."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import sagan
from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.store.identity import (
    code_hash,
    environment,
    git_commit,
    identity_hash,
    run_identity,
)
from tests.training.whole_runs import Stop

PACKAGE = Path(sagan.__file__).parent
DECIDES = ["common/pixels.py", *("training/core/losses.py", "training/core/batches.py")]
DECIDES += [
    "training/core/exported.py",
    "training/core/augmentation/ada.py",
    "models/generator.py",
    "models/ops/spectral_norm.py",
]


def files_beside():
    """Source files of training and the bundle that do not decide about the weights."""
    folders = ["training/store", "training/monitor", "training/launch", "training/config", "bundle"]
    found = [file for folder in folders for file in (PACKAGE / folder).glob("*.py")]
    found += [*(PACKAGE / "training").glob("*.py"), PACKAGE / "common/files.py"]
    found.append(PACKAGE / "network_config.py")
    found += (PACKAGE / "commands").glob("*.py")
    return sorted(file.relative_to(PACKAGE).as_posix() for file in found)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, which the identity hashes in its place."""
    copy = tmp_path / "copy" / "sagan"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("sagan.common.files.__file__", str(copy / "common/files.py"))
    code_hash.cache_clear()
    yield copy
    code_hash.cache_clear()


def changed_hash(package, name):
    """The code's hash with one file of the copy changed."""
    file = package / name
    before = file.read_text()
    file.write_text(before + "# reworded\n")
    code_hash.cache_clear()
    found = code_hash()
    file.write_text(before)
    return found


def test_only_code_that_decides_about_the_weights_counts(package):
    first = code_hash()

    assert {name for name in files_beside() if changed_hash(package, name) != first} == set()
    assert len({first, *(changed_hash(package, name) for name in DECIDES)}) == 1 + len(DECIDES)


def test_an_unfinished_run_resumes_after_a_change_beside_and_not_after_one_in_the_core(
    package, tiny, shards, tmp_path, caplog
):
    caplog.set_level("INFO")
    config, runs = tiny(total_images=24), tmp_path / "runs"
    with pytest.MonkeyPatch.context() as patch:
        Stop(patch, 3)
        with pytest.raises(TrainingInterrupted):
            train(config, shards, runs)

    for name in files_beside():
        (package / name).write_text((package / name).read_text() + "# reworded\n")
    code_hash.cache_clear()
    train(config, shards, runs)
    assert "resumes at 12 images" in caplog.text
    assert len(list(runs.iterdir())) == 1

    losses = package / "training/core/losses.py"
    losses.write_text(losses.read_text() + "# changed\n")
    code_hash.cache_clear()
    train(config, shards, runs)
    assert len(list(runs.iterdir())) == 2


def test_images_per_pass_make_another_run(tiny, shards, tmp_path):
    """Batch-norm statistics are taken over a pass."""
    for images in (None, 2):
        train(tiny(total_images=4, images_per_pass=images), shards, tmp_path)

    assert len(list(tmp_path.glob("*/identity.json"))) == 2


@pytest.mark.parametrize(
    "changes",
    [
        *({"method": "ada"}, {"method": "diffaugment"}, {"policy": ["color"]}, {"target": 0.5}),
        *(
            {"interval": 8},
            {"ramp_images": 1000},
            {"lecam_weight": 0.1, "lecam_warmup_steps": 1},
            {"lecam_decay": 0.9},
        ),
        {"lecam_warmup_steps": 10},
    ],
    ids=str,
)
def test_every_parameter_of_the_augmentation_makes_another_run(tiny, shards, changes):
    first, other = (run_identity(tiny(augmentation=a), shards) for a in ({}, changes))

    assert identity_hash(first) != identity_hash(other)


def test_a_run_of_a_version_without_a_parameter_is_continued(tiny, shards, tmp_path):
    """Its identity says nothing of the parameters of today, which were as their defaults are."""
    first = train(tiny(total_images=8), shards, tmp_path / "before")
    identity = first.bundle.path.parent / "identity.json"
    before = json.loads(identity.read_text())
    for name in ("images_per_pass", "freeze_discriminator_layers"):
        del before["parameters"][name]
    identity.write_text(json.dumps(before | {"code": "of another version"}))

    options = {"total_images": 12, "continue_from": str(first.bundle.path.parent)}
    assert train(tiny(**options), shards, tmp_path).journal[0]["images_seen"] == 12


@pytest.mark.parametrize(("has_bf16", "same"), [(True, "bf16"), (False, "fp32")])
def test_automatic_precision_is_the_run_of_what_it_means(
    tiny, shards, tmp_path, monkeypatch, *, has_bf16, same
):
    monkeypatch.setattr("sagan.common.devices.computes_bf16", lambda _: has_bf16)

    train(tiny(precision="auto"), shards, tmp_path)

    expected = identity_hash(run_identity(tiny(precision=same), shards))
    assert [path.parent.name for path in tmp_path.glob("*/summary.json")] == [expected]
    summary = json.loads((tmp_path / expected / "summary.json").read_text())
    assert summary["fingerprint"]["precision"] == same


def test_versions_of_a_gpus_libraries_are_recorded_where_there_is_one(tiny, monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "H200")
    monkeypatch.setattr("torch.backends.cudnn.version", lambda: 92600)
    monkeypatch.setattr("torch.cuda.nccl.version", lambda: (2, 29, 3))
    found, cpu = (environment(torch.device(kind), tiny()) for kind in ("cuda", "cpu"))

    assert (found["device"], found["cudnn"], found["nccl"]) == ("H200", "92600", "2.29.3")
    assert set(found) - set(cpu) == {"cuda", "cudnn", "nccl", "driver"}


def test_the_commit_is_dirty_by_tracked_files_but_not_by_dvcs_record(tmp_path, monkeypatch):
    def git(*words: str) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *author, *words], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "src" / "sagan"
    package.mkdir(parents=True)
    monkeypatch.setattr(sagan, "__file__", str(package / "__init__.py"))
    assert git_commit() is None
    files = [package / "__init__.py", tmp_path / "dvc.lock", tmp_path / "conf.yml"]
    for file in files:
        file.write_text("1")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message=first")

    clean = git_commit()
    assert len(clean) == 12
    files[1].write_text("2")
    (tmp_path / "untracked").touch()
    assert git_commit() == clean
    files[2].write_text("2")
    assert git_commit() == f"{clean}-dirty"
