"""A class folder of symbolic links to the images of a source, without copying them.

`train/<class>` is a link to the folder of the class; if single images were selected, or are in a
flat folder, each is a link. The manifest has the same paths whatever the source's layout, so that
the same images become the same shards.
"""

import json
import logging
import os
from itertools import islice
from pathlib import Path

from sagan.common.files import display_path, json_sha256, replacing_folder
from sagan.data.class_titles import CLASS_TITLES
from sagan.data.folder_names import first_five
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.selection import Selection
from sagan.data.sources.tree import SourceTree
from sagan.data.written_folder import added_files, check_unchanged, holds_nothing, refuse_to_replace

logger = logging.getLogger(__name__)

_MARK = ".links"  # marks a folder of links; the hash of what was written into it


def link_images(
    tree: SourceTree, selection: Selection, target: Path, *, each_image: bool = False
) -> ImageFolder:
    """Link the selected images into a class folder, unless that is done already.

    Args:
        tree: The source's images.
        selection: Which of them are wanted.
        target: The folder of links.
        each_image: Whether to link every image, even where a link to its class's folder would do.

    Raises:
        ValueError: if the selection has unknown classes, or the layout is not valid.
        FileExistsError: if the target was not made here, or somebody changed it.
    """
    links = {path: str(to) for path, to in _links(tree, selection, each_image=each_image).items()}
    titles = {name: tree.titles[name] for name in sorted(tree.titles)}
    if not _is_linked(target, links, titles):
        _write(target, links, titles)
        logger.info("linked, not copied: %s", display_path(target))
    return ImageFolder.open(target)


def _links(tree: SourceTree, selection: Selection, *, each_image: bool) -> dict[str, Path]:
    """Targets of the links by their paths in the class folder."""
    links: dict[str, Path] = {}
    chosen = selection.choose(tree.classes, tree.titles)
    for split in tree.splits:
        limit = selection.images.get(split)
        for name in _classes_of(tree, split, selection, chosen):
            folder = tree.folders.get(split, {}).get(name)
            if folder is not None and limit is None and not each_image:
                links[f"{split}/{name}"] = folder.absolute()
                continue
            for file, path in islice(tree.files(split, name).items(), limit):
                links[f"{split}/{name}/{file}"] = path.absolute()
    return links


def _classes_of(tree: SourceTree, split: str, selection: Selection, chosen: list[str]) -> list[str]:
    """The chosen classes; without a choice also those of val/ alone, which are refused later."""
    there = {*tree.folders.get(split, {}), *tree.loose.get(split, {})}
    if selection.classes is None and selection.first_classes is None:
        return sorted(there)
    return [name for name in chosen if name in there]


def _is_linked(target: Path, links: dict[str, str], titles: dict[str, str]) -> bool:
    """Whether the folder has these links; False also if it may be replaced by them."""
    if holds_nothing(target):
        return False
    if not (target / _MARK).is_file():
        refuse_to_replace(target, "is not a folder of links made by acquisition")
    found, added = _content(target)
    there = _titles_in(target)
    if found == links and there == titles:
        return True
    written = (target / _MARK).read_text(encoding="utf-8").strip()
    if written == json_sha256([links, titles]):  # what is wanted now was written then
        lost = {name for name in found.keys() | links if found.get(name) != links.get(name)}
        check_unchanged(target, lost or {CLASS_TITLES}, ())
    if added or written != json_sha256([found, there]):
        named = first_five(added) if added else "a link or a class's title"
        refuse_to_replace(target, f"somebody changed it: {named}")
    return False


def _content(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Targets of a folder's links by path, and the other files that were not written here."""
    links, added = {}, []
    for place, folders, files in os.walk(folder):  # links are not followed
        for path in (Path(place, name) for name in (*folders, *files)):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                links[name] = str(path.readlink())
            elif path.is_file() and name not in (_MARK, CLASS_TITLES):
                added.append(name)
    return links, added_files(added)


def _titles_in(target: Path) -> dict[str, str]:
    try:
        titles: dict[str, str] = json.loads((target / CLASS_TITLES).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return titles


def _write(target: Path, links: dict[str, str], titles: dict[str, str]) -> None:
    """Make the folder of links, replacing a former one."""
    with replacing_folder(target, sync=False) as folder:
        (folder / _MARK).write_text(json_sha256([links, titles]) + "\n", encoding="utf-8")
        for path, points_to in links.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(points_to)
        if titles:
            text = json.dumps(titles, indent=1, ensure_ascii=False)
            (folder / CLASS_TITLES).write_text(text, encoding="utf-8")
