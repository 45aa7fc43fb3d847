"""Source `ilsvrc2012`: ImageNet's archives as published.

    ILSVRC2012_img_train.tar        138 GB, a tar of 1,000 tars, one a class
    ILSVRC2012_img_val.tar          6.3 GB, 50,000 images without labels
    ILSVRC2012_devkit_t12.tar.gz    labels of val, names of the classes

Only the wanted classes are extracted, each into a folder that appears when it is complete.
Validation images go into class folders by the devkit's labels as they are written.
"""

import logging
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from sagan.common.progress import progress_bar
from sagan.data.archives.checksums import verify_checksum
from sagan.data.archives.extraction import announce, extract, identity, is_extracted
from sagan.data.archives.members import (
    ArchiveError,
    ArchiveMember,
    open_archive,
    open_tar,
    open_tar_member,
    tar_members,
)
from sagan.data.archives.record import ExtractedMember
from sagan.data.class_titles import known_titles
from sagan.data.folder_names import first_five
from sagan.data.parallel import ordered_map
from sagan.data.sources.devkit import NAMED, WNID, read_devkit
from sagan.data.sources.labels import folder_of, read_labels
from sagan.data.sources.selection import Selection
from sagan.data.sources.tree import SourceTree, class_folders
from sagan.processes.lock import folder_lock

logger = logging.getLogger(__name__)

TRAIN, VAL, DEVKIT = (
    "ILSVRC2012_img_train.tar",
    "ILSVRC2012_img_val.tar",
    "ILSVRC2012_devkit_t12.tar.gz",
)
# threads that write; a disk is hardly faster with more
WRITERS = 4


class _Labels(NamedTuple):
    """Labels of val by file name and titles of the classes."""

    val: dict[str, str]
    titles: dict[str, str]


def extract_ilsvrc(
    archives: Path, target: Path, selection: Selection, val_labels: Path | None
) -> SourceTree:
    """Extract the wanted part of the archives, as far as it is not there yet.

    Args:
        archives: The folder that holds them under their published names.
        target: Where the images go: `train/<wnid>/` and `val/<wnid>/`.
        selection: Only these classes are extracted.
        val_labels: A table of labels in place of the devkit.

    Raises:
        FileNotFoundError: if there is no training archive, or no labels for the validation images.
        ArchiveError: if an archive is damaged or hostile.
        OSError: if there is too little space.
    """
    if not (archives / TRAIN).is_file():
        raise FileNotFoundError(
            f"there is no {TRAIN} in '{archives}'; expected the archives as published: "
            f"{TRAIN}, and with it {VAL} and {DEVKIT}"
        )
    labels = _labels(archives, val_labels)
    with folder_lock(target):
        chosen = _extract_train(archives / TRAIN, target / "train", selection, labels.titles)
        splits = ["train"]
        if (archives / VAL).is_file():
            if selection.classes is None and selection.first_classes is None:
                _warn_missing(labels, chosen)
            _extract_val(archives / VAL, target / "val", labels, chosen)
            splits.append("val")
    return SourceTree(
        folders={split: _only(class_folders(target / split), chosen) for split in splits},
        titles={name: labels.titles[name] for name in chosen if name in labels.titles},
    )


def _warn_missing(labels: _Labels, classes: list[str]) -> None:
    if lost := sorted(set(labels.val.values()) - set(classes)):
        logger.warning(
            "%s has no images of %d classes that validation has, which are left out: %s; is it "
            "complete?",
            *(TRAIN, len(lost), first_five(lost)),
        )


def _only(folders: dict[str, Path], chosen: list[str]) -> dict[str, Path]:
    """The folders of these classes; another selection may have left others."""
    return {name: folders[name] for name in chosen if name in folders}


def _labels(archives: Path, val_labels: Path | None) -> _Labels:
    devkits = sorted(archives.glob(f"{NAMED}*"))
    val, titles = read_devkit(devkits[0]) if devkits else ({}, {})
    if val_labels is not None:
        val = read_labels(val_labels) or {}
    titles = titles or known_titles([archives, *folder_of(val_labels)])
    if not val and (archives / VAL).is_file():
        raise FileNotFoundError(
            f"'{archives / VAL}' has no labels: put {DEVKIT} beside it, or name Kaggle's "
            "LOC_val_solution.csv as acquisition.val_labels, or take the archive away to go "
            "without val"
        )
    return _Labels(val, titles)


