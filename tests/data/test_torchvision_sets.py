"""Torchvision's sets, read through its own classes from small files in its layouts."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100, STL10

from sagan.data.config import AcquisitionConfig
from sagan.data.sources.acquire import acquire
from sagan.data.sources.torchvision_sets import DownloadError
from tests.data import published

NAMES = ("cat", "dog", "ship")


def colours(count: int, side: int, seed: int) -> np.ndarray:
    """uint8 [N, 3, side, side]: noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def write(path: Path, data: bytes) -> list[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return [path.name, hashlib.md5(data).hexdigest()]


def small_cifar(root: Path, monkeypatch, cls) -> dict[str, np.ndarray]:
    """Files of CIFAR's own form, with their own checksums."""
    pixels = {"train": colours(6, 32, 0), "val": colours(3, 32, 1)}
    key = "labels" if cls is CIFAR10 else "fine_labels"
    lists = {}
    for split, images in pixels.items():
        labels = [n % 3 for n in range(len(images))]
        batch = {"data": images.reshape(len(images), -1), key: labels}
        lists[split] = [write(root / cls.base_folder / split, pickle.dumps(batch))]
    name, md5 = write(root / cls.base_folder / "meta", pickle.dumps({cls.meta["key"]: NAMES}))
    monkeypatch.setattr(cls, "train_list", lists["train"])
    monkeypatch.setattr(cls, "test_list", lists["val"])
    monkeypatch.setattr(cls, "meta", cls.meta | {"filename": name, "md5": md5})
    return pixels


def small_stl(root: Path, monkeypatch, cls) -> dict[str, np.ndarray]:
    pixels = {"train": colours(6, 96, 0), "val": colours(3, 96, 1)}
    lists = {}
    for split, images in pixels.items():
        labels = bytes(n % 3 + 1 for n in range(len(images)))
        stored = images.transpose(0, 1, 3, 2).tobytes()  # column by column
        lists[split] = [
            write(root / cls.base_folder / f"{split}_X", stored),
            write(root / cls.base_folder / f"{split}_y", labels),
        ]
    write(root / cls.base_folder / "class_names.txt", "\n".join(NAMES).encode())
    monkeypatch.setattr(cls, "train_list", lists["train"])
    monkeypatch.setattr(cls, "test_list", lists["val"])
    return pixels


SETS = {
    "cifar10": (small_cifar, CIFAR10),
    "cifar100": (small_cifar, CIFAR100),
    "stl10": (small_stl, STL10),
}


@pytest.mark.parametrize("source", SETS)
def test_arrays_become_image_files_with_their_pixels(source, tmp_path, monkeypatch):
    write_set, cls = SETS[source]
    pixels = write_set(tmp_path / "root", monkeypatch, cls)
    config = AcquisitionConfig(source=source, path=str(tmp_path / "root"), download=False)
    folder = acquire(config, tmp_path / "raw")
    assert folder.class_names == NAMES
    assert folder.facts()["images"] == {"train": 6, "val": 3}
    for image in folder:
        number = int(Path(image.path).stem)
        assert NAMES.index(image.class_name) == number % 3
        with Image.open(folder.path / image.path) as picture:
            expected = pixels[image.split][number].transpose(1, 2, 0)
            assert np.array_equal(np.asarray(picture), expected)
    assert folder.path == tmp_path / "raw" / source, "whole, they need no links"
    monkeypatch.setattr(cls, "__init__", None)  # would fail if called
    assert acquire(config, tmp_path / "raw") == folder
    part = acquire(config.model_copy(update={"images_per_class": 1}), tmp_path / "raw")
    assert part.facts()["images"] == {"train": 3, "val": 3}


@pytest.mark.parametrize("source", SETS)
def test_a_changed_file_of_a_set_is_never_unpickled(source, tmp_path, monkeypatch):
    write_set, cls = SETS[source]
    write_set(tmp_path / "root", monkeypatch, cls)
    victim = tmp_path / "root" / cls.base_folder / cls.train_list[0][0]
    victim.write_bytes(victim.read_bytes() + b"x")
    config = AcquisitionConfig(source=source, path=str(tmp_path / "root"), download=False)
    with pytest.raises(DownloadError, match="not found or corrupted and acquis"):
        acquire(config, tmp_path / "raw")


@pytest.mark.parametrize("source", ["cifar10", "cifar100", "stl10", "imagenette"])
def test_a_set_that_is_not_there_says_what_to_do(source, tmp_path):
    config = AcquisitionConfig(source=source, download=False)
    with pytest.raises(
        DownloadError, match=r"copy the folder here and give its path as acquisition\.p"
    ):
        acquire(config, tmp_path)


@pytest.mark.parametrize("source", ["cifar10", "imagenette"])
def test_without_a_network_the_message_says_so(source, tmp_path):
    """The tests' sockets are blocked, as on a machine without a network."""
    with pytest.raises(
        DownloadError, match=f"{source} cannot be downloaded: .*machine with a network"
    ):
        acquire(AcquisitionConfig(source=source), tmp_path)
    with pytest.raises(DownloadError):  # and again: nothing half-made is taken for the set
        acquire(AcquisitionConfig(source=source), tmp_path)


def small_imagenette(root: Path) -> Path:
    for split in ("train", "val"):
        for number, wnid in enumerate(("n01440764", "n03888257")):
            name = f"imagenette2-160/{split}/{wnid}/{split}.JPEG"
            published.write_files(root, {name: published.jpeg(number)})
    return root


def test_imagenette_is_used_where_it_lies(tmp_path):
    root = small_imagenette(tmp_path / "root")
    config = AcquisitionConfig(
        source="imagenette", path=str(root), imagenette_size="160px", download=False
    )
    folder = acquire(config, tmp_path / "raw")
    assert folder.class_titles["n03888257"] == "parachute, chute"
    assert (folder.path / "train/n01440764").readlink() == root / "imagenette2-160/train/n01440764"


def test_an_imagenette_whose_unpacking_was_killed_is_not_taken_for_whole(tmp_path):
    root = small_imagenette(tmp_path / "root")
    (root / ".imagenette2-160.unpacking").touch()
    config = AcquisitionConfig(source="imagenette", path=str(root), imagenette_size="160px")
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        acquire(config, tmp_path / "raw")
    assert not (root / "imagenette2-160").exists()


@pytest.fixture
def three_images_a_file(monkeypatch):
    monkeypatch.setattr("sagan.data.sources.torchvision_sets._FILE_RECORDS", 3)


def binary_cifar(folder: Path) -> dict[str, np.ndarray]:
    """Files of CIFAR-10's binary version, with three images each."""
    folder.mkdir(parents=True)
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    pixels = {"train": colours(15, 32, 0), "val": colours(3, 32, 1)}
    files = {"train": [f"data_batch_{n}.bin" for n in range(1, 6)], "val": ["test_batch.bin"]}
    for split, images in pixels.items():
        records = [bytes([n % 3]) + image.tobytes() for n, image in enumerate(images)]
        each = len(records) // len(files[split])
        for part, name in enumerate(files[split]):
            (folder / name).write_bytes(b"".join(records[part * each : (part + 1) * each]))
    return pixels


@pytest.mark.parametrize("given", ["parent", "folder", "archive"])
def test_cifar10s_binary_version_is_read(given, three_images_a_file, tmp_path):
    folder = tmp_path / "root/cifar-10-batches-bin"
    pixels = binary_cifar(folder)
    path = {"parent": folder.parent, "folder": folder}.get(given)
    if path is None:
        path = tmp_path / "cifar-10-binary.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder, folder.name)
    found = acquire(AcquisitionConfig(source="cifar10", path=str(path)), tmp_path / "raw")
    assert found.class_names == NAMES
    assert found.facts()["images"] == {"train": 15, "val": 3}
    for image in found:
        with Image.open(found.path / image.path) as picture:
            expected = pixels[image.split][int(Path(image.path).stem)].transpose(1, 2, 0)
            assert np.array_equal(np.asarray(picture), expected)


@pytest.mark.parametrize("cut", [1, 1 + 3 * 32 * 32])
def test_a_cut_binary_batch_is_refused(cut, three_images_a_file, tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    binary_cifar(folder)
    batch = folder / "data_batch_3.bin"
    batch.write_bytes(batch.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=rf"data_batch_3.bin' has {9219 - cut:,} bytes"):
        acquire(AcquisitionConfig(source="cifar10", path=str(tmp_path)), tmp_path / "raw")


@pytest.mark.parametrize("source", ["cifar10", "stl10"])
def test_a_copy_sorted_into_classes_is_used_as_it_is(source, tmp_path):
    for name in NAMES:
        for split in ("train", "val"):
            (tmp_path / "copy" / split / name).mkdir(parents=True)
            picture = Image.fromarray(colours(1, 32, 0)[0].transpose(1, 2, 0))
            picture.save(tmp_path / "copy" / split / name / "0.jpg")
    found = acquire(AcquisitionConfig(source=source, path=str(tmp_path / "copy")), tmp_path / "raw")
    assert found.path == tmp_path / "copy"
    with tarfile.open(tmp_path / "copy.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "copy", "copy")
    config = AcquisitionConfig(source=source, path=str(tmp_path / "copy.tar.gz"))
    assert acquire(config, tmp_path / "raw").facts()["images"] == {"train": 3, "val": 3}


@pytest.mark.parametrize("source", SETS)
def test_the_folder_of_a_set_itself_is_a_path_too(source, tmp_path, monkeypatch):
    write_set, cls = SETS[source]
    write_set(tmp_path / "root", monkeypatch, cls)
    path = tmp_path / "root" / cls.base_folder
    config = AcquisitionConfig(source=source, path=str(path), download=False)
    assert acquire(config, tmp_path / "raw").facts()["images"] == {"train": 6, "val": 3}
