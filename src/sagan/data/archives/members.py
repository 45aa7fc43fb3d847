"""What is inside a tar or zip archive, judged before a byte of it is written.

An archive from the network is not trusted: an entry that leads outside, is not a plain file, or
lies about its size refuses the whole archive.
"""

import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol

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
    source: Any
    """What its archive needs to find it again."""


class Archive(Protocol):
    """An open archive whose every entry was judged."""

    entries: list[ArchiveMember]

    def open(self, entry: ArchiveMember) -> IO[bytes]:
        """The content of an entry."""


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a tar (plain or compressed) or zip archive and judge its entries.

    Raises:
        FileNotFoundError: if there is no such file.
        ArchiveError: if it is no archive, damaged, or one of its entries is not to be trusted.
    """
    with path.open("rb") as file:
        try:
            if file.read(2) == b"PK":
                with zipfile.ZipFile(file) as opened:
                    yield _Zip(opened, path)
            else:
                file.seek(0)
                with tarfile.open(fileobj=file) as tar:
                    yield Tar(tar, str(path), path.stat().st_size)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise ArchiveError(f"'{path}' is not a valid tar or zip archive: {error}") from error


class Tar:
    """A tar archive, also one inside another."""

    def __init__(self, tar: tarfile.TarFile, name: str, archive_bytes: int) -> None:
        """Read and judge all headers.

        Args:
            tar: The open archive.
            name: What to call it in messages.
            archive_bytes: Its own size [bytes], compressed if it is.
        """
        self._tar, self._name = tar, name
        members = _members(tar, name)
        faults = [text for member in members if (text := _tar_fault(member))]
        self.entries = [
            ArchiveMember(_plain(member.name), member.size, member)
            for member in members
            if member.isreg()
        ]
        _refuse(name, faults + _faults_together(self.entries, archive_bytes))

    def open(self, entry: ArchiveMember) -> IO[bytes]:
        """The content of an entry."""
        content = self._tar.extractfile(entry.source)
        if content is None:  # only for what is no plain file, and those were refused
            raise ArchiveError(f"'{self._name}': '{entry.name}' has no content")
        return content


class _Zip:
    def __init__(self, opened: zipfile.ZipFile, path: Path) -> None:
        self._zip = opened
        members = [member for member in opened.infolist() if not member.is_dir()]
        faults = [text for member in members if (text := _zip_fault(member))]
        self.entries = [ArchiveMember(_plain(m.filename), m.file_size, m) for m in members]
        archive_bytes = path.stat().st_size
        if sum(member.compress_size for member in members) > archive_bytes:
            faults.append("its entries overlap one another")
        _refuse(str(path), faults + _faults_together(self.entries, archive_bytes))

    def open(self, entry: ArchiveMember) -> IO[bytes]:
        return self._zip.open(entry.source)


class Window(io.RawIOBase):
    """Some bytes of a file, as a file: an archive inside another is read where it lies."""

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        """Show `length` bytes of `file` from `start`; both [bytes]."""
        self._file, self._start, self._length, self._place = file, start, length, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Place in the window."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place in the window."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Fill a buffer from the current place."""
        wanted = min(len(buffer), max(0, self._length - self._place))
        self._file.seek(self._start + self._place)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _members(tar: tarfile.TarFile, name: str) -> list[tarfile.TarInfo]:
    try:
        return tar.getmembers()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ArchiveError(f"'{name}' is damaged or truncated: {error}") from error


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


def _faults_together(entries: list[ArchiveMember], archive_bytes: int) -> list[str]:
    """Faults that no single entry shows: a name twice, more bytes than can be in there."""
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    faults = [f"'{name}' is in it more than once" for name in twice]
    total = sum(entry.size_bytes for entry in entries)
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
