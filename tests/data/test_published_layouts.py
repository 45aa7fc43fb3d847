import json
import os
import shutil
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from sagan.data.config import AcquisitionConfig, ManifestConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, data_hash
from sagan.data.sources.acquire import acquire
from sagan.processes.lock import folder_lock
from tests.data import published

WRITERS = {
    "ilsvrc2012": published.write_ilsvrc,
    "kaggle": published.write_kaggle,
    "tiny_imagenet": published.write_tiny_imagenet,
}


def contents(folder: ImageFolder) -> dict[str, bytes]:
    return {image.path: (folder.path / image.path).read_bytes() for image in folder}


def get(source: str, path: Path, workspace: Path, **more) -> ImageFolder:
    return acquire(AcquisitionConfig(source=source, path=str(path), **more), workspace)


@pytest.fixture(params=WRITERS)
def source(request):
    return request.param


@pytest.fixture
def place(source, tmp_path) -> Path:
    return WRITERS[source](tmp_path / "published")


def test_every_form_of_imagenet_becomes_the_same_class_folder(source, place, tmp_path):
    folder = get(source, place, tmp_path / "raw")
    assert contents(folder) == published.expected_tree()
    assert folder.class_names == published.WNIDS
    assert folder.class_titles == published.TITLES
    assert folder.facts()["images"] == {"train": 12, "val": 6}


def test_the_data_hash_does_not_tell_where_the_images_came_from(tmp_path):
    hashes = set()
    for source, write in WRITERS.items():
        folder = get(source, write(tmp_path / source), tmp_path / "raw" / source)
        hashes.add(data_hash(build_manifest(folder, ManifestConfig(workers=1))))
    assert len(hashes) == 1


@pytest.mark.parametrize("source", ["kaggle", "tiny_imagenet"], indirect=True)
def test_what_lies_extracted_stays_where_it_is(source, place, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    folder = get(source, place, tmp_path / "raw")
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    copied = [p for p in folder.path.rglob("*") if p.suffix == ".JPEG" and not p.is_symlink()]
    assert [path for path in copied if not path.parent.is_symlink()] == []


def test_a_copy_of_tiny_imagenet_that_is_sorted_into_classes_is_used_where_it_lies(tmp_path):
    published.write_files(tmp_path / "sorted", published.expected_tree())
    folder = get("tiny_imagenet", tmp_path / "sorted", tmp_path / "raw")
    assert folder.path == tmp_path / "sorted"
    assert contents(folder) == published.expected_tree()


def test_a_second_time_nothing_is_written(source, place, tmp_path):
    get(source, place, tmp_path / "raw")
    before = {path: path.lstat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")}
    get(source, place, tmp_path / "raw")
    assert {path: path.lstat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")} == before


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"classes": "goldfish"}, {"train/n01443537": 4, "val/n01443537": 2}),
        (
            {"first_classes": 2, "images_per_class": 3, "val_images_per_class": 1},
            {
                "train/n01440764": 3,
                "train/n01443537": 3,
                "val/n01440764": 1,
                "val/n01443537": 1,
            },
        ),
    ],
    ids=["class list", "first n"],
)
def test_a_part_of_it(source, place, tmp_path, part, expected):
    folder = get(source, place, tmp_path / "raw", **part)
    counts = {f"{split}/{name}": n for split, of in folder.images.items() for name, n in of.items()}
    assert counts == expected
    whole = published.expected_tree()
    assert contents(folder).items() <= whole.items()
    everything = get(source, place, tmp_path / "raw")
    assert contents(everything) == whole


@pytest.mark.parametrize("source", ["kaggle", "tiny_imagenet"], indirect=True)
def test_a_change_in_the_source_is_a_change_in_the_folder(source, place, tmp_path):
    get(source, place, tmp_path / "raw")
    (flat,) = (path.parent for path in place.rglob("ILSVRC2012_val_00000001.JPEG"))
    (flat / "ILSVRC2012_val_00000001.JPEG").unlink()
    folder = get(source, place, tmp_path / "raw")
    gone = "val/n01443537/ILSVRC2012_val_00000001.JPEG"
    assert contents(folder).keys() == published.expected_tree().keys() - {gone}


def test_a_source_that_vanished_is_not_a_smaller_data_set(tmp_path):
    place = published.write_kaggle(tmp_path / "published")
    folder = get("kaggle", place, tmp_path / "raw")
    shutil.rmtree(place / "ILSVRC/Data/CLS-LOC/train/n01440764")
    with pytest.raises(
        ValueError, match=r"links in train/ point to nothing: n01440764; is the disk"
    ):
        ImageFolder.open(folder.path)


