"""Sources `cifar10`, `cifar100`, `stl10`, `imagenette`: through torchvision's own classes.

They download, if `download` allows it, and check the files by MD5. Imagenette is used in place; the
others, arrays in few files, are written as PNG files.
"""

import io
import shutil
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sagan.common.files import require_space
from sagan.common.progress import progress_bar
from sagan.common.schema import ClearError
from sagan.data.archives.extraction import finish, is_extracted, partial_of
from sagan.data.config import AcquisitionConfig
from sagan.data.parallel import ordered_map
from sagan.data.sources.class_folder import unpacked
from sagan.data.sources.tree import SourceTree, class_folders
from sagan.processes.lock import folder_lock

# archive, what it becomes, and the PNG files [bytes]
_NEEDED_BYTES = {
    "cifar10": 600_000_000,
    "cifar100": 600_000_000,
    "stl10": 6_500_000_000,
    "imagenette-full": 3_200_000_000,
    "imagenette-320px": 700_000_000,
    "imagenette-160px": 220_000_000,
}

# published archives, and the folder that each holds
_ORIGINALS = {
    "cifar-10-python.tar.gz": "cifar-10-batches-py",
    "cifar-10-binary.tar.gz": "cifar-10-batches-bin",
    "cifar-100-python.tar.gz": "cifar-100-python",
    "stl10_binary.tar.gz": "stl10_binary",
}


_RECORD_BYTES = 1 + 3 * 32 * 32  # of CIFAR-10's binary version
_FILE_RECORDS = 10_000  # the same


class DownloadError(ClearError, OSError):
    """The set is not on disk and cannot be downloaded."""


def acquire_from_torchvision(config: AcquisitionConfig, target: Path) -> SourceTree:
    """Download a set unless it is there, and write arrays as image files.

    Args:
        config: The source, the folder of its files, and whether it may be downloaded.
        target: The folder for written image files.

    Raises:
        DownloadError: if the set is not there and cannot be downloaded.
        OSError: if there is too little space.
    """
    with folder_lock(target):
        root = Path(config.path).expanduser().absolute() if config.path else target / "download"
        if config.source == "imagenette":
            return _imagenette(config, root)
        if root.name in {*_ORIGINALS, *_ORIGINALS.values()}:
            root = root.parent  # where torchvision looks for it
        return _from_arrays(config, root, target)


def original_archives() -> frozenset[str]:
    """Names of the archives in which the sets of arrays were published."""
    return frozenset(_ORIGINALS)


def _imagenette(config: AcquisitionConfig, root: Path) -> SourceTree:
    from torchvision.datasets import Imagenette

    size = config.imagenette_size
    folder = root / {"full": "imagenette2"}.get(size, f"imagenette2-{size.removesuffix('px')}")
    unpacking = root / f".{folder.name}.unpacking"
    if unpacking.exists():  # torchvision takes a half-unpacked folder for a whole one
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists() and config.download:
        _require_space(f"imagenette-{size}", root)
        unpacking.touch()
    for split in ("train", "val"):
        found = _open(config, root, partial(Imagenette, split=split, size=size))
    unpacking.unlink(missing_ok=True)
    titles = {
        wnid: ", ".join(names) for wnid, names in zip(found.wnids, found.classes, strict=True)
    }
    splits = {split: class_folders(folder / split) for split in ("train", "val")}
    return SourceTree(folders=splits, titles=titles)


def _from_arrays(config: AcquisitionConfig, root: Path, target: Path) -> SourceTree:
    for split in ("train", "val"):
        made_of = {"set": config.source, "split": split}
        if is_extracted(target / split, made_of, lambda: nullcontext([])):
            continue
        if config.download and not root.exists():
            _require_space(config.source, root)
        images, labels, classes = _read(config, root, target, split)
        partial_folder = partial_of(target / split)
        shutil.rmtree(partial_folder, ignore_errors=True)
        _write_pictures(partial_folder, images, [classes[label] for label in labels], split)
        finish(partial_folder, target / split, made_of)
    return SourceTree(folders={name: class_folders(target / name) for name in ("train", "val")})


