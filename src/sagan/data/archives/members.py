"""Members of tar and zip archives, checked before a byte of them is written.

An archive from the network is not trusted: a member that leads outside, is not a plain file, or
lies about its size refuses the whole archive. A tar is read to its end: every header and the blocks
of zeros at the end must be there, and a compressed one must match its checksums. The contents of
zip members are checked as they are written; those of an uncompressed tar have no checksum.
"""

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Self, cast

from sagan.common.schema import ClearError

# images hardly compress: what unpacks to more than this is no archive of images
MAX_RATIO = 100
_MAX_NAME_BYTES = 255
_ENCRYPTED = 0x1
_UNIX_TYPE, _UNIX_FILE, _UNIX_FOLDER = 0o170000, 0o100000, 0o040000
_ZIP_END_BYTES, _ZIP64_END_BYTES = 22, 56 + 20  # without comment; with the locator behind it
_COMPRESSIONS = {b"\x1f\x8b": "gz", b"BZ": "bz2", b"\xfd7": "xz"}
_CHUNK_BYTES = 1 << 20
# what the decoders raise on a damaged stream; gzip's own error is an OSError without a number
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, struct.error),
    UnicodeDecodeError,  # a name of a zip that is marked as UTF-8
)


class ArchiveError(ClearError, ValueError):
    """The archive is damaged or hostile; nothing of it was written."""


class ArchiveMember(NamedTuple):
    """One plain file inside an archive."""

    name: str
    """Its path inside, relative, with forward slashes."""
    size_bytes: int
    info: Any
    """Its header, a TarInfo or ZipInfo."""
    open: Callable[[], IO[bytes]]
    """Opens its content, as long as the archive is open."""


@contextmanager
def open_archive(path: Path) -> Iterator[list[ArchiveMember]]:
    """Open a tar (plain or compressed) or zip archive and check its members.

    Raises:
        FileNotFoundError: if there is no such file.
        ArchiveError: if it is no archive, damaged, or one of its members is not to be trusted.
    """
    with path.open("rb") as file:
        try:
            if _is_zip(file):
                with zipfile.ZipFile(file) as opened:
                    yield _zip_members(opened, path)
            else:
                with open_tar(file) as tar:
                    yield tar_members(tar, str(path), path.stat().st_size)
        except (*_DAMAGE, OSError) as error:
            # EINVAL: a damaged length led to a place before the file
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise ArchiveError(
                f"'{path}' is damaged or truncated, or no tar or zip archive: {error}; "
                "download or copy it again"
            ) from error
        except NotImplementedError as error:
            raise ArchiveError(
                f"'{path}' cannot be read here: {error}; extract it first"
            ) from error