@pytest.mark.parametrize("source", ["kaggle", "tiny_imagenet"], indirect=True)
def test_an_archive_of_it_serves_as_well(source, place, tmp_path):
    archive = tmp_path / f"{source}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(place.rglob("*")):
            opened.write(path, path.relative_to(place.parent))
    folder = get(source, archive, tmp_path / "raw")
    assert contents(folder) == published.expected_tree()
    assert folder.class_titles == published.TITLES


def test_several_archives_become_one_class_folder(tmp_path):
    (tmp_path / "sets").mkdir()
    for wnid in published.WNIDS:
        mine = {k: v for k, v in published.expected_tree().items() if wnid in k}
        (tmp_path / f"sets/{wnid}.tar.gz").write_bytes(published.tar_of(mine, "w:gz"))
    (tmp_path / "sets/class_names.json").write_text('{"n02012849": "crane"}')
    folder = get("folder", tmp_path / "sets/*.tar.gz", tmp_path / "raw")
    assert contents(folder) == published.expected_tree()
    assert folder.class_titles == {"n02012849": "crane"}
    (tmp_path / "sets/again.tar.gz").write_bytes(published.tar_of(mine, "w:gz"))
    with pytest.raises(ValueError, match=r"both have 'train/n02012849/.*; name one of them"):
        get("folder", tmp_path / "sets/*.tar.gz", tmp_path / "other")


TABLES = {
    "devkit": lambda folder: (folder / "kit.tar.gz").write_bytes(published.devkit()),
    "kaggle": lambda folder: shutil.copy(
        published.write_kaggle(folder / "k") / "LOC_val_solution.csv", folder / "kit.csv"
    ),
    "own": lambda folder: (folder / "kit.txt").write_text(
        "file,class\n"
        + "\n".join(
            f"{name},{wnid}"
            for name, wnid in zip(published.val_images(), published.VAL_WNIDS, strict=True)
        )
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_flat_val_is_prepared_from_any_table_of_labels(table, tmp_path):
    root = tmp_path / "images"
    for wnid in published.WNIDS:
        published.write_files(root / "train" / wnid, published.train_images(wnid))
    published.write_files(root / "val", published.val_images())
    with pytest.raises(ValueError, match=r"acquisition\.val_labels: the devkit"):
        get("folder", root, tmp_path / "raw")
    TABLES[table](tmp_path)
    (labels,) = tmp_path.glob("kit.*")
    folder = get("folder", root, tmp_path / "raw", val_labels=str(labels))
    assert contents(folder) == published.expected_tree()


def labelled(tmp_path, text: str, *names: str, source="folder"):
    """The image folder of `1.JPEG`, `2.JPEG` in a flat val/, with a table of this text."""
    for name in names:
        published.write_files(tmp_path / "images/train" / name, {"0.JPEG": published.jpeg(0)})
    files = {f"{n + 1}.JPEG": published.jpeg(n + 1) for n in range(2)}
    published.write_files(tmp_path / "images/val", files)
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    given = {"val_labels": str(tmp_path / "labels.csv")}
    return get(source, tmp_path / "images", tmp_path / "raw", **given)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1.JPEG,golden retriever\n2.JPEG,tabby cat\n", ("golden retriever", "tabby cat")),
        ('"1.JPEG","golden retriever"\n2.JPEG,"tabby cat"\n', ("golden retriever", "tabby cat")),
        ('1.JPEG,"Smith, Anna"\n2.JPEG,"a ""b"""\n', ("Smith, Anna", 'a "b"')),
        ("1.JPEG;golden retriever\n2.JPEG;cat\n", ("golden retriever", "cat")),
        ("1.JPEG\tgolden retriever\t0\t9\n2.JPEG\tcat\t0\t9\n", ("golden retriever", "cat")),
        ("\ufefffile, class\n1.JPEG, n01440764\n2, 3\n", ("n01440764", "3")),
    ],
)
def test_class_names_of_a_table_are_taken_whole_and_without_their_quotes(tmp_path, text, names):
    folder = labelled(tmp_path, text, *names)
    found = [image.path for image in folder if image.split == "val"]
    assert found == sorted(f"val/{name}/{n + 1}.JPEG" for n, name in enumerate(names))


@pytest.mark.parametrize("name", ["../../outside", "a/b", "a\\b", ".hidden", ".."])
def test_a_class_that_cannot_be_a_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="classes that cannot be names of folders"):
        labelled(tmp_path, f"1.JPEG,{name}\n2.JPEG,cat\n", "cat")
    assert not (tmp_path / "raw").exists()