def _read(
    config: AcquisitionConfig, root: Path, target: Path, split: str
) -> tuple[NDArray[np.uint8], list[int], list[str]]:
    """Images uint8 [N, H, W, 3], labels and class names of a split."""
    binary = root / "cifar-10-batches-bin"
    archive = root / "cifar-10-binary.tar.gz"
    if config.source == "cifar10" and not (root / "cifar-10-batches-py").exists():
        if not binary.is_dir() and archive.is_file():
            binary = unpacked(archive, target / "download" / "binary")
        if binary.is_dir():
            return _cifar10_binary(binary, split)
    return _arrays(_open(config, root, _opener(config.source, split)))


def _cifar10_binary(folder: Path, split: str) -> tuple[NDArray[np.uint8], list[int], list[str]]:
    """A split of CIFAR-10's binary version: records of a label and 3 x 32 x 32 bytes of pixels."""
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] if split == "train" else ["test_batch.bin"]
    classes = (folder / "batches.meta.txt").read_text().split()
    parts = []
    for name in names:
        content = np.fromfile(folder / name, dtype=np.uint8)
        if len(content) != _FILE_RECORDS * _RECORD_BYTES:
            raise ValueError(
                f"'{folder / name}' has {len(content):,} bytes, not {_FILE_RECORDS:,} records of "
                f"{_RECORD_BYTES:,}: it is damaged; download it again"
            )
        parts.append(content.reshape(-1, _RECORD_BYTES))
    records = np.concatenate(parts)
    labels = records[:, 0].astype(int).tolist()
    if max(labels) >= len(classes):
        raise ValueError(f"'{folder}': label {max(labels)}, but {len(classes)} classes are named")
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, classes


def _opener(source: str, split: str) -> Callable[..., Any]:
    from torchvision.datasets import CIFAR10, CIFAR100, STL10

    if source == "stl10":
        return partial(STL10, split="train" if split == "train" else "test")
    return partial({"cifar10": CIFAR10, "cifar100": CIFAR100}[source], train=split == "train")


def _open(config: AcquisitionConfig, root: Path, opener: Callable[..., Any]) -> Any:  # noqa: ANN401
    """The set as a dataset of torchvision, downloaded if allowed and necessary."""
    remedy = (
        f"download it on a machine with a network (acquisition.source={config.source}), copy the "
        "folder here and give its path as acquisition.path"
    )
    try:
        with redirect_stdout(io.StringIO()):  # it prints that files were there
            return opener(root=str(root), download=config.download)
    except (RuntimeError, FileNotFoundError) as error:
        text = str(error).partition(". You can use download=True")[0]
        state = "" if config.download else " and acquisition.download is false"
        raise DownloadError(f"{config.source} in '{root}': {text}{state}; {remedy}") from error
    except OSError as error:
        if error.errno is not None and error.filename is not None:  # the disk, not the network
            raise
        lacking = f" is not complete and sound in '{root}', and" if config.path else ""
        text = f"{config.source}{lacking} cannot be downloaded: {error}; {remedy}"
        raise DownloadError(text) from error


def _arrays(dataset: Any) -> tuple[NDArray[np.uint8], list[int], list[str]]:  # noqa: ANN401
    """Images uint8 [N, H, W, 3], labels and class names of one of torchvision's sets."""
    images = np.asarray(dataset.data)
    if images.shape[1] == 3:  # STL-10 has them [N, C, H, W]
        images = images.transpose(0, 2, 3, 1)
    labels = dataset.labels if hasattr(dataset, "labels") else dataset.targets
    return images, [int(label) for label in labels], list(dataset.classes)


def _write_pictures(folder: Path, images: NDArray[np.uint8], names: list[str], split: str) -> None:
    for name in set(names):
        (folder / name).mkdir(parents=True, exist_ok=True)

    def write(number: int) -> None:
        path = folder / names[number] / f"{number:05d}.png"
        Image.fromarray(np.ascontiguousarray(images[number])).save(path)

    written = ordered_map(write, range(len(names)), workers=0)
    for _ in progress_bar(f"writing {split}", len(names), iterable=written):
        pass


def _require_space(name: str, root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    require_space(
        root, _NEEDED_BYTES[name], remedy="free some space, or give another acquisition.path"
    )
