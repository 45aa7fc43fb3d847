"""Datasets of folders: a JSON handle for a folder, bundles replaced as a whole."""

import json
import shutil
from pathlib import Path

import pytest
from kedro.io import DatasetError

from sagan.common.files import disk
from sagan.common.results import replace_folder
from sagan.datasets.path_datasets import (
    GeneratorBundleDataset,
    HandleDataset,
    JSONFolderDataset,
    WorkspaceDataset,
)


class Folder:
    """A handle with the least that the datasets ask of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path) -> "Folder":
        if not path.is_dir():
            raise FileNotFoundError(f"{path} is not a folder")
        return cls(path)

    def facts(self) -> dict:
        return {"files": len(list(self.path.iterdir()))}


class FolderDataset(HandleDataset):
    HANDLE = f"{__name__}:Folder"


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "01_raw" / "digits").mkdir(parents=True)
    (root / "01_raw" / "digits" / "a.png").touch()
    return root


def test_handle_is_named_by_a_relative_path_and_survives_a_move(data_root: Path) -> None:
    json_path = data_root / "01_raw" / "image_folder.json"
    FolderDataset(filepath=str(json_path)).save(Folder(data_root / "01_raw" / "digits"))
    assert json.loads(json_path.read_text()) == {"files": 1, "path": "digits"}

    moved = data_root.with_name("elsewhere")
    data_root.rename(moved)
    loaded = FolderDataset(filepath=str(moved / "01_raw" / "image_folder.json")).load()
    assert loaded.path == moved / "01_raw" / "digits"


def test_folder_of_another_layer_is_relative_too(data_root: Path) -> None:
    dataset = FolderDataset(filepath=str(data_root / "05_model_input" / "image_shards.json"))
    dataset.save(Folder(data_root / "01_raw" / "digits"))
    record = json.loads((data_root / "05_model_input" / "image_shards.json").read_text())
    assert record["path"] == "../01_raw/digits"
    assert dataset.load().path == data_root / "01_raw" / "digits"


def test_folder_of_the_project_is_relative_wherever_it_lies(tmp_path: Path) -> None:
    """So that what DVC shares holds in another clone."""
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\n")
    images = tmp_path / "data" / "01_raw" / "photos"
    images.mkdir(parents=True)
    path = tmp_path / "data" / "environment" / "01_raw" / "images" / "image_folder.json"
    FolderDataset(filepath=str(path)).save(Folder(images))
    assert json.loads(path.read_text())["path"] == "../../../01_raw/photos"


def test_folder_outside_the_data_folders_is_absolute(data_root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "imagenet"
    outside.mkdir()
    dataset = FolderDataset(filepath=str(data_root / "01_raw" / "image_folder.json"))
    dataset.save(Folder(outside))
    record = json.loads((data_root / "01_raw" / "image_folder.json").read_text())
    assert record["path"] == str(outside)
    assert dataset.load().path == outside


def test_handle_checks_what_it_opens(data_root: Path) -> None:
    dataset = FolderDataset(filepath=str(data_root / "01_raw" / "image_folder.json"))
    dataset.save(Folder(data_root / "01_raw" / "digits"))
    shutil.rmtree(data_root / "01_raw" / "digits")
    with pytest.raises(DatasetError, match="is not a folder"):
        dataset.load()


def test_json_without_a_path_is_refused(data_root: Path) -> None:
    path = data_root / "01_raw" / "image_folder.json"
    path.write_text("[]")
    with pytest.raises(DatasetError, match="has no 'path'"):
        FolderDataset(filepath=str(path)).load()


def test_workspace_is_made_on_load_and_never_saved(tmp_path: Path) -> None:
    dataset = WorkspaceDataset(filepath=str(tmp_path / "06_models" / "checkpoints"))
    assert not dataset.exists()
    assert dataset.load().is_dir()
    with pytest.raises(DatasetError, match="nodes cannot save"):
        dataset.save("anything")


def bundle(folder: Path, weights: str) -> Folder:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "generator.safetensors").write_text(weights)
    return Folder(folder)


def test_bundle_replaces_the_former_one_whole(tmp_path: Path) -> None:
    dataset = GeneratorBundleDataset(filepath=str(tmp_path / "06_models" / "generator"))
    dataset.save(bundle(tmp_path / "first", "old"))
    dataset.save(bundle(tmp_path / "second", "new"))
    target = tmp_path / "06_models" / "generator"
    assert (target / "generator.safetensors").read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["generator"]


def test_bundle_that_was_changed_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    dataset = GeneratorBundleDataset(filepath=str(tmp_path / "06_models" / "generator"))
    dataset.save(bundle(tmp_path / "first", "old"))
    target = tmp_path / "06_models" / "generator"
    (target / "note").touch()
    dataset.save(bundle(tmp_path / "second", "new"))
    assert (target / "generator.safetensors").read_text() == "new"
    assert (target.parent / "generator.changed-1" / "note").exists()


def test_failed_copy_keeps_the_former_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = GeneratorBundleDataset(filepath=str(tmp_path / "models" / "generator"))
    dataset.save(bundle(tmp_path / "first", "old"))
    second = bundle(tmp_path / "second", "new")

    def disk_full(source: Path, target: Path) -> None:
        target.write_text(source.read_text()[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "copy", disk_full)
    with pytest.raises(DatasetError, match=r"left on device while writing \([\d,]+ bytes needed"):
        dataset.save(second)
    target = tmp_path / "models" / "generator"
    assert (target / "generator.safetensors").read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["generator"]


def test_crash_between_the_two_renames_is_undone(tmp_path: Path) -> None:
    dataset = GeneratorBundleDataset(filepath=str(tmp_path / "models" / "generator"))
    dataset.save(bundle(tmp_path / "first", "old"))
    target = tmp_path / "models" / "generator"
    target.rename(target.with_name(".generator.previous"))  # where a kill -9 would leave it
    assert dataset.exists()
    assert (target / "generator.safetensors").read_text() == "old"


def test_bundle_already_in_place_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "generator"
    bundle(target, "old")
    replace_folder(target, target)
    assert (target / "generator.safetensors").read_text() == "old"


def test_a_folder_of_json_is_read_by_name_and_never_written(tmp_path):
    (tmp_path / "b.json").write_text('{"two": 2}')
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "notes.txt").write_text("not ours")
    dataset = JSONFolderDataset(filepath=str(tmp_path))
    assert dataset.load() == {"a": [1], "b": {"two": 2}}
    with pytest.raises(DatasetError, match="nodes cannot save"):
        dataset.save({})
    (tmp_path / "a.json").write_text("[1")
    with pytest.raises(DatasetError, match=r"a\.json is not valid JSON .*; correct the file"):
        dataset.load()
    with pytest.raises(DatasetError, match="expected a folder of JSON"):
        JSONFolderDataset(filepath=str(tmp_path / "none")).load()