def test_a_table_with_an_open_quote_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"labels.csv' is not a table of 'file,class'"):
        labelled(tmp_path, '1.JPEG,"cat\n2.JPEG,cat\n', "cat")


def test_a_comma_that_may_be_part_of_a_name_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"of 2 and of 3 fields, such as 1.JPEG, Smith, Anna; .* com"
    ):
        labelled(tmp_path, "1.JPEG,Smith, Anna\n2.JPEG,Smith\n", "Smith")


def test_images_without_label_are_named(tmp_path):
    place = published.write_kaggle(tmp_path / "published")
    published.write_files(place / "ILSVRC/Data/CLS-LOC/val", {"stranger.JPEG": published.jpeg(7)})
    with pytest.raises(ValueError, match=r"1 images of .* are not in the table.*stranger\.JPEG"):
        get("kaggle", place, tmp_path / "raw")


def test_ilsvrc_without_devkit_says_what_to_put_where(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    (place / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has no labels: put ILSVRC2012_devkit_t12\.tar\.gz"
    ):
        get("ilsvrc2012", place, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
    kaggle = published.write_kaggle(tmp_path / "k") / "LOC_val_solution.csv"
    folder = get("ilsvrc2012", place, tmp_path / "raw", val_labels=str(kaggle))
    assert contents(folder) == published.expected_tree()


def test_ilsvrc_whose_training_archive_lacks_a_class_says_so(tmp_path, caplog):
    place = published.write_ilsvrc(tmp_path / "published")
    inner = {f"{w}.tar": published.tar_of(published.train_images(w)) for w in published.WNIDS[1:]}
    (place / "ILSVRC2012_img_train.tar").write_bytes(published.tar_of(inner))
    config = AcquisitionConfig(source="ilsvrc2012", path=str(place))
    assert len(acquire(config, tmp_path / "raw").class_names) == 2
    assert f"left out: {published.WNIDS[0]}" in caplog.text


def test_ilsvrc_without_val_goes_without(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    (place / "ILSVRC2012_img_val.tar").unlink()
    assert get("ilsvrc2012", place, tmp_path / "raw").splits == ("train",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ilsvrc2012", r"there is no ILSVRC2012_img_train\.tar"),
        ("kaggle", r"expected ILSVRC/Data/CLS-LOC/train"),
        ("tiny_imagenet", r"expected train/<wnid>/images"),
    ],
)
def test_another_layout_is_told_what_was_expected(source, said, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=said):
        get(source, tmp_path / "empty", tmp_path / "raw")


def test_only_chosen_classes_are_extracted(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    get("ilsvrc2012", place, tmp_path / "raw", classes="tench;crane")
    extracted = tmp_path / "raw/ilsvrc2012/train"
    assert sorted(p.name for p in extracted.iterdir()) == ["n01440764", "n02012849"]


class Killed(BaseException):
    """Stands for kill -9: nothing is cleaned."""


def test_a_killed_extraction_goes_on_where_it_was(tmp_path, monkeypatch):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    from sagan.data.archives import extraction

    written, copy = [], shutil.copyfileobj

    def dies_at(limit):
        def copying(content, file, length):
            if len(written) >= limit:
                file.write(b"half")
                raise Killed
            written.append(Path(file._file.name).name)
            copy(content, file, length)

        return copying

    def killed(*_):
        raise Killed

    monkeypatch.setattr("sagan.data.sources.ilsvrc.WRITERS", 1)
    for limit in (6, 14):  # within train, within val
        monkeypatch.setattr(extraction.shutil, "copyfileobj", dies_at(limit))
        with pytest.raises(Killed):
            get("ilsvrc2012", place, raw)
        assert not (raw / "ilsvrc2012/val").exists()
    monkeypatch.setattr(extraction.shutil, "copyfileobj", dies_at(1000))
    with monkeypatch.context() as patch:  # complete, and not in its place yet
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            get("ilsvrc2012", place, raw)
    assert contents(get("ilsvrc2012", place, raw)) == published.expected_tree()
    assert len(written) == len(set(written)) == 18, "each image was written once"
    assert not list(raw.rglob("*.partial"))


def test_what_a_killed_extraction_left_is_never_mixed_into_another(tmp_path, monkeypatch):
    for name in ("one", "two"):
        files = {f"train/{c}/{name}{n}.JPEG": published.jpeg(n) for c in "ab" for n in range(3)}
        (tmp_path / f"{name}.tar").write_bytes(published.tar_of(files))
    written = []

    def dies(content, file, length):
        written.append(file.write(content.read()))
        if len(written) == 4:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("sagan.data.archives.extraction.shutil.copyfileobj", dies)
        with pytest.raises(Killed):
            get("folder", tmp_path / "one.tar", tmp_path / "raw")
    folder = get("folder", tmp_path / "two.tar", tmp_path / "raw")
    names = [Path(image.path).name for image in folder]
    assert names == [f"two{n}.JPEG" for n in range(3)] * 2


def shorten(folder):
    (folder / "n01440764_1.JPEG").write_bytes(b"repaired")


def alter(folder):
    image = folder / "n01440764_1.JPEG"
    image.write_bytes(bytes(image.stat().st_size))


def replace_by_an_older_one(folder):
    alter(folder)
    os.utime(folder / "n01440764_1.JPEG", (1, 1))


def remove(folder):
    (folder / "n01440764_1.JPEG").unlink()


@pytest.mark.parametrize("change", [shorten, alter, replace_by_an_older_one, remove])
def test_an_extracted_class_that_somebody_changed_stays_as_it_is(tmp_path, change):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    folder = get("ilsvrc2012", place, raw)
    change(raw / "ilsvrc2012/train/n01440764")
    before = contents(folder)
    with pytest.raises(FileExistsError, match=r"changed since it was written: n01440764_1\.JPEG"):
        get("ilsvrc2012", place, raw)
    assert contents(folder) == before
    shutil.rmtree(raw / "ilsvrc2012/train/n01440764")
    assert contents(get("ilsvrc2012", place, raw)) == published.expected_tree()


def test_what_was_added_to_an_extracted_folder_stays_and_is_said(tmp_path, caplog):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    get("ilsvrc2012", place, raw)
    note = raw / "ilsvrc2012/val/note.txt"
    note.write_text("mine")
    get("ilsvrc2012", place, raw)
    assert note.read_text() == "mine"
    assert "written, and kept: note.txt" in caplog.text


def test_other_classes_of_val_replace_it_unless_somebody_changed_it(tmp_path):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    for _ in range(2):
        for count in (2, 1):
            get("ilsvrc2012", place, raw, first_classes=count)
    image = next((raw / "ilsvrc2012/val").rglob("*.JPEG"))
    image.write_bytes(bytes(image.stat().st_size))
    with pytest.raises(FileExistsError, match=image.name):
        get("ilsvrc2012", place, raw, first_classes=2)


def age(place):
    for archive in place.iterdir():
        os.utime(archive, (1, 1))


def test_a_copy_of_the_archives_is_known_by_its_contents(tmp_path, caplog):
    caplog.set_level("INFO")
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    before = contents(get("ilsvrc2012", place, raw))
    age(place)
    assert contents(get("ilsvrc2012", place, raw)) == before
    assert "comparing" in caplog.text
    caplog.clear()
    get("ilsvrc2012", place, raw)
    assert "comparing" not in caplog.text, "once is enough"


def test_a_repaired_archive_replaces_only_what_was_damaged(tmp_path):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    archive = place / "ILSVRC2012_img_train.tar"
    sound, image = archive.read_bytes(), published.jpeg(1)
    at = sound.index(image) + len(image) // 2
    archive.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    get("ilsvrc2012", place, raw)
    times = {p: p.stat().st_ctime_ns for p in (raw / "ilsvrc2012/train").rglob("*.JPEG")}
    archive.write_bytes(sound)
    os.utime(archive, (1, 1))
    assert contents(get("ilsvrc2012", place, raw)) == published.expected_tree()
    written = {path.parent.name for path, time in times.items() if path.stat().st_ctime_ns != time}
    assert len(written) == 1, "the class that has the damaged image"


def test_a_repaired_archive_does_not_replace_what_the_user_changed(tmp_path):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    folder = get("ilsvrc2012", place, raw)
    alter(raw / "ilsvrc2012/train/n01440764")
    before = contents(folder)
    age(place)
    with pytest.raises(FileExistsError, match=r"n01440764_1\.JPEG"):
        get("ilsvrc2012", place, raw)
    assert contents(folder) == before


def test_a_folder_that_version_0_1_recorded_is_known_again(tmp_path):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    folder = get("ilsvrc2012", place, raw)
    for record in raw.rglob(".extracted.json"):
        known = json.loads(record.read_text())
        sizes = [size for place in known["contents"].values() for size, _ in place.values()]
        old = {"made_of": known["made_of"], "files": len(sizes), "file_bytes": sum(sizes)}
        record.write_text(json.dumps(old))
    before = contents(folder)
    assert contents(get("ilsvrc2012", place, raw)) == before
    age(place)
    assert contents(get("ilsvrc2012", place, raw)) == before
    remove(raw / "ilsvrc2012/train/n01440764")
    with pytest.raises(FileExistsError, match=r"n01440764_1\.JPEG"):
        get("ilsvrc2012", place, raw)


def test_another_archive_does_not_replace_what_was_extracted(tmp_path):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    folder = get("ilsvrc2012", place, raw)
    inner = {
        f"{w}.tar": published.tar_of({f"{w}_9.JPEG": published.jpeg(9)}) for w in published.WNIDS
    }
    (place / "ILSVRC2012_img_train.tar").write_bytes(published.tar_of(inner))
    before = contents(folder)
    with pytest.raises(FileExistsError, match=r"was made of 'ILSVRC2012_img_train.tar' \([\d,]+ b"):
        get("ilsvrc2012", place, raw)
    assert contents(folder) == before
    shutil.rmtree(raw / "ilsvrc2012/train")
    folder = get("ilsvrc2012", place, raw)
    assert folder.images["train"] == dict.fromkeys(published.WNIDS, 1)


def test_an_archive_in_the_folder_of_another_names_both(tmp_path):
    for name in ("one", "two"):
        files = {f"train/{c}/{name}.JPEG": published.jpeg(0) for c in "ab"}
        (tmp_path / f"{name}.tar").write_bytes(published.tar_of(files))
    get("folder", tmp_path / "one.tar", tmp_path / "raw")
    with pytest.raises(FileExistsError, match=r"was made of 'one\.tar' .*, and not of 'two\.tar' "):
        get("folder", tmp_path / "two.tar", tmp_path / "raw")
    assert (tmp_path / "raw/folder/train/a/one.JPEG").exists()


def test_a_folder_of_an_extraction_may_be_a_link(tmp_path):
    files = {f"train/{c}/1.JPEG": published.jpeg(0) for c in "ab"}
    (tmp_path / "one.tar").write_bytes(published.tar_of(files))
    (tmp_path / "big").mkdir()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/folder").symlink_to(tmp_path / "big")
    for _ in range(2):
        assert len(list(get("folder", tmp_path / "one.tar", tmp_path / "raw"))) == 2
    assert (tmp_path / "raw/folder").is_symlink()
    assert (tmp_path / "big/train/a/1.JPEG").exists()


def test_two_processes_in_one_workspace_take_turns(tmp_path, caplog):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    with ThreadPoolExecutor(1) as other:
        with folder_lock(raw / "ilsvrc2012"):
            waiting = other.submit(get, "ilsvrc2012", place, raw)
            assert not wait([waiting], timeout=0.3).done
            assert not (raw / "ilsvrc2012/train").exists()
        assert contents(waiting.result()) == published.expected_tree()
    assert "another process is writing into" in caplog.text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 2], "damaged or truncated"),
        (lambda data: b"<html>404</html>", "or no tar or zip archive"),
        (lambda data: b"", "or no tar or zip archive"),
    ],
)
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path, spoil, said):
    place, raw = published.write_ilsvrc(tmp_path / "published"), tmp_path / "raw"
    archive = place / "ILSVRC2012_img_train.tar"
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(ValueError, match=said):
        get("ilsvrc2012", place, raw)
    assert not [path for path in raw.rglob("*") if path.is_file()]


