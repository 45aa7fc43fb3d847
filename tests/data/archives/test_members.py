"""Archives are not trusted: what is hostile or damaged is refused before a byte is written."""

import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from sagan.common.files import disk
from sagan.data.archives.members import ArchiveError, open_archive
from sagan.data.config import AcquisitionConfig
from sagan.data.sources.acquire import acquire
from tests.data import published

GOOD = {f"train/{c}/{n}.JPEG": published.jpeg(n) for c in ("cat", "dog") for n in range(2)}


def special(name: str, kind: bytes, linkname: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, linkname, size
    return info


def tar_with(path: Path, *members: tarfile.TarInfo) -> Path:
    """A sound archive and, at its end, hostile members without content."""
    with tarfile.open(path, "w") as tar:
        for name, data in GOOD.items():
            published.add(tar, name, data)
        for member in members:
            tar.addfile(member)
    return path


def plain(name: str) -> tarfile.TarInfo:
    return special(name, tarfile.REGTYPE)


HOSTILE = {
    "parent": ([plain("../evil")], "'../evil' is outside the archive's folder"),
    "parent inside": (
        [plain("train/../../evil")],
        "'train/../../evil' is outside the archive's folder",
    ),
    "absolute": ([plain("/tmp/evil")], "'/tmp/evil' is outside the archive's folder"),
    "drive": ([plain("C:/evil")], "'C:/evil' is outside the archive's folder"),
    "backslash": ([plain("train\\..\\evil")], "is not a valid file name"),
    "control sign": ([plain("train/a\nb.JPEG")], "is not a valid file name"),
    "symlink": ([special("train/x", tarfile.SYMTYPE, "/etc")], "is a link to '/etc'"),
    "hard link": ([special("train/x", tarfile.LNKTYPE, "../evil")], "is a link to '../evil'"),
    "device": ([special("train/null", tarfile.CHRTYPE)], "'train/null' is a device or pipe"),
    "block device": ([special("train/sda", tarfile.BLKTYPE)], "is a device or pipe"),
    "pipe": ([special("train/pipe", tarfile.FIFOTYPE)], "is a device or pipe"),
    "twice": ([plain("train/cat/0.JPEG")], "is in it more than once"),
    "file and folder": ([plain("train/cat")], "'train/cat' is a file and a folder"),
    "folder in a file": ([plain("train/cat/0.JPEG/x")], "'train/cat/0.JPEG' is a file and a fol"),
    "folder of a file's name": (
        [special("train/cat/0.JPEG", tarfile.DIRTYPE)],
        "'train/cat/0.JPEG' is a file and a folder",
    ),
    "long name": ([plain("train/" + "x" * 300)], "is too long for a file name"),
    "many": ([plain(f"../{n}") for n in range(9)], "; 9 in all"),
}


def refused(path: Path, workspace: Path) -> str:
    """The message of an acquisition that must leave nothing behind."""
    before = sorted(workspace.parent.rglob("*"))
    with pytest.raises(ArchiveError) as error:
        acquire(AcquisitionConfig(source="folder", path=str(path)), workspace)
    left = [p for p in workspace.parent.rglob("*") if p not in before and p.is_file()]
    assert left == []
    return str(error.value)


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tars_are_refused_before_anything_is_written(case, tmp_path):
    members, said = HOSTILE[case]
    message = refused(tar_with(tmp_path / "images.tar", *members), tmp_path / "raw")
    assert said in message
    assert "is refused, nothing was extracted" in message


def test_a_hostile_tar_inside_the_published_archive_is_refused(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    inner = tar_with(tmp_path / "inner.tar", special("n01440764_1.JPEG", tarfile.SYMTYPE, "/etc"))
    archive = place / "ILSVRC2012_img_train.tar"
    archive.write_bytes(published.tar_of({"n01440764.tar": inner.read_bytes()}))
    with pytest.raises(ArchiveError, match="is a link to '/etc'"):
        acquire(AcquisitionConfig(source="ilsvrc2012", path=str(place)), tmp_path / "raw")
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]


def test_folders_inside_a_class_of_the_published_archive_are_refused(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    inner = published.tar_of({"sub/n01440764_1.JPEG": published.jpeg(0)})
    archive = place / "ILSVRC2012_img_train.tar"
    archive.write_bytes(published.tar_of({"n01440764.tar": inner}))
    with pytest.raises(ArchiveError, match="expected images, no folders"):
        acquire(AcquisitionConfig(source="ilsvrc2012", path=str(place)), tmp_path / "raw")


def test_a_training_archive_of_something_else_is_refused(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    (place / "ILSVRC2012_img_train.tar").write_bytes(published.tar_of({"readme.txt": b"hello"}))
    with pytest.raises(ArchiveError, match=r"expected one tar per class, such as n01440764\.tar"):
        acquire(AcquisitionConfig(source="ilsvrc2012", path=str(place)), tmp_path / "raw")


@pytest.mark.parametrize("size", [10**6, 10**12])
def test_sizes_that_lie_are_refused(tmp_path, size):
    """The header promises more than the archive holds."""
    path = tmp_path / "images.tar"
    header = special("train/cat/big.JPEG", tarfile.REGTYPE, size=size).tobuf()
    path.write_bytes(published.tar_of(GOOD).rstrip(b"\0") + bytes(512))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 512 * 512] + header + b"little" * 100)
    assert "damaged or truncated" in refused(path, tmp_path / "raw")


def test_a_decompression_bomb_is_refused(tmp_path):
    path = tmp_path / "images.tar.gz"
    path.write_bytes(published.tar_of({"train/cat/zeros.bmp": bytes(3 << 20)}, "w:gz"))
    assert "a decompression bomb, or false sizes" in refused(path, tmp_path / "raw")


def zip_with(path: Path, change) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name, data)
        change(archive)
    return path


