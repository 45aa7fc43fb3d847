"""Writing a shard store: resuming after finished shards, and the index at the end.

Each finished shard is recorded in a journal beside the shards, so that a killed run resumes after
its last one. The journal is removed once the index, which makes the folder a store, is written.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sagan.common.files import file_sha256, replacing_file
from sagan.data.manifest.build import ImageRecord, hash_records
from sagan.data.shards.array_files import ArrayWriter, array_file
from sagan.data.shards.checksum_cache import ChecksumCache
from sagan.data.shards.store import INDEX, ArrayFile, ShardStore, index_checksum, read_index

logger = logging.getLogger(__name__)

JOURNAL = "finished.jsonl"


class Shard(NamedTuple):
    """Consecutive images that become one file of each store."""

    split: str
    file: str
    images: Sequence[ImageRecord]


def cut_into_shards(split: str, images: Sequence[ImageRecord], length: int) -> Iterator[Shard]:
    """Shards of a split, in order; all but the last hold `length` images."""
    for number, start in enumerate(range(0, len(images), length)):
        yield Shard(split, f"{split}-{number:05d}.npy", images[start : start + length])


class StoreWriter:
    """A store that is being written."""

    def __init__(self, folder: Path, facts: dict[str, Any], shards: Sequence[Shard]) -> None:
        """Find the shards of a killed run that can be kept, and remove the rest.

        Args:
            folder: The store's folder; it becomes a store when the index is written.
            facts: The index without its files.
            shards: All shards that the store will have.
        """
        self.folder, self._facts, self._shards = folder, facts, shards
        self.image_size, self._channels = int(facts["image_size"]), int(facts.get("channels", 3))
        self._finished = self._kept()
        (folder / INDEX).unlink(missing_ok=True)  # so that the folder is no store until the end
        for pattern in ("*.npy", ".*.saving"):  # nobody else writes here
            for path in folder.glob(pattern):
                if path.name not in self._finished:
                    path.unlink()

    def lacks(self, shard: Shard) -> bool:
        """Whether this shard is still to be written."""
        return shard.file not in self._finished

    def missing_bytes(self) -> int:
        """Approximate size of what is still to be written."""
        images = sum(len(shard.images) for shard in self._shards if self.lacks(shard))
        return images * self._channels * self.image_size**2 + 8 * sum(
            len(s.images) for s in self._shards
        )

    @contextmanager
    def shard(self, shard: Shard) -> Iterator[ArrayWriter]:
        """A writer for one shard, which is renamed and recorded at the end of the block."""
        shape = (len(shard.images), self.image_size, self.image_size, self._channels)
        with array_file(self.folder / shard.file, shape, "|u1") as writer:
            yield writer
        self._record(shard, writer.written())

    def finish(self) -> ShardStore:
        """Write labels and index, which make the folder a store."""
        splits = dict.fromkeys(shard.split for shard in self._shards)
        facts = self._facts | {"splits": {name: self._entry(name) for name in splits}}
        facts["checksum"] = index_checksum(facts)
        write_index(self.folder, facts)
        (self.folder / JOURNAL).unlink(missing_ok=True)
        store = ShardStore.open(self.folder, verify_checksums=False)
        ChecksumCache(self.folder, facts["checksum"]).add(self._finished)
        return store

    def _entry(self, split: str) -> dict[str, Any]:
        mine = [shard for shard in self._shards if shard.split == split]
        label = {name: index for index, name in enumerate(self._facts["class_names"])}
        labels = np.array([label[i.class_name] for s in mine for i in s.images], dtype="<i8")
        with array_file(self.folder / f"{split}-labels.npy", labels.shape, "<i8") as writer:
            writer.write(labels)
        return {
            "labels": writer.written()._asdict(),
            "shards": [self._finished[shard.file]._asdict() for shard in mine],
        }

    def _record(self, shard: Shard, written: ArrayFile) -> None:
        self._finished[shard.file] = written
        line = json.dumps({"made_of": hash_records(shard.images), **written._asdict()})
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(f"{line}\n")
            journal.flush()
            os.fsync(journal.fileno())

    def _kept(self) -> dict[str, ArrayFile]:
        """Sound shards of these images, of a killed run or a damaged store."""
        recorded = self._recorded()
        kept = {
            shard.file: recorded[shard.file]
            for shard in self._shards
            if shard.file in recorded and _is_sound(self.folder / shard.file, recorded[shard.file])
        }
        if kept:
            logger.info("resuming: %d of %d shards are complete", len(kept), len(self._shards))
        return kept

    def _recorded(self) -> dict[str, ArrayFile]:
        """Shards with these very images, by the index or the journal."""
        try:
            index = read_index(self.folder)
            return self._of_index(index["splits"]) if index["key"] == self._facts["key"] else {}
        except (FileNotFoundError, ValueError):
            lines = _read_journal(self.folder / JOURNAL)
        known = [shard for shard in self._shards if shard.file in lines]
        same = [shard for shard in known if hash_records(shard.images) == lines[shard.file][0]]
        return {shard.file: lines[shard.file][1] for shard in same}

    def _of_index(self, splits: dict[str, Any]) -> dict[str, ArrayFile]:
        """Shards of a store with the same key, if they are cut alike."""
        files = [ArrayFile(**shard) for entry in splits.values() for shard in entry["shards"]]
        cut = [(shard.file, len(shard.images)) for shard in self._shards]
        if cut != [(file.file, file.images) for file in files]:
            return {}
        return {file.file: file for file in files}


def write_index(folder: Path, facts: dict[str, Any]) -> None:
    """Write a store's index atomically."""
    with replacing_file(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _is_sound(path: Path, file: ArrayFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and file_sha256(path) == file.sha256


def _read_journal(path: Path) -> dict[str, tuple[str, ArrayFile]]:
    """Images and facts by file; a line that was cut short by a kill is skipped."""
    lines: dict[str, tuple[str, ArrayFile]] = {}
    if not path.is_file():
        return lines
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            lines[line["file"]] = (line.pop("made_of"), ArrayFile(**line))
        except (ValueError, KeyError, TypeError):
            continue
    return lines
