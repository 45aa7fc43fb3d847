"""The layouts that people have: each becomes the class folder that its labels say."""

import json
import logging
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from sagan.data.archives.members import ArchiveError
from sagan.data.config import AcquisitionConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.acquire import acquire
from tests.data.published import jpeg, tar_of, write_files


def get(path: Path, tmp_path: Path, **more) -> ImageFolder:
    return acquire(AcquisitionConfig(source="folder", path=str(path), **more), tmp_path / "raw")


def contents(folder: ImageFolder) -> dict[str, bytes]:
    return {image.path: (folder.path / image.path).read_bytes() for image in folder}


def images(*names: str) -> dict[str, bytes]:
    """Different images by name."""
    return {name: jpeg(number) for number, name in enumerate(names)}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# without classes


@pytest.mark.parametrize("form", ["folder", "train", "zip", "tar"])
def test_images_without_classes_are_one_class(tmp_path, form):
    files = images("b.jpg", "a.JPG")
    place = tmp_path / "photos"
    write_files(place / ("train" if form == "train" else ""), files)
    (place / "notes.txt").write_text("no image")
    if form == "zip":
        place = zipped(tmp_path / "photos.zip", {f"photos/{k}": v for k, v in files.items()})
    if form == "tar":
        place = tmp_path / "photos.tar"
        place.write_bytes(tar_of(files))
    folder = get(place, tmp_path)
    assert contents(folder) == {f"train/images/{name}": data for name, data in files.items()}
    assert folder.class_names == ("images",)


def test_a_flat_val_goes_with_a_flat_train(tmp_path):
    write_files(tmp_path / "mine", images("train/1.jpg", "train/2.jpg", "val/3.jpg"))
    assert get(tmp_path / "mine", tmp_path).facts()["images"] == {"train": 2, "val": 1}


def test_a_flat_train_beside_a_val_that_is_not_mounted_is_refused(tmp_path):
    write_files(tmp_path / "mine", images("train/1.jpg"))
    (tmp_path / "mine/val").symlink_to(tmp_path / "unmounted")
    with pytest.raises(ValueError, match="val is a link to nothing"):
        get(tmp_path / "mine", tmp_path)


def test_a_flat_val_beside_labelled_images_still_needs_its_labels(tmp_path, caplog):
    write_files(tmp_path / "mine", images("train/1.jpg", "train/2.jpg", "val/3.jpg"))
    table = tmp_path / "labels.csv"
    table.write_text("1.jpg,cat\n2.jpg,cat\n3.jpg,cat\n")
    with pytest.raises(ValueError, match=r"acquisition\.val_labels"):
        get(tmp_path / "mine", tmp_path, train_labels=str(table))
    caplog.clear()
    folder = get(tmp_path / "mine", tmp_path, train_labels=str(table), val_labels=str(table))
    assert folder.images == {"train": {"cat": 2}, "val": {"cat": 1}}
    assert "the table of labels has files" not in caplog.text, "each split has its part of it"


# class folders without train/


