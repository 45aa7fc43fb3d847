"""Copies of shard stores on other machines: publishing and fetching.

A store may lie at any address that fsspec knows (`s3://bucket/shards/<key>`, `gs://...`,
`ssh://...`, a folder). Training reads memory maps, so a store is copied to a local disk first.
Files are copied one by one, the index last: an interrupted copy is not a store, and the same
command continues it. Each file is checked against the index.
"""

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sagan.common.addresses import is_address, mask_secrets
from sagan.common.files import file_sha256, replacing_file, require_space
from sagan.common.progress import progress_bar
from sagan.common.schema import ClearError
from sagan.data.shards.store import INDEX, ArrayFile, ShardStore, parse_index
from sagan.processes.lock import folder_lock

logger = logging.getLogger(__name__)

# these have no folders; making one would create a bucket of a misspelt name
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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
    with _one_sentence("'{}' cannot be written to: {}", address):
        if fsspec.utils.get_protocol(address) not in _OBJECT_STORES:
            remote.makedirs(root, exist_ok=True)
        remote.invalidate_cache()
        found = remote.find(root, maxdepth=1, detail=True)
        there = {name.rsplit("/", 1)[-1]: entry["size"] for name, entry in found.items()}
        left = [file for file in files if there.get(file.file) != file.bytes]
        if left and INDEX in there:
            remote.rm_file(f"{root}/{INDEX}")  # no store until it is whole
        with progress_bar(
            f"publishing to {mask_secrets(address)}", sum(f.bytes for f in left), "B"
        ) as bar:
            for file in left:
                remote.put_file(str(store.path / file.file), f"{root}/{file.file}")
                bar.update(file.bytes)
        remote.pipe_file(f"{root}/{INDEX}", (store.path / INDEX).read_bytes())
    logger.info("published: %s", mask_secrets(address))


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
    with _one_sentence(f"there is no shard store at '{{}}': {{}}; expected {INDEX} in it", address):
        text = remote.cat_file(f"{root}/{INDEX}")
    index = parse_index(text.decode(errors="replace"), mask_secrets(address))
    folder = workspace / str(index["key"])
    with folder_lock(workspace):
        if not (folder / INDEX).is_file():
            files = ShardStore(folder, index).files()
            _fetch(remote, root, files, folder, address.rstrip("/"))
            with replacing_file(folder / INDEX) as temporary:
                temporary.write_bytes(text)
    return ShardStore.open(folder)


def _fetch(
    remote: Any,  # noqa: ANN401 - a file system of fsspec
    root: str,
    files: list[ArrayFile],
    folder: Path,
    address: str,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    left = [
        file
        for file in files  # an earlier fetch renamed only complete files
        if not (path := folder / file.file).is_file() or path.stat().st_size != file.bytes
    ]
    needed = sum(file.bytes for file in left)
    require_space(folder, needed, remedy="free some space on the local disk")
    with progress_bar(f"fetching {mask_secrets(address)}", needed, "B") as bar:
        for file in left:
            with replacing_file(folder / file.file, needed_bytes=file.bytes) as temporary:
                place = f"{address}/{file.file}"
                with _one_sentence("'{}' cannot be fetched: {}; publish the store again", place):
                    try:
                        remote.get_file(f"{root}/{file.file}", str(temporary))
                    except FileNotFoundError:
                        raise FileNotFoundError("it is missing") from None
                if file_sha256(temporary) != file.sha256:
                    raise TransferError(
                        f"'{mask_secrets(place)}' does not match the index (checksum mismatch): "
                        "publish the store again"
                    )
            bar.update(file.bytes)


def _remote(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path on it."""
    import fsspec

    try:
        is_address(address)
    except ValueError as error:
        raise TransferError(str(error)) from None
    # some backends connect here already
    with _one_sentence("'{}' cannot be opened: {}", address):
        remote, root = fsspec.core.url_to_fs(address)
    return remote, root.rstrip("/")


@contextmanager
def _one_sentence(sentence: str, address: str) -> Iterator[None]:
    """Turn what a backend raises into one sentence, without the secrets of the address.

    Args:
        sentence: with places for the address and for the reason.
        address: as given.

    Raises:
        TransferError: for every error but a full disk here, whose message is made elsewhere.
    """
    try:
        yield
    except Exception as error:  # backends have classes of their own
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise
        reason = mask_secrets(_first_line(error), address)
        raise TransferError(sentence.format(mask_secrets(address), reason)) from None


def _first_line(error: Exception) -> str:
    """The first line of an error's message, or its class if it has none.

    What follows a line that ends in a colon belongs to it.
    """
    text = re.sub(r":\s*\n\s*", ": ", f"{error}".strip())
    return text.partition("\n")[0] or type(error).__name__