def add_symlink(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("train/x")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc")


def add_bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("train/cat/zeros.bmp", bytes(10 << 20), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda archive: archive.writestr("../evil", b"x"),
            "'../evil' is outside the archive's folder",
        ),
        (lambda archive: archive.writestr("/tmp/evil", b"x"), "is outside the archive's folder"),
        (add_symlink, "'train/x' is a link or device"),
        (add_bomb, "a decompression bomb"),
    ],
)
def test_hostile_zips_are_refused_before_anything_is_written(change, said, tmp_path):
    assert said in refused(zip_with(tmp_path / "images.zip", change), tmp_path / "raw")


@pytest.mark.parametrize(
    ("byte", "said"), [(b"\xff", "damaged or truncated"), (b"\0", "not a valid")]
)
def test_a_damaged_name_in_a_zip_is_refused(byte, said, tmp_path):
    path = zip_with(tmp_path / "images.zip", lambda archive: archive.writestr("train/äx.png", b"x"))
    data = path.read_bytes()
    path.write_bytes(data[:-50] + data[-50:].replace("äx".encode(), "ä".encode() + byte))
    assert said in refused(path, tmp_path / "raw")


def test_backslashes_of_windows_programs_are_folders(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name.replace("/", "\\"), data)
        archive.writestr("train\\cat\\", b"")
    folder = acquire(AcquisitionConfig(source="folder", path=str(path)), tmp_path / "raw")
    assert [image.path for image in folder] == sorted(GOOD)


def test_backslashes_lead_nowhere_else(tmp_path):
    path = zip_with(tmp_path / "images.zip", lambda archive: archive.writestr("a\\..\\..\\b", b"x"))
    assert "is outside the archive's folder" in refused(path, tmp_path / "raw")


def test_a_zip_whose_entries_overlap_is_refused(tmp_path):
    """Entries that share their bytes unpack to more than there is."""
    path = zip_with(tmp_path / "images.zip", lambda _: None)
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        for number in range(50):
            copy = zipfile.ZipInfo(f"train/cat/copy{number}.JPEG")
            for name in ("header_offset", "compress_size", "file_size", "CRC"):
                setattr(copy, name, getattr(first, name))
            archive.filelist.append(copy)
            archive.NameToInfo[copy.filename] = copy
        archive._didModify = True
    assert "its entries overlap" in refused(path, tmp_path / "raw")


def test_a_zip_with_a_flipped_bit_is_refused_and_leaves_nothing(tmp_path):
    path = zip_with(tmp_path / "images.zip", lambda _: None)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert "is damaged or truncated" in refused(path, tmp_path / "raw")


def test_too_little_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    path = tar_with(tmp_path / "images.tar")
    monkeypatch.setattr(disk, "free_bytes", lambda _: 1_000)
    with pytest.raises(OSError, match=r"bytes needed, 1,000 bytes free; free some space"):
        acquire(AcquisitionConfig(source="folder", path=str(path)), tmp_path / "raw")
    assert not [p for p in (tmp_path / "raw").rglob("*") if p.is_file()]


def test_a_disk_that_fills_up_leaves_no_part_and_is_said(tmp_path, monkeypatch):
    path = tar_with(tmp_path / "images.tar")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match=r"No space left on device while extracting \(.* bytes free"):
        acquire(AcquisitionConfig(source="folder", path=str(path)), tmp_path / "raw")
    assert not [p for p in (tmp_path / "raw").rglob("*") if p.is_file()]


def test_a_folder_of_the_users_is_never_replaced(tmp_path):
    published.write_files(tmp_path / "raw/folder", {"mine.txt": b"precious"})
    path = tar_with(tmp_path / "images.tar")
    with pytest.raises(FileExistsError, match="was not made by an extraction"):
        acquire(AcquisitionConfig(source="folder", path=str(path)), tmp_path / "raw")
    assert (tmp_path / "raw/folder/mine.txt").read_bytes() == b"precious"


def test_names_in_other_scripts_and_a_leading_dot_are_fine(tmp_path):
    files = {"./train/кошка/é.JPEG": published.jpeg(0), "./train/dog/b.JPEG": published.jpeg(1)}
    (tmp_path / "images.tar").write_bytes(published.tar_of(files))
    config = AcquisitionConfig(source="folder", path=str(tmp_path / "images.tar"))
    folder = acquire(config, tmp_path / "raw")
    assert [image.path for image in folder] == ["train/dog/b.JPEG", "train/кошка/é.JPEG"]


def test_an_archive_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError), open_archive(tmp_path / "gone.tar"):
        pass
    config = AcquisitionConfig(source="folder", path=str(tmp_path / "gone-*.tar"))
    with pytest.raises(FileNotFoundError, match=r"nothing matches .*gone-\*\.tar"):
        acquire(config, tmp_path / "raw")


def test_a_file_of_one_archive_in_the_place_of_a_folder_of_another_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(published.tar_of(GOOD))
    (tmp_path / "b.tar").write_bytes(published.tar_of({"train/cat": b"x"}))
    said = refused(tmp_path / "*.tar", tmp_path / "raw")
    assert "'train/cat' is a file in " in said
    assert "b.tar' and a folder in another archive" in said