def test_class_folders_without_train(tmp_path):
    files = images("cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    write_files(tmp_path / "mine", files)
    (tmp_path / "mine/README").write_text("of no suffix")
    folder = get(tmp_path / "mine", tmp_path)
    assert contents(folder) == {f"train/{name}": data for name, data in files.items()}
    (tmp_path / "mine/class_names.json").write_text('{"cat": "house cat"}')
    assert get(tmp_path / "mine", tmp_path, classes="house cat").images == {"train": {"cat": 2}}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cat/1.jpg", "2.jpg"], r"1 images directly \(2.jpg\) beside folders \(cat\)"),
        (["cat/1.jpg", "val/2.jpg"], "no train/ in it, but val/"),
        (["cat/1.jpg", "test/2.jpg"], "no train/ in it, but test/"),
        (["cat/1.jpg", "dog/in/2.jpg"], r"dog \(mine/dog/ has in\); move the images up"),
        (["cat/1.jpg", "dog/2.txt"], "empty class folders in mine/: dog"),
        (["more/train/cat/1.jpg"], "there is no train/ in it, but in '.*more'"),
        (["a/b/1.jpg"], "there is no train/ in it; it has a"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(tmp_path, names, said):
    write_files(tmp_path / "mine", images(*names))
    with pytest.raises(ValueError, match=said):
        get(tmp_path / "mine", tmp_path)
    assert not (tmp_path / "raw").exists()


# tables of labels

DATASET_JSON = {"labels": [["00/1.png", 2], ["00/2.png", 10], ["01/1.png", 2]]}
SORTED = {"train/02/00_1.png": 0, "train/10/00_2.png": 1, "train/02/01_1.png": 2}


@pytest.mark.parametrize("form", ["root", "train", "zip", "named"])
def test_nvidias_dataset_json(tmp_path, form):
    files = images("00/1.png", "00/2.png", "01/1.png")
    table = json.dumps(DATASET_JSON).encode()
    place, more = tmp_path / "mine", {}
    if form == "zip":
        place = zipped(tmp_path / "mine.zip", files | {"dataset.json": table})
    elif form == "named":
        write_files(place, files)
        write_files(tmp_path, {"other.json": table})
        more = {"train_labels": str(tmp_path / "other.json")}
    else:
        write_files(place / ("train" if form == "train" else ""), files | {"dataset.json": table})
    folder = get(place, tmp_path, **more)
    assert contents(folder) == {path: jpeg(number) for path, number in SORTED.items()}
    assert folder.class_names == ("02", "10"), "in the order of the numbers"


def test_a_dataset_json_without_labels_makes_one_class(tmp_path):
    files = images("00/1.png", "01/1.png")
    write_files(tmp_path / "mine", files | {"dataset.json": b'{"labels": null}'})
    paths = [image.path for image in get(tmp_path / "mine", tmp_path)]
    assert paths == ["train/images/00_1.png", "train/images/01_1.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a table of labels"),
        ('{"label": []}', "is not a table of labels"),
        ('{"labels": [["1.jpg"]]}', "is not a table of labels"),
        ('{"labels": [["1.jpg", [0.0, 1.0]], ["2.jpg", 1]]}', r"\[0\.0, 1\.0\] of '1\.jpg'"),
        ('{"labels": [["1.jpg", -1], ["2.jpg", 1]]}', "-1 of '1.jpg'"),
        ('{"labels": [["1.jpg", true], ["2.jpg", 1]]}', "True of '1.jpg'"),
        ('{"labels": [["1.jpg", 1]]}', r"1 images of .* not in the table of labels: 2\.jpg"),
        ('{"labels": [["1.jpg", "../x"], ["2.jpg", "y"]]}', "cannot be names of folders"),
    ],
)
def test_a_table_that_does_not_label_the_images_is_refused(tmp_path, text, said):
    write_files(tmp_path / "mine", images("1.jpg", "2.jpg") | {"dataset.json": text.encode()})
    with pytest.raises(ValueError, match=said):
        get(tmp_path / "mine", tmp_path)
    assert not (tmp_path / "raw").exists()


def test_csv_labels_of_training_images(tmp_path, caplog):
    files = images("1.jpg", "deep/2.jpg")
    write_files(tmp_path / "mine/train", files)
    write_files(tmp_path / "mine", {"val/cat/3.jpg": jpeg(3), "val/dog/4.jpg": jpeg(4)})
    table = tmp_path / "labels.csv"
    table.write_text('file,class\n1.jpg,cat\ndeep/2,"dog"\nlost.jpg,dog\n')
    with caplog.at_level(logging.WARNING):
        folder = get(tmp_path / "mine", tmp_path, train_labels=str(table))
    assert [i.path for i in folder if i.split == "train"] == [
        "train/cat/1.jpg",
        "train/dog/deep_2.jpg",
    ]
    assert folder.splits == ("train", "val")
    assert "lost.jpg" in caplog.text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"a/1.jpg,cat\nb/1.jpg,dog\na/1.jpg,dog\n", r"two different labels of a/1\.jpg"),
        (b"1.jpg,cat\n", r"'1\.jpg', which may be a/1\.jpg or b/1\.jpg"),
        ("a/1.jpg,kätze\n".encode("latin-1"), "labels.csv' is not UTF-8"),
    ],
)
def test_a_label_that_may_be_another_is_refused(tmp_path, table, said):
    write_files(tmp_path / "mine", images("a/1.jpg", "b/1.jpg"))
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(ValueError, match=said):
        get(tmp_path / "mine", tmp_path, train_labels=str(tmp_path / "labels.csv"))