def _is_zip(file: IO[bytes]) -> bool:
    """Whether it is a zip, also one that extracts itself, which has a program in front."""
    start = file.read(tarfile.BLOCKSIZE)
    if start.startswith(b"PK"):
        return True
    try:
        tarfile.TarInfo.frombuf(start, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        compressed = any(start.startswith(magic) for magic in _COMPRESSIONS)
        return not compressed and zipfile.is_zipfile(file)
    return False  # a tar may have a zip for its last member


class _Header(tarfile.TarInfo):
    """A header that must be valid: tarfile takes an invalid one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the first block of the end
            found = f"a header is damaged ({error})" if buf else "its end is missing"
            raise tarfile.ReadError(found) from error


def open_tar(file: IO[bytes]) -> tarfile.TarFile:
    """A tar archive, plain or compressed, of which a damaged header is an error.

    Raises:
        tarfile.TarError, EOFError, OSError: if it is none, or its first header is damaged.
    """
    file.seek(0)
    compression = _COMPRESSIONS.get(file.read(2), "")
    file.seek(0)
    # mode is a literal for mypy, which knows each by name
    return tarfile.open(fileobj=file, mode=f"r:{compression}", tarinfo=_Header)  # type: ignore[call-overload, no-any-return]


def tar_members(tar: tarfile.TarFile, name: str, archive_bytes: int) -> list[ArchiveMember]:
    """Read a tar archive to its end and check all headers, also of one inside another.

    Args:
        tar: The archive, opened by `open_tar` and not read yet.
        name: What to call it in messages.
        archive_bytes: Its own size [bytes], compressed if it is.

    Raises:
        ArchiveError: if it is damaged, truncated or hostile.
    """
    try:
        infos = tar.getmembers()
        _require_end(tar)
    except (*_DAMAGE, OSError, ValueError) as error:
        raise ArchiveError(
            f"'{name}' is damaged or truncated: {error}; download or copy it again"
        ) from error
    faults = [text for info in infos if (text := _tar_fault(info))]
    members = [
        ArchiveMember(_plain(info.name), info.size, info, partial(open_tar_member, tar, info))
        for info in infos
        if info.isreg()
    ]
    folders = [_plain(info.name) for info in infos if info.isdir()]
    _refuse(name, faults + _shared_faults(members, folders, archive_bytes))
    return members


def _require_end(tar: tarfile.TarFile) -> None:
    """Read what follows the last header: one more block of zeros at least, and nothing else.

    To read to the end lets a decoder compare its checksum. The first block of zeros, at which
    tarfile stops, has been read.
    """
    zeros = 0
    while chunk := cast("IO[bytes]", tar.fileobj).read(_CHUNK_BYTES):
        if chunk.count(0) != len(chunk):
            raise tarfile.ReadError(
                "something follows its end: a part is overwritten by zeros, or archives were joined"
            )
        zeros += len(chunk)
    if zeros < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("its end is incomplete")


def open_tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """The content of a checked member, which another handle of the archive may have listed."""
    content = tar.extractfile(info)
    if content is None:  # only if it is no plain file, which `tar_members` refuses
        raise ArchiveError(f"'{info.name}' has no content")
    return content


def _zip_members(opened: zipfile.ZipFile, path: Path) -> list[ArchiveMember]:
    _require_all_entries(opened, path.stat().st_size)
    entries = opened.infolist()
    folders = [_plain(name) for info in entries if (name := _zip_name(info)).endswith("/")]
    infos = [info for info in entries if not _zip_name(info).endswith("/")]
    faults = [text for info in infos if (text := _zip_fault(info))]
    members = [
        ArchiveMember(_plain(_zip_name(info)), info.file_size, info, partial(opened.open, info))
        for info in infos
    ]
    archive_bytes = path.stat().st_size
    if sum(info.compress_size for info in infos) > archive_bytes:
        faults.append("its entries overlap one another")
    _refuse(str(path), faults + _shared_faults(members, folders, archive_bytes))
    return members


def _require_all_entries(opened: zipfile.ZipFile, archive_bytes: int) -> None:
    """Compare the number of entries with the one at the end of the archive.

    The lengths in the directory have no checksum: a damaged one hides entries from zipfile.
    """
    file = cast("IO[bytes]", opened.fp)
    file.seek(archive_bytes - len(opened.comment) - _ZIP_END_BYTES)
    end = file.read(_ZIP_END_BYTES)
    (count,) = struct.unpack_from("<H", end, 10)
    if count == 0xFFFF:  # the number is in the 64-bit record, before its locator
        file.seek(archive_bytes - len(opened.comment) - _ZIP_END_BYTES - _ZIP64_END_BYTES)
        record = file.read(_ZIP64_END_BYTES)
        if record.startswith(b"PK\6\6"):
            (count,) = struct.unpack_from("<Q", record, 32)
    found = len(opened.infolist())
    if not end.startswith(b"PK\5\6") or count != found:
        raise zipfile.BadZipFile(f"{found:,} entries in its directory, and its end says {count:,}")


def _tar_fault(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return f"'{member.name}' is a link to '{member.linkname}'"
    if member.issparse():
        return f"'{member.name}' is a sparse file"
    if not (member.isreg() or member.isdir()):
        return f"'{member.name}' is a device or pipe"
    if member.size < 0:
        return f"'{member.name}' declares {member.size:,} bytes"
    return _name_fault(member.name)


def _zip_fault(member: zipfile.ZipInfo) -> str | None:
    kind = (member.external_attr >> 16) & _UNIX_TYPE
    if kind not in (0, _UNIX_FILE, _UNIX_FOLDER):
        return f"'{member.filename}' is a link or device"
    if member.flag_bits & _ENCRYPTED:
        return f"'{member.filename}' is encrypted"
    if "\0" in member.orig_filename:  # zipfile ends the name there
        return f"{member.orig_filename!a} is not a valid file name"
    return _name_fault(_zip_name(member))


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Its name with forward slashes: some programs of Windows write backslashes."""
    return member.filename.replace("\\", "/")


def _name_fault(name: str) -> str | None:
    """Why a name must not become a path, or None."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0]:
        return f"'{name}' is outside the archive's folder"
    if "\\" in name or any(ord(sign) < 32 or "\ud800" <= sign <= "\udfff" for sign in name):
        return f"{name!a} is not a valid file name"
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        return f"'{name[:40]}...' is too long for a file name"
    return None


def _shared_faults(
    members: list[ArchiveMember], folders: list[str], archive_bytes: int
) -> list[str]:
    """Faults that no single member shows: none, a name twice, more bytes than can be in there."""
    counts = Counter(member.name for member in members)
    named = [*counts, *(f"{folder}/." for folder in folders)]
    faults = [f"'{name}' is in it more than once" for name, count in counts.items() if count > 1]
    faults += [f"'{name}' is a file and a folder" for name in file_and_folder(named)]
    faults += [] if members else ["it has no files: it is empty, or was overwritten by zeros"]
    total = sum(member.size_bytes for member in members)
    if total > MAX_RATIO * max(archive_bytes, 1):
        faults.append(
            f"{total:,} bytes declared in an archive of {archive_bytes:,}, more than {MAX_RATIO} "
            "times its size: a decompression bomb, or false sizes"
        )
    return faults


def file_and_folder(names: Iterable[str]) -> list[str]:
    """Names of files in whose place other files need a folder."""
    files = set(names)
    folders: set[str] = set()
    left = files
    while left := {name.rpartition("/")[0] for name in left if "/" in name} - folders:
        folders |= left
    return sorted(files & folders)


def _refuse(name: str, faults: list[str]) -> None:
    if faults:
        more = f"; {len(faults):,} in all" if len(faults) > 5 else ""
        raise ArchiveError(
            f"archive '{name}' is refused, nothing was extracted: {'; '.join(faults[:5])}{more}"
        )


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix()