def test_a_devkit_that_is_none_is_refused(tmp_path):
    place = published.write_ilsvrc(tmp_path / "published")
    kit = place / "ILSVRC2012_devkit_t12.tar.gz"
    kit.write_bytes(published.tar_of({"data/meta.mat": b"garbage"}, "w:gz"))
    with pytest.raises(ValueError, match=r"no ILSVRC2012_validation_ground_truth\.txt in it"):
        get("ilsvrc2012", place, tmp_path / "raw")
    truth = "data/ILSVRC2012_validation_ground_truth.txt"
    kit.write_bytes(published.tar_of({"data/meta.mat": b"garbage", truth: b"1\n"}, "w:gz"))
    with pytest.raises(ValueError, match=r"its meta\.mat cannot be read"):
        get("ilsvrc2012", place, tmp_path / "raw")


def test_tarfile_reads_the_published_form(tmp_path):
    """The drawn archives are what the published ones are: a tar of tars."""
    place = published.write_ilsvrc(tmp_path / "published")
    with tarfile.open(place / "ILSVRC2012_img_train.tar") as outer:
        assert outer.getnames() == [f"{wnid}.tar" for wnid in published.WNIDS]
        with tarfile.open(fileobj=outer.extractfile("n01440764.tar")) as inner:
            assert inner.getnames() == [f"n01440764_{n}.JPEG" for n in range(1, 5)]