def test_two_images_of_one_name_are_refused(tmp_path):
    write_files(tmp_path / "mine", images("a_b/1.jpg", "a/b_1.jpg"))
    (tmp_path / "labels.csv").write_text("a_b/1.jpg,cat\na/b_1.jpg,cat\n")
    with pytest.raises(ValueError, match="two images that would have one name"):
        get(tmp_path / "mine", tmp_path, train_labels=str(tmp_path / "labels.csv"))


def test_labels_are_refused_where_the_source_has_its_own(tmp_path):
    with pytest.raises(ValidationError, match="train_labels"):
        AcquisitionConfig(source="kaggle", path="x", train_labels="labels.csv")
    write_files(tmp_path / "mine", images("1.jpg"))
    with pytest.raises(FileNotFoundError, match=r"acquisition\.train_labels: .* does not exist"):
        get(tmp_path / "mine", tmp_path, train_labels=str(tmp_path / "gone.csv"))


# WebDataset


@pytest.mark.parametrize(
    ("labels", "classes"),
    [((b"3", b"12"), ("03", "12")), ((b"cat\n", b"dog"), ("cat", "dog"))],
)
def test_a_webdataset_tar(tmp_path, labels, classes):
    (tmp_path / "set").mkdir()
    for number, label in enumerate(labels):
        files = {
            f"{number:06d}.jpg": jpeg(number),
            f"{number:06d}.cls": label,
            f"{number:06d}.json": b"{}",
            f"{number:06d}.txt": b"a caption",
        }
        (tmp_path / f"set/train-{number:04d}.tar").write_bytes(tar_of(files))
    folder = get(tmp_path / "set/train-*.tar", tmp_path)
    assert contents(folder) == {
        f"train/{name}/{number:06d}.jpg": jpeg(number) for number, name in enumerate(classes)
    }


def test_folders_of_a_webdataset_are_parts_of_its_keys_and_no_classes(tmp_path):
    keys = ("a/0", "a/1", "b/0", "b/1")
    labels = {f"{key}.cls": key[-1].encode() for key in keys}
    (tmp_path / "set.tar").write_bytes(tar_of(images(*(f"{key}.jpg" for key in keys)) | labels))
    assert [image.path for image in get(tmp_path / "set.tar", tmp_path)] == [
        *("train/0/a_0.jpg", "train/0/b_0.jpg"),
        *("train/1/a_1.jpg", "train/1/b_1.jpg"),
    ]


def test_an_image_of_a_webdataset_without_label_is_refused(tmp_path):
    (tmp_path / "set.tar").write_bytes(tar_of(images("0.jpg", "1.jpg") | {"0.cls": b"1"}))
    with pytest.raises(ValueError, match=r"not in the table of labels: 1\.jpg"):
        get(tmp_path / "set.tar", tmp_path)


@pytest.mark.parametrize("label", ["label.cls", "cls"])
def test_fields_of_a_webdataset_may_have_names_in_several_parts(tmp_path, label):
    files = images("0.image.jpg", "1.image.jpg") | {f"{n}.{label}": b"%d" % n for n in range(2)}
    (tmp_path / "set.tar").write_bytes(tar_of(files))
    assert get(tmp_path / "set.tar", tmp_path).images == {"train": {"0": 1, "1": 1}}


