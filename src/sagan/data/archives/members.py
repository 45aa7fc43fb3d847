"""Members of tar and zip archives, checked before a byte of them is written.

An archive from the network is not trusted: a member that leads outside, is not a plain file, or
lies about its size refuses the whole archive.
"""

import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from sagan.common.schema import ClearError

# images hardly compress: what unpacks to more than this is no archive of images
MAX_RATIO = 100
_MAX_NAME_BYTES = 255
_ENCRYPTED = 0x1
_UNIX_TYPE, _UNIX_FILE, _UNIX_FOLDER = 0o170000, 0o100000, 0o040000


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
            if file.read(2) == b"PK":
                with zipfile.ZipFile(file) as opened:
                    yield _zip_members(opened, path)
            else:
                file.seek(0)
                with tarfile.open(fileobj=file) as tar:
                    yield tar_members(tar, str(path), path.stat().st_size)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise ArchiveError(f"'{path}' is not a valid tar or zip archive: {error}") from error


def tar_members(tar: tarfile.TarFile, name: str, archive_bytes: int) -> list[ArchiveMember]:
    """Read and check all headers of a tar archive, also of one inside another.

    Args:
        tar: The open archive.
        name: What to call it in messages.
        archive_bytes: Its own size [bytes], compressed if it is.
    """
    try:
        infos = tar.getmembers()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ArchiveError(f"'{name}' is damaged or truncated: {error}") from error
    faults = [text for info in infos if (text := _tar_fault(info))]
    members = [
        ArchiveMember(_plain(info.name), info.size, info, partial(open_tar_member, tar, info))
        for info in infos
        if info.isreg()
    ]
    _refuse(name, faults + _shared_faults(members, archive_bytes))
    return members


def open_tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """The content of a checked member, which another handle of the archive may have listed."""
    content = tar.extractfile(info)
    if content is None:  # only if it is no plain file, which `tar_members` refuses
        raise ArchiveError(f"'{info.name}' has no content")
    return content


def _zip_members(opened: zipfile.ZipFile, path: Path) -> list[ArchiveMember]:
    infos = [info for info in opened.infolist() if not info.is_dir()]
    faults = [text for info in infos if (text := _zip_fault(info))]
    members = [
        ArchiveMember(_plain(info.filename), info.file_size, info, partial(opened.open, info))
        for info in infos
    ]
    archive_bytes = path.stat().st_size
    if sum(info.compress_size for info in infos) > archive_bytes:
        faults.append("its entries overlap one another")
    _refuse(str(path), faults + _shared_faults(members, archive_bytes))
    return members


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
    return _name_fault(member.filename)


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


def _shared_faults(members: list[ArchiveMember], archive_bytes: int) -> list[str]:
    """Faults that no single member shows: a name twice, more bytes than can be in there."""
    counts = Counter(member.name for member in members)
    faults = [f"'{name}' is in it more than once" for name, count in counts.items() if count > 1]
    total = sum(member.size_bytes for member in members)
    if total > MAX_RATIO * max(archive_bytes, 1):
        faults.append(
            f"{total:,} bytes declared in an archive of {archive_bytes:,}, more than {MAX_RATIO} "
            "times its size: a decompression bomb, or false sizes"
        )
    return faults


def _refuse(name: str, faults: list[str]) -> None:
    if faults:
        more = f"; {len(faults):,} in all" if len(faults) > 5 else ""
        raise ArchiveError(
            f"archive '{name}' is refused, nothing was extracted: {'; '.join(faults[:5])}{more}"
        )


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix()
