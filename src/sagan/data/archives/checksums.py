"""Checksum files beside archives: `<archive>.md5`, `<archive>.sha256`, `MD5SUMS` and the like."""

import hashlib
import logging
import re
from pathlib import Path

from tqdm import tqdm

from sagan.data.archives.members import ArchiveError

logger = logging.getLogger(__name__)

_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
# "<sum>  <name>" of coreutils (* for binary), "MD5 (<name>) = <sum>" of BSD, or the sum alone
_LINES = (
    re.compile(r"\\?(?P<sum>[0-9a-fA-F]+)(?:[ \t]+\*?(?P<name>.+))?"),
    re.compile(r"\w+ ?\((?P<name>.+)\) ?= ?(?P<sum>[0-9a-fA-F]+)"),
)


def verify_checksum(archive: Path) -> None:
    """Compare an archive with the checksum file beside it; log that there is none.

    Raises:
        ArchiveError: if it differs, or its own checksum file has no checksum of it.
    """
    found = _expected(archive)
    if found is None:
        if not archive.name.lower().endswith((".gz", ".tgz", ".bz2", ".xz", ".zip", ".parquet")):
            logger.info(
                "'%s' is an uncompressed tar, which has no checksums of its contents, and no "
                "checksum file (%s.md5, .sha256) lies beside it: a changed byte of an image is "
                "noticed only if the image no longer decodes",
                archive,
                archive.name,
            )
        return
    listed, kind, expected = found
    size = tqdm.format_sizeof(archive.stat().st_size)
    logger.info("comparing %s (%sB) with %s", archive.name, size, listed)
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, kind).hexdigest()
    if actual != expected:
        raise ArchiveError(
            f"'{archive}' is not what '{listed}' says: {kind} {actual}, expected {expected}; "
            "download or copy it again"
        )


def _expected(archive: Path) -> tuple[Path, str, str] | None:
    """The checksum file, the kind and the checksum that an archive must have; None if unknown."""
    for kind in _DIGITS:
        own = archive.with_name(f"{archive.name}.{kind}")
        for listed in (own, archive.with_name(f"{kind.upper()}SUMS")):
            if text := _listed(listed, kind, archive.name, alone=listed == own):
                return listed, kind, text
        if own.is_file():
            raise ArchiveError(f"'{own}' has no {kind} of '{archive.name}'; correct or remove it")
    return None


def _listed(path: Path, kind: str, name: str, *, alone: bool) -> str | None:
    """The checksum of a file in a list of checksums; `alone`: also one without a name."""
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        for match in filter(None, (form.fullmatch(line.strip()) for form in _LINES)):
            named = Path(match["name"]).name == name if match["name"] else alone
            if named and len(match["sum"]) == _DIGITS[kind]:
                return str(match["sum"]).lower()
    return None