def test_a_label_that_no_folder_can_have_is_refused(tmp_path):
    (tmp_path / "set.tar").write_bytes(tar_of(images("0.jpg") | {"0.cls": b"a caption " * 30}))
    with pytest.raises(ValueError, match="cannot be names of folders"):
        get(tmp_path / "set.tar", tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"train-0.tar": images("a/0.jpg"), "val-0.tar": images("a/1.jpg")}, "another split"),
        ({"train.tar": {"n01440764.tar": b"x", "n01443537.tar": b"x"}}, "source ilsvrc2012"),
        ({"train.tar": {}}, "it has no files"),
    ],
)
def test_archives_that_are_no_set_are_refused_unextracted(tmp_path, files, said):
    for name, of in files.items():
        (tmp_path / name).write_bytes(tar_of(of))
    with pytest.raises(ArchiveError, match=said):
        get(tmp_path / "*.tar", tmp_path)
    assert not [*(tmp_path / "raw").rglob("*.*")]


def test_archives_of_splits_that_have_their_folders_go_together(tmp_path):
    for split in ("train", "val"):
        (tmp_path / f"{split}.tar").write_bytes(tar_of(images(f"{split}/a/0.jpg")))
    assert get(tmp_path / "*.tar", tmp_path).images == {"train": {"a": 1}, "val": {"a": 1}}


def test_archives_in_a_folder_are_no_images(tmp_path):
    write_files(tmp_path / "mine", {"data/train-0.tar": b"x", "data/train-0.idx": b"x"})
    with pytest.raises(ValueError, match="archives of these by name or pattern"):
        get(tmp_path / "mine", tmp_path)


# parquet


