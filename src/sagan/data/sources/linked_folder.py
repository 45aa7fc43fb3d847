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

from sagan.common.files import display_path, replacing_folder
from sagan.data.class_titles import CLASS_TITLES
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.selection import Selection
from sagan.data.sources.tree import SourceTree

logger = logging.getLogger(__name__)

_MARK = ".links"  # marks a folder of links, which may be replaced


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
        FileExistsError: if the target is a folder that was not made here.
    """
    links = _links(tree, selection, each_image=each_image)
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


def _is_linked(target: Path, links: dict[str, Path], titles: dict[str, str]) -> bool:
    if not (target / _MARK).is_file():
        return False
    found = {}
    for place, folders, files in os.walk(target):  # links are not followed
        for path in (Path(place, name) for name in (*folders, *files)):
            if path.is_symlink():
                found[path.relative_to(target).as_posix()] = path.readlink()
    return found == links and _titles_in(target) == titles


def _titles_in(target: Path) -> dict[str, str]:
    try:
        titles: dict[str, str] = json.loads((target / CLASS_TITLES).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return titles


def _write(target: Path, links: dict[str, Path], titles: dict[str, str]) -> None:
    """Make the folder of links, replacing a former one."""
    if target.exists() and not (target / _MARK).is_file():
        raise FileExistsError(
            f"'{target}' exists and is not a folder of links made by acquisition; move it"
        )
    with replacing_folder(target, sync=False) as folder:
        (folder / _MARK).write_text("made by acquisition; links to the images where they lie\n")
        for path, points_to in links.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(points_to)
        if titles:
            text = json.dumps(titles, indent=1, ensure_ascii=False)
            (folder / CLASS_TITLES).write_text(text, encoding="utf-8")
