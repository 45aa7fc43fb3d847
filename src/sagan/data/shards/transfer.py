"""Shard stores on other machines: `python -m sagan.data.shards.transfer FROM TO`.

A store may lie at any address that fsspec knows (`s3://bucket/shards/<key>`, `gs://...`,
`ssh://...`, a folder). Training reads memory maps, so a store is copied to a local disk first.
Files are copied one by one, the index last: an interrupted copy is not a store, and the same
command continues it. Each file is checked against the index.
"""

import logging
import shutil
import sys
from pathlib import Path
from typing import Any

from sagan.common.files import file_sha256, replacing_file, require_space
from sagan.common.schema import ClearError
from sagan.common.terminal import (
    ParagraphFormatter,
    Parser,
    fit_log_to_terminal,
    worded,
    write_error,
)
from sagan.data.progress import progress
from sagan.data.shards.store import INDEX, ArrayFile, ShardStore, parse_index
from sagan.processes.lock import folder_lock
from sagan.processes.signals import EXIT_INTERRUPTED, interrupt_on_signal

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 8 << 20
# these have no folders; to make one would make a bucket out of a misspelt name
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}


class TransferError(ClearError, OSError):
    """The address cannot be reached, or what lies there is no store."""


def publish_store(store: ShardStore, address: str) -> None:
    """Copy a store to an address; files of its size that are there already are not sent again.

    Args:
        store: A verified store.
        address: The store's folder there, as fsspec writes it.

    Raises:
        TransferError: if the address cannot be written to.
    """
    files = store.files()
    remote, root = _remote(address)
    try:
        if not _OBJECT_STORES & {*_protocols(remote)}:
            remote.makedirs(root, exist_ok=True)
        there = {name.rstrip("/").rsplit("/", 1)[-1]: size for name, size in _sizes(remote, root)}
        left = [file for file in files if there.get(file.file) != file.bytes]
        if left and INDEX in there:
            remote.rm_file(f"{root}/{INDEX}")  # no store until it is whole
        with progress(f"publishing to {address}", sum(f.bytes for f in left), "B") as bar:
            for file in left:
                with (
                    (store.path / file.file).open("rb") as source,
                    remote.open(f"{root}/{file.file}", "wb") as target,
                ):
                    shutil.copyfileobj(source, target, _CHUNK_BYTES)
                bar.advance(file.bytes)
        remote.pipe_file(f"{root}/{INDEX}", (store.path / INDEX).read_bytes())
    except (OSError, ValueError) as error:
        raise TransferError(f"'{address}' cannot be written to: {_said(error)}") from error
    logger.info("published: %s", address)


def fetch_store(address: str, workspace: Path) -> ShardStore:
    """Copy a store to the local disk, or find it copied, and check it.

    Args:
        address: The store's folder there, as fsspec writes it.
        workspace: The store's folder, named by its key, is made in here.

    Raises:
        TransferError: if there is no store, or a file is not what its index says.
        OSError: if there is no room.
    """
    remote, root = _remote(address)
    try:
        text = remote.cat_file(f"{root}/{INDEX}")
    except (OSError, ValueError) as error:
        raise TransferError(
            f"there is no shard store at '{address}': {_said(error)}; expected {INDEX} in it"
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
    left = [file for file in files if not _is_there(folder / file.file, file)]
    needed = sum(file.bytes for file in left)
    require_space(folder, needed, remedy="free some space on the local disk")
    with progress(f"fetching {root}", needed, "B") as bar:
        for file in left:
            with replacing_file(folder / file.file, needed_bytes=file.bytes) as temporary:
                _get(remote, f"{root}/{file.file}", temporary)
                found = file_sha256(temporary)
                if found != file.sha256:
                    raise TransferError(
                        f"'{root}/{file.file}' does not match the index (checksum mismatch): "
                        "publish the store again"
                    )
            bar.advance(file.bytes)


def _get(remote: Any, address: str, target: Path) -> None:  # noqa: ANN401 - fsspec is untyped
    try:
        remote.get_file(address, str(target))
    except FileNotFoundError as error:
        raise TransferError(f"'{address}' is missing: publish the store again") from error


def _is_there(path: Path, file: ArrayFile) -> bool:
    """Whether an earlier fetch brought the file, whole: it is renamed only then."""
    return path.is_file() and path.stat().st_size == file.bytes


def _remote(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path on it."""
    import fsspec

    try:
        remote, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise TransferError(f"'{address}' is not a valid address: {error}") from error
    return remote, root.rstrip("/")


def _protocols(remote: Any) -> tuple[str, ...]:  # noqa: ANN401 - fsspec is untyped
    names: str | tuple[str, ...] = remote.protocol
    return (names,) if isinstance(names, str) else names


def _sizes(remote: Any, root: str) -> list[tuple[str, int]]:  # noqa: ANN401 - fsspec is untyped
    """What lies at an address; object stores have no empty folders."""
    remote.invalidate_cache()
    try:
        return [(entry["name"], entry["size"]) for entry in remote.ls(root, detail=True)]
    except FileNotFoundError:
        return []


def _said(error: Exception) -> str:
    """What an error of some protocol says, in one line; never the empty text."""
    return f"{error}".strip().partition("\n")[0] or type(error).__name__


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = Parser(
        prog="python -m sagan.data.shards.transfer",
        description=__doc__,
        formatter_class=ParagraphFormatter,
    )
    parser.add_argument("source", metavar="FROM", help="folder of a store, local or at an address")
    parser.add_argument(
        "target", metavar="TO", help="folder to copy it into, local or at an address"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    fit_log_to_terminal()
    try:
        with interrupt_on_signal():
            _transfer(options.source, options.target)
    except (ValueError, OSError) as error:
        write_error(worded(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command continues\n")
        return EXIT_INTERRUPTED
    return 0


def _transfer(source: str, target: str) -> None:
    if Path(source).is_dir():
        store = ShardStore.open(Path(source))
        publish_store(store, f"{target.rstrip('/')}/{store.key}")
    else:
        sys.stdout.write(f"{fetch_store(source, Path(target)).path}\n")


if __name__ == "__main__":
    sys.exit(main())