def parquet(path: Path, rows: list[tuple[bytes, object]], names: list[str] | None = None) -> Path:
    """A file as the `datasets` library writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "image": [{"bytes": data, "path": f"{n}.jpeg"} for n, (data, _) in enumerate(rows)],
            "label": [label for _, label in rows],
        }
    )
    if names is not None:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        described = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": described})
    form = {"use_dictionary": False, "compression": "none", "write_statistics": False}
    pq.write_table(table, path, row_group_size=2, write_page_checksum=True, **form)
    return path


NAMES = ["tench/fish", "cat", *(f"c{n}" for n in range(9))]


def write_dataset(root: Path) -> Path:
    parquet(root / "data/train-00000-of-00002.parquet", [(jpeg(0), 1), (jpeg(1), 0)], NAMES)
    parquet(root / "data/train-00001-of-00002.parquet", [(jpeg(2), 1)], NAMES)
    parquet(root / "data/validation-00000-of-00001.parquet", [(jpeg(3), 1), (jpeg(4), 0)], NAMES)
    parquet(root / "data/test-00000-of-00001.parquet", [(jpeg(5), -1)], NAMES)
    (root / "README.md").write_text("a card")
    return root


def test_a_dataset_of_hugging_face(tmp_path, caplog):
    folder = get(write_dataset(tmp_path / "set"), tmp_path)
    assert contents(folder) == {
        "train/00/00000001.jpeg": jpeg(1),
        "train/01/00000000.jpeg": jpeg(0),
        "train/01/00000002.jpeg": jpeg(2),
        "val/00/00000001.jpeg": jpeg(4),
        "val/01/00000000.jpeg": jpeg(3),
    }
    assert folder.class_titles == {"00": "tench/fish", "01": "cat"}
    assert "not read: test-00000" in caplog.text
    before = {path: path.lstat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")}
    get(tmp_path / "set", tmp_path)
    assert {path: path.lstat().st_mtime_ns for path in (tmp_path / "raw").rglob("*")} == before
    chosen = get(tmp_path / "set/data/train-*.parquet", tmp_path, classes="cat")
    assert chosen.images == {"train": {"01": 2}}


@pytest.mark.parametrize(
    ("labels", "classes"), [((7, 10), ("07", "10")), (("dog", "a cat"), ("a cat", "dog"))]
)
def test_parquet_without_names_of_its_classes(tmp_path, labels, classes):
    file = parquet(tmp_path / "some.parquet", [(jpeg(n), label) for n, label in enumerate(labels)])
    assert get(file, tmp_path).class_names == classes


def test_parquet_without_labels_is_one_class(tmp_path):
    pq.write_table(pa.table({"img": [jpeg(0), jpeg(1)]}), tmp_path / "some.parquet")
    folder = get(tmp_path / "some.parquet", tmp_path)
    assert contents(folder) == {f"train/images/{n:08d}": jpeg(n) for n in range(2)}


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_damaged_parquet_is_refused_and_leaves_nothing(tmp_path, damage):
    file = parquet(tmp_path / "train-0.parquet", [(jpeg(n), n) for n in range(6)])
    data = bytearray(file.read_bytes())
    place = data.index(jpeg(2)[100:140])
    data[place] ^= 1
    spoilt = {
        "cut": data[: len(data) // 2],
        "flipped": data,
        "other": b"<html>404</html>",
        "empty": b"",
    }
    file.write_bytes(spoilt[damage])
    with pytest.raises(ValueError, match=r"train-0\.parquet' is damaged or truncated, or no"):
        get(file, tmp_path)
    assert not list((tmp_path / "raw").rglob("*.jpeg"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image": {"bytes": None, "path": "1.jpg"}, "label": 0}, "has no bytes"),
        ({"image": {"bytes": b"x", "path": "1.jpg"}, "label": -1}, "-1 of 'train: "),
        ({"image": {"bytes": b"x", "path": "1.jpg"}, "label": "../../a"}, "cannot be names"),
        ({"url": "http://x", "label": 0}, "no column of images"),
    ],
)
def test_parquet_that_cannot_be_used_is_refused(tmp_path, row, said):
    schema = pa.schema(
        {
            name: pa.struct({"bytes": pa.binary(), "path": pa.string()})
            if name == "image"
            else pa.infer_type([value])
            for name, value in row.items()
        }
    )
    pq.write_table(pa.Table.from_pylist([row], schema), tmp_path / "train.parquet")
    with pytest.raises(ValueError, match=said):
        get(tmp_path / "train.parquet", tmp_path)
    assert not list((tmp_path / "raw").rglob("*.jpg"))


@pytest.mark.parametrize("metadata", [b"{", b"[1]", b'{"info": null}', b"\xff"])
def test_damaged_metadata_of_parquet_names_the_file(tmp_path, metadata):
    table = pa.table({"image": [jpeg(0)], "label": [0]})
    file = tmp_path / "train-0.parquet"
    pq.write_table(table.replace_schema_metadata({b"huggingface": metadata}), file)
    with pytest.raises(ArchiveError, match=r"train-0\.parquet' has damaged metadata"):
        get(file, tmp_path)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("other", [{"names": ["b", "a"]}, {"column": "img"}])
def test_parquet_files_that_differ_are_refused(tmp_path, split, other):
    """Their numbers may mean other classes."""
    parquet(tmp_path / "train-0.parquet", [(jpeg(0), 0)], ["a", "b"])
    second = parquet(tmp_path / f"{split}-1.parquet", [(jpeg(1), 0)], other.get("names"))
    if "column" in other:
        pq.write_table(pa.table({"img": [jpeg(1)], "label": [0]}), second)
    with pytest.raises(ArchiveError, match=rf"{split}-1\.parquet' has another column"):
        get(tmp_path, tmp_path)


def test_names_of_classes_in_parquet(tmp_path):
    rows = [(jpeg(n), n) for n in range(3)]
    folder = get(parquet(tmp_path / "a.parquet", rows, ["crane", "crane", "c"]), tmp_path)
    assert folder.class_titles == {"0": "crane", "1": "crane", "2": "c"}
    with pytest.raises(ArchiveError, match="row 2: label 2, but there are names of 2 classes"):
        get(parquet(tmp_path / "b.parquet", rows, ["a", "b"]), tmp_path / "b")


def test_a_folder_of_parquet_files_for_each_split(tmp_path, caplog):
    parquet(tmp_path / "set/train/0000.parquet", [(jpeg(0), 0)])
    parquet(tmp_path / "set/validation/0000.parquet", [(jpeg(1), 0)])
    assert get(tmp_path / "set", tmp_path).images == {"train": {"0": 1}, "val": {"0": 1}}
    parquet(tmp_path / "part/train-00001-of-00002.parquet", [(jpeg(0), 0)])
    get(tmp_path / "part", tmp_path / "part")
    assert "only 1 of the 00002 parquet files of train are read" in caplog.text


def test_parquet_of_test_images_alone_is_refused(tmp_path):
    parquet(tmp_path / "test-0.parquet", [(jpeg(0), 0)])
    with pytest.raises(ValueError, match="no parquet file is of the training split"):
        get(tmp_path / "test-0.parquet", tmp_path)


# a validation split drawn from the data


def write_many(root: Path, count: int = 60) -> dict[str, bytes]:
    files = {f"{name}/{n}.jpg": jpeg(n) for n in range(count) for name in [("cat", "dog")[n % 2]]}
    write_files(root, files)
    return files


def splits_of(folder: ImageFolder) -> dict[bytes, set[str]]:
    """The splits in which each content is."""
    found: dict[bytes, set[str]] = {}
    for image in folder:
        found.setdefault((folder.path / image.path).read_bytes(), set()).add(image.split)
    return found


@pytest.mark.parametrize("layout", ["train/class", "class", "flat"])
def test_a_share_is_kept_for_validation(tmp_path, layout):
    root = tmp_path / "mine"
    files = write_many(root / ("train" if layout == "train/class" else ""))
    if layout == "flat":
        for name in files:
            (root / name).rename(root / f"{name.replace('/', '_')}")
        for name in ("cat", "dog"):
            (root / name).rmdir()
    folder = get(root, tmp_path, val_share=0.2)
    counts = folder.facts()["images"]
    assert sum(counts.values()) == len(files)
    assert 4 <= counts["val"] <= 22
    assert all(len(splits) == 1 for splits in splits_of(folder).values())
    assert set(folder.images["train"]) == set(folder.images["val"])


def test_the_rule_is_the_hash_of_the_content_whatever_the_name_and_the_others(tmp_path):
    files = write_many(tmp_path / "mine")
    before = splits_of(get(tmp_path / "mine", tmp_path, val_share=0.3))
    copies = {f"cat/copy_{n}.jpg": data for n, data in enumerate(files.values())}
    write_files(tmp_path / "mine", copies | {"dog/new.jpg": jpeg(1000)})
    after = splits_of(get(tmp_path / "mine", tmp_path, val_share=0.3))
    assert after.items() >= before.items(), "copies lie on one side; a new image moves no other"


def test_small_classes_have_images_on_both_sides(tmp_path):
    for number in range(12):
        files = {f"c{number:02d}/{n}.jpg": jpeg(2 * number + n) for n in range(2)}
        write_files(tmp_path / "mine", files)
    folder = get(tmp_path / "mine", tmp_path, val_share=0.5)
    assert folder.images["train"] == folder.images["val"] == {f"c{n:02d}": 1 for n in range(12)}
    write_files(tmp_path / "mine", {"lone/1.jpg": jpeg(500), "lone/2.jpg": jpeg(500)})
    with pytest.raises(ValueError, match="too few different images to divide: lone"):
        get(tmp_path / "mine", tmp_path, val_share=0.5)
    assert get(tmp_path / "mine", tmp_path, val_share=0.5, first_classes=12).splits == (
        "train",
        "val",
    )


def test_a_share_is_refused_where_there_is_a_val(tmp_path, monkeypatch):
    write_files(tmp_path / "mine", images("train/cat/1.jpg", "val/cat/2.jpg"))
    with pytest.raises(ValueError, match=r"acquisition\.val_share is 0\.5"):
        get(tmp_path / "mine", tmp_path, val_share=0.5)
    little = ImageFolder.open(tmp_path / "mine")
    monkeypatch.setattr("sagan.data.sources.acquire.write_digits", lambda target: little)
    with pytest.raises(ValueError, match=r"acquisition\.val_share is 0\.5"):
        acquire(AcquisitionConfig(source="digits", val_share=0.5), tmp_path / "raw")
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(ValidationError):
            AcquisitionConfig(source="folder", path="x", val_share=share)


def test_without_a_share_the_folder_is_used_in_place(tmp_path):
    write_files(tmp_path / "mine", images("train/cat/1.jpg", "train/dog/2.jpg"))
    assert get(tmp_path / "mine", tmp_path).path == tmp_path / "mine"
    assert not os.path.lexists(tmp_path / "raw")
