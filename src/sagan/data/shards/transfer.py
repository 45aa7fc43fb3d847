"""Copies of shard stores on other machines: publishing and fetching.

A store may lie at any address that fsspec knows (`s3://bucket/shards/<key>`, `gs://...`,
`ssh://...`, a folder). Training reads memory maps, so a store is copied to a local disk first.
Files are copied one by one, the index last: an interrupted copy is not a store, and the same
command continues it. Each file is checked against the index.
"""

import logging
from pathlib import Path
from typing import Any

from sagan.common.files import file_sha256, replacing_file, require_space
from sagan.common.progress import progress_bar
from sagan.common.schema import ClearError
from sagan.data.shards.store import INDEX, ArrayFile, ShardStore, parse_index
from sagan.processes.lock import folder_lock

logger = logging.getLogger(__name__)

# these have no folders; making one would create a bucket of a misspelt name
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}


class TransferError(ClearError, OSError):
    """The address cannot be reached, or what lies there is no store."""


def publish_store(store: ShardStore, address: str) -> None:
    """Copy a store to an address; files that are there already in full size are not sent again.

    Args:
        store: A verified store.
        address: The store's folder there, as fsspec writes it.

    Raises:
        TransferError: if the address cannot be written to.
    """
    import fsspec

    files = store.files()
    remote, root = _remote(address)
    try:
        if fsspec.utils.get_protocol(address) not in _OBJECT_STORES:
            remote.makedirs(root, exist_ok=True)
        remote.invalidate_cache()
        found = remote.find(root, maxdepth=1, detail=True)
        there = {name.rsplit("/", 1)[-1]: entry["size"] for name, entry in found.items()}
        left = [file for file in files if there.get(file.file) != file.bytes]
        if left and INDEX in there:
            remote.rm_file(f"{root}/{INDEX}")  # no store until it is whole
        with progress_bar(f"publishing to {address}", sum(f.bytes for f in left), "B") as bar:
            for file in left:
                remote.put_file(str(store.path / file.file), f"{root}/{file.file}")
                bar.update(file.bytes)
        remote.pipe_file(f"{root}/{INDEX}", (store.path / INDEX).read_bytes())
    except (OSError, ValueError) as error:
        raise TransferError(f"'{address}' cannot be written to: {_first_line(error)}") from error
    logger.info("published: %s", address)


def fetch_store(address: str, workspace: Path) -> ShardStore:
    """Copy a store to the local disk, or find it copied, and check it.

    Args:
        address: The store's folder there, as fsspec writes it.
        workspace: The store's folder, named by its key, is made in here.

    Raises:
        TransferError: if there is no store, or a file is not what its index says.
        OSError: if there is too little space.
    """
    remote, root = _remote(address)
    try:
        text = remote.cat_file(f"{root}/{INDEX}")
    except (OSError, ValueError) as error:
        raise TransferError(
            f"there is no shard store at '{address}': {_first_line(error)}; expected {INDEX} in it"
        ) from error
    index = parse_index(text.decode(errors="replace"), address)
    folder = workspace / str(index["key"])
    with folder_lock(workspace):
        if not (folder / INDEX).is_file():
            files = ShardStore(folder, index).files()
            _fetch(remote, root, files, folder)
            with replacing_file(folder / INDEX) as temporary:
                temporary.write_bytes(text)
    return ShardStore.open(folder)


def _fetch(remote: Any, root: str, files: list[ArrayFile], folder: Path) -> None:  # noqa: ANN401
    folder.mkdir(parents=True, exist_ok=True)
    left = [
        file
        for file in files  # an earlier fetch renamed only complete files
        if not (path := folder / file.file).is_file() or path.stat().st_size != file.bytes
    ]
    needed = sum(file.bytes for file in left)
    require_space(folder, needed, remedy="free some space on the local disk")
    with progress_bar(f"fetching {root}", needed, "B") as bar:
        for file in left:
            with replacing_file(folder / file.file, needed_bytes=file.bytes) as temporary:
                try:
                    remote.get_file(f"{root}/{file.file}", str(temporary))
                except FileNotFoundError as error:
                    raise TransferError(
                        f"'{root}/{file.file}' is missing: publish the store again"
                    ) from error
                if file_sha256(temporary) != file.sha256:
                    raise TransferError(
                        f"'{root}/{file.file}' does not match the index (checksum mismatch): "
                        "publish the store again"
                    )
            bar.update(file.bytes)


def _remote(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path on it."""
    import fsspec

    try:
        remote, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise TransferError(f"'{address}' is not a valid address: {error}") from error
    return remote, root.rstrip("/")


def _first_line(error: Exception) -> str:
    """The first line of an error's message, or its class if it has none."""
    return f"{error}".strip().partition("\n")[0] or type(error).__name__
