"""Damaged archives: whatever their format can verify refuses them, and nothing of them is left."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from sagan.data.archives.members import ArchiveError, open_archive
from sagan.data.config import AcquisitionConfig
from sagan.data.sources.acquire import acquire
from tests.data import published

BLOCK = 512
FILES = {
    f"train/{name}/{n}.JPEG": published.jpeg(10 * label + n)
    for label, name in enumerate(("cat", "dog"))
    for n in range(4)
}
TAR = published.tar_of(FILES)
# a header is one block, contents are padded to whole blocks
HEADERS = [0]
for _content in list(FILES.values())[:-1]:
    HEADERS.append(HEADERS[-1] + BLOCK + -(-len(_content) // BLOCK) * BLOCK)
END = HEADERS[-1] + BLOCK + -(-len(list(FILES.values())[-1]) // BLOCK) * BLOCK


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def zeros_at(data: bytes, place: int, length: int = BLOCK) -> bytes:
    return data[:place] + bytes(length) + data[place + length :]


def zipped(compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def compressed(mode: str) -> bytes:
    return published.tar_of(FILES, mode)


TAR_DAMAGE = {
    "byte of the first header": flipped(TAR, 3),
    "name in a header": flipped(TAR, HEADERS[3] + 8),
    "size in a header": flipped(TAR, HEADERS[3] + 130),
    "checksum in a header": flipped(TAR, HEADERS[3] + 150),
    "last header": flipped(TAR, HEADERS[-1] + 8),
    "header of zeros": zeros_at(TAR, HEADERS[3]),
    "last header of zeros": zeros_at(TAR, HEADERS[-1]),
    "zeros across a header": zeros_at(TAR, HEADERS[4] - 100, 1000),
    "cut at a member": TAR[: HEADERS[3]],
    "cut in a header": TAR[: HEADERS[3] + 100],
    "cut in a content": TAR[: HEADERS[3] + BLOCK + 100],
    "cut before the end": TAR[:END],
    "cut in the first block of the end": TAR[: END + 100],
    "cut after one block of the end": TAR[: END + BLOCK],
    "data after the end": TAR + b"x" * BLOCK,
    "another archive joined": TAR + published.tar_of({"train/cat/more.JPEG": b"x"}),
}
STREAM_DAMAGE = {
    f"{kind}: {what}": (kind, damage(data))
    for kind, data in {
        "tar.gz": compressed("w:gz"),
        "tar.bz2": compressed("w:bz2"),
        "tar.xz": compressed("w:xz"),
        "zip": zipped(),
        "stored.zip": zipped(zipfile.ZIP_STORED),
    }.items()
    for what, damage in {
        "flip at a third": lambda data: flipped(data, len(data) // 3),
        "flip in the middle": lambda data: flipped(data, len(data) // 2),
        "zeros in the middle": lambda data: zeros_at(data, len(data) // 2, 64),
        "zeros at the end": lambda data: zeros_at(data, len(data) - 8, 8),
        "cut in the middle": lambda data: data[: len(data) // 2],
        "last byte cut": lambda data: data[:-1],
    }.items()
}
# of a gzip stream the checksum alone is wrong: everything before it decodes
STREAM_DAMAGE["tar.gz: checksum"] = (
    "tar.gz",
    flipped(compressed("w:gz"), -8 % len(compressed("w:gz"))),
)


# the length of the first entry's comment in the directory, which swallows the next entries
STREAM_DAMAGE["zip: a length in the directory"] = (
    "zip",
    flipped(zipped(), zipped().index(b"PK\1\2") + 32),
)


def refused(source: str, path, workspace) -> str:
    with pytest.raises(ArchiveError) as error:
        acquire(AcquisitionConfig(source=source, path=str(path)), workspace)
    message = str(error.value)
    assert "\n" not in message
    return message


def nothing_is_left(workspace) -> bool:
    return not [path for path in workspace.rglob("*") if path.is_file()]


@pytest.mark.parametrize("case", TAR_DAMAGE)
def test_a_damaged_tar_is_refused(case, tmp_path):
    (tmp_path / "images.tar").write_bytes(TAR_DAMAGE[case])
    assert "is damaged or truncated" in refused("folder", tmp_path / "images.tar", tmp_path / "raw")
    assert nothing_is_left(tmp_path / "raw")


@pytest.mark.parametrize("case", TAR_DAMAGE)
def test_a_damaged_tar_in_a_sound_gzip_stream_is_refused(case, tmp_path):
    import gzip

    (tmp_path / "images.tgz").write_bytes(gzip.compress(TAR_DAMAGE[case]))
    assert "is damaged or truncated" in refused("folder", tmp_path / "images.tgz", tmp_path / "raw")
    assert nothing_is_left(tmp_path / "raw")


@pytest.mark.parametrize("case", STREAM_DAMAGE)
def test_a_damaged_stream_is_refused(case, tmp_path):
    kind, data = STREAM_DAMAGE[case]
    (tmp_path / f"images.{kind}").write_bytes(data)
    refused("folder", tmp_path / f"images.{kind}", tmp_path / "raw")
    assert nothing_is_left(tmp_path / "raw")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_sound_archive_is_accepted(mode, tmp_path):
    (tmp_path / "images.tar").write_bytes(compressed(mode))
    folder = acquire(
        AcquisitionConfig(source="folder", path=str(tmp_path / "images.tar")), tmp_path / "raw"
    )
    assert {image.path: (folder.path / image.path).read_bytes() for image in folder} == FILES


@pytest.mark.parametrize("start", [b"#!/bin/sh\nexit\n", b"MZ" + bytes(range(256)) * 9], ids=len)
def test_a_zip_that_extracts_itself_is_read(start, tmp_path):
    path = tmp_path / "images.zip"
    path.write_bytes(start + zipped())
    with open_archive(path) as members:
        assert {m.name: m.open().read() for m in members} == FILES
    path.write_bytes(start + zipped()[:-30])
    with pytest.raises(ArchiveError, match="is damaged or truncated"), open_archive(path):
        pass


def test_a_tar_with_a_zip_at_its_end_is_a_tar(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        published.add(tar, "inner.zip", zipped(zipfile.ZIP_STORED))
    with open_archive(path) as members:
        assert [member.name for member in members] == ["inner.zip"]


def test_a_compressed_archive_is_decoded_once_to_check_it(tmp_path, monkeypatch):
    """The end is checked without going back, for which the stream would be decoded anew."""
    import gzip

    def rewound(self):
        raise AssertionError

    (tmp_path / "images.tar.gz").write_bytes(compressed("w:gz"))
    monkeypatch.setattr(gzip._GzipReader, "_rewind", rewound)
    with open_archive(tmp_path / "images.tar.gz") as members:
        assert len(members) == len(FILES)


@pytest.mark.parametrize(
    "archive",
    ["ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"],
)
@pytest.mark.parametrize(
    "damage",
    [lambda data: data[: len(data) // 2 // BLOCK * BLOCK], lambda data: zeros_at(data, 0, 8)],
    ids=["cut", "header"],
)
def test_imagenets_archives_are_read_alike(archive, damage, tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    (place / archive).write_bytes(damage((place / archive).read_bytes()))
    assert archive in refused("ilsvrc2012", place, tmp_path / "raw")


@pytest.mark.parametrize("case", ["header of zeros", "cut before the end", "name in a header"])
def test_a_damaged_class_of_the_training_archive_leaves_no_folder_of_its_own(case, tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    sound = {
        f"{wnid}.tar": published.tar_of(published.train_images(wnid)) for wnid in published.WNIDS
    }
    bad = dict(sound)
    flat = published.tar_of({name.replace("/", "_"): data for name, data in FILES.items()})
    bad["n01443537.tar"] = {
        "header of zeros": zeros_at(flat, HEADERS[3]),
        "cut before the end": flat[:END],
        "name in a header": flipped(flat, HEADERS[3] + 8),
    }[case]
    (place / "ILSVRC2012_img_train.tar").write_bytes(published.tar_of(bad))
    message = refused("ilsvrc2012", place, tmp_path / "raw")
    assert "n01443537.tar' is damaged or truncated" in message
    assert nothing_is_left(tmp_path / "raw/ilsvrc2012/train/n01443537")
    # repaired, it goes on: the sound classes of the first are compared and kept
    (place / "ILSVRC2012_img_train.tar").write_bytes(published.tar_of(sound))
    folder = acquire(AcquisitionConfig(source="ilsvrc2012", path=str(place)), tmp_path / "raw")
    found = {image.path: (folder.path / image.path).read_bytes() for image in folder}
    assert found == published.expected_tree()


def line_of(data: bytes, kind: str, line: str) -> str:
    return line.format(sum=hashlib.new(kind, data).hexdigest(), name="images.tar")


CHECKSUM_FILES = [
    ("images.tar.md5", "md5", "{sum}"),
    ("images.tar.md5", "md5", "{sum} *./{name}\n"),
    ("images.tar.sha1", "sha1", "{sum}  {name}\n"),
    ("images.tar.sha256", "sha256", "SHA256 ({name}) = {sum}\n"),
    ("SHA512SUMS", "sha512", "0123  other.tar\n{sum}  {name}\n"),
]


@pytest.mark.parametrize(("beside", "kind", "line"), CHECKSUM_FILES)
def test_a_checksum_file_beside_an_archive_is_used(beside, kind, line, tmp_path):
    """A changed byte of an image in an uncompressed tar shows in no other way."""
    path = tmp_path / "images.tar"
    config = AcquisitionConfig(source="folder", path=str(path))
    (tmp_path / beside).write_text(line_of(TAR, kind, line))
    path.write_bytes(flipped(TAR, HEADERS[3] + BLOCK + 300))
    assert beside in refused("folder", path, tmp_path / "raw")
    assert nothing_is_left(tmp_path / "raw")
    path.write_bytes(TAR)
    assert acquire(config, tmp_path / "raw").facts()["images"] == {"train": len(FILES)}


def test_a_checksum_file_without_the_archives_checksum_is_refused(tmp_path):
    (tmp_path / "images.tar").write_bytes(TAR)
    (tmp_path / "images.tar.md5").write_text("<html>not found</html>")
    assert "has no md5 of 'images.tar'" in refused(
        "folder", tmp_path / "images.tar", tmp_path / "raw"
    )


def test_sums_of_other_archives_are_no_fault(tmp_path, caplog):
    (tmp_path / "images.tar").write_bytes(TAR)
    (tmp_path / "MD5SUMS").write_text(line_of(TAR, "md5", "{sum}  other.tar\n"))
    caplog.set_level("INFO")
    acquire(AcquisitionConfig(source="folder", path=str(tmp_path / "images.tar")), tmp_path / "raw")
    assert "has no checksums of its contents" in caplog.text


@pytest.mark.parametrize(
    "archive",
    ["ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"],
)
def test_checksum_files_of_imagenets_archives_are_used(archive, tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    (place / f"{archive}.md5").write_text("0" * 32)
    assert "expected 00000000" in refused("ilsvrc2012", place, tmp_path / "raw")