def _extract_train(
    archive: Path, target: Path, selection: Selection, titles: dict[str, str]
) -> list[str]:
    """Extract the chosen classes that are not complete yet; returns all that were chosen."""
    with open_archive(archive) as members:
        inner = {_wnid(member, archive): member for member in members}
    chosen = selection.choose(list(inner), titles)
    target.mkdir(parents=True, exist_ok=True)
    read = partial(_class_images, archive, inner)
    left = [
        name
        for name in progress_bar("comparing classes", len(chosen), "classes", chosen, leave=False)
        if not is_extracted(
            target / name, identity(archive, name), partial(read, name), repair=True
        )
    ]
    if not left:
        return chosen
    needed = sum(inner[name].size_bytes for name in left)
    announce(f"{len(left):,} classes of train", _files_in(needed), needed, target)
    verify_checksum(archive)
    with progress_bar("extracting train", needed, "B") as bar:
        write = partial(_extract_class, archive, target, inner, bar)
        for _ in ordered_map(write, left, WRITERS):
            pass
    return chosen


def _wnid(member: ArchiveMember, archive: Path) -> str:
    name = member.name.removesuffix(".tar")
    if not WNID.fullmatch(name):
        raise ArchiveError(
            f"'{archive}' has '{member.name}'; expected one tar per class, such as n01440764.tar"
        )
    return name


def _files_in(total_bytes: int) -> int:
    """About how many images a total is; ImageNet's are 110 kB on average."""
    return total_bytes // 110_000


@contextmanager
def _class_images(
    archive: Path, inner: dict[str, ArchiveMember], wnid: str
) -> Iterator[list[ExtractedMember]]:
    """The images of a class."""
    info, size = inner[wnid].info, inner[wnid].size_bytes
    name = f"{archive}: {wnid}.tar"
    try:
        with (
            tarfile.open(archive) as outer,  # each thread reads by a handle of its own
            open_tar_member(outer, info) as content,
            open_tar(content) as tar,
        ):
            yield [ExtractedMember(m, _flat(m, name)) for m in tar_members(tar, name, size)]
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(
            f"'{name}' is damaged or truncated: {error}; download or copy it again"
        ) from error


def _extract_class(
    archive: Path, target: Path, inner: dict[str, ArchiveMember], bar: "tqdm[Any]", wnid: str
) -> None:
    with _class_images(archive, inner, wnid) as images:
        extract(images, target / wnid, identity(archive, wnid), on_bytes=bar.update)


def _flat(member: ArchiveMember, archive: str) -> str:
    if "/" in member.name:
        raise ArchiveError(f"'{archive}' has '{member.name}'; expected images, no folders")
    return member.name


def _extract_val(archive: Path, target: Path, labels: _Labels, chosen: list[str]) -> None:
    made_of = identity(archive) | {"classes": chosen}

    images = partial(_val_images, archive, labels.val, set(chosen))
    if is_extracted(target, made_of, images, repair=True):
        return
    with images() as members:
        needed = sum(member.size_bytes for member, _ in members)
        announce("val", len(members), needed, target.parent)
        verify_checksum(archive)
        with progress_bar("extracting val", needed, "B") as bar:
            extract(members, target, made_of, on_bytes=bar.update)


@contextmanager
def _val_images(
    archive: Path, labels: dict[str, str], chosen: set[str]
) -> Iterator[list[ExtractedMember]]:
    with open_archive(archive) as members:
        yield list(_into_classes(members, labels, chosen, archive))


def _into_classes(
    members: list[ArchiveMember], labels: dict[str, str], chosen: set[str], archive: Path
) -> Iterator[ExtractedMember]:
    """The wanted images of the archive, each with its path in a class folder."""
    unknown = []
    for member in members:
        name = member.name.rpartition("/")[2]
        label = labels.get(name) or labels.get(Path(name).stem)
        if label is None:
            unknown.append(name)
        elif label in chosen:
            yield ExtractedMember(member, f"{label}/{name}")
    if unknown:
        raise ArchiveError(
            f"{len(unknown):,} images of '{archive}' have no label: {first_five(unknown)}"
        )
