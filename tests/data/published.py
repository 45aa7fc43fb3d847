"""Image sets in the exact layouts of their publishers, with a few drawn images."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.drawn_images import draw_shape

WNIDS = ("n01440764", "n01443537", "n02012849")
TITLES = {
    "n01440764": "tench, Tinca tinca",
    "n01443537": "goldfish, Carassius auratus",
    "n02012849": "crane",
}
# the devkit numbers classes in an order of its own
NUMBERS = {"n01440764": 2, "n01443537": 3, "n02012849": 1}
VAL_WNIDS = ("n01443537", "n02012849", "n01440764", "n01440764", "n01443537", "n02012849")
TRAIN_PER_CLASS = 4


def jpeg(number: int) -> bytes:
    """A drawn picture; another number, another picture."""
    buffer = io.BytesIO()
    draw_shape("circle", 24, np.random.default_rng(number)).save(buffer, "JPEG")
    return buffer.getvalue()


def train_images(wnid: str, wnids: Sequence[str] = WNIDS) -> dict[str, bytes]:
    first = wnids.index(wnid) * TRAIN_PER_CLASS
    return {f"{wnid}_{n + 1}.JPEG": jpeg(first + n) for n in range(TRAIN_PER_CLASS)}


def val_images(count: int = len(VAL_WNIDS)) -> dict[str, bytes]:
    return {f"ILSVRC2012_val_{n + 1:08d}.JPEG": jpeg(100 + n) for n in range(count)}


def expected_tree() -> dict[str, bytes]:
    """The class folder that every form of this little ImageNet becomes."""
    train = {f"train/{w}/{name}": data for w in WNIDS for name, data in train_images(w).items()}
    val = zip(VAL_WNIDS, val_images().items(), strict=True)
    return train | {f"val/{wnid}/{name}": data for wnid, (name, data) in val}


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def tar_of(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in files.items():
            add(tar, name, data)
    return buffer.getvalue()


def meta_mat(numbers: Mapping[str, int] = NUMBERS) -> bytes:
    """As the devkit's: classes and, behind them, the inner nodes of WordNet."""
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(numbers[w], w, TITLES.get(w, w), 0) for w in sorted(numbers, key=numbers.get)]
    rows.append((1001, "n00001740", "entity", 2))
    synsets = np.array(rows, dtype=kind).reshape(-1, 1)
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": synsets})
    return buffer.getvalue()


def devkit(numbers: Mapping[str, int] = NUMBERS, val_wnids: Sequence[str] = VAL_WNIDS) -> bytes:
    truth = "".join(f"{numbers[wnid]}\n" for wnid in val_wnids)
    below = "ILSVRC2012_devkit_t12/data"
    files = {
        f"{below}/meta.mat": meta_mat(numbers),
        f"{below}/ILSVRC2012_validation_ground_truth.txt": truth.encode(),
    }
    return tar_of(files, "w:gz")


def write_ilsvrc(folder: Path, wnids: Sequence[str] = WNIDS) -> Path:
    """The archives as published; of other classes, with one validation image each."""
    usual = wnids == WNIDS
    numbers = NUMBERS if usual else {wnid: n for n, wnid in enumerate(reversed(wnids), start=1)}
    val_wnids = VAL_WNIDS if usual else wnids
    folder.mkdir(parents=True)
    inner = {f"{wnid}.tar": tar_of(train_images(wnid, wnids)) for wnid in wnids}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_of(inner))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar_of(val_images(len(val_wnids))))
    (folder / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(devkit(numbers, val_wnids))
    return folder


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def write_kaggle(root: Path) -> Path:
    """Kaggle's object localization challenge, extracted."""
    images = root / "ILSVRC/Data/CLS-LOC"
    for wnid in WNIDS:
        write_files(images / "train" / wnid, train_images(wnid))
    write_files(images / "val", val_images())
    write_files(images / "test", {"ILSVRC2012_test_00000001.JPEG": jpeg(999)})
    boxes = (f"{wnid} 10 20 300 400 " * 2 for wnid in VAL_WNIDS)
    names = (Path(name).stem for name in val_images())
    rows = [f"{name},{box}" for name, box in zip(names, boxes, strict=True)]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]))
    mapping = "\n".join(f"{wnid} {title}" for wnid, title in TITLES.items())
    (root / "LOC_synset_mapping.txt").write_text(mapping)
    return root


def write_tiny_imagenet(root: Path) -> Path:
    """Tiny ImageNet, extracted."""
    for wnid in WNIDS:
        write_files(root / "train" / wnid / "images", train_images(wnid))
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("0\t0\t63\t63\n")
    write_files(root / "val/images", val_images())
    rows = zip(val_images(), VAL_WNIDS, strict=True)
    lines = [f"{name}\t{wnid}\t0\t0\t63\t63" for name, wnid in rows]
    (root / "val/val_annotations.txt").write_text("\n".join(lines))
    write_files(root / "test/images", {"test_0.JPEG": jpeg(999)})
    (root / "wnids.txt").write_text("\n".join(WNIDS))
    words = TITLES | {"n99999999": "something that is not in it"}
    (root / "words.txt").write_text("".join(f"{wnid}\t{title}\n" for wnid, title in words.items()))
    return root
