"""What classes are called comes from the publishers' own tables, wherever one lies."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from sagan.data.config import AcquisitionConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.acquire import acquire
from tests.data import published
from tests.data.published import TITLES


def lines(separator: str) -> str:
    titles = TITLES | {"n99999999": "something that is not in it"}
    return "\n".join(f"{wnid}{separator}{title}" for wnid, title in titles.items())


def unpack_devkit(folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(published.devkit())) as kit:
        kit.extractall(folder, filter="data")


TABLES = {
    "our own": lambda root: (root / "class_names.json").write_text(json.dumps(TITLES)),
    "Kaggle's": lambda root: (root / "LOC_synset_mapping.txt").write_text(lines(" ")),
    "WordNet's": lambda root: (root / "words.txt").write_text(lines("\t")),
    "devkit": lambda root: (root / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(published.devkit()),
    "devkit, extracted": unpack_devkit,
    "meta.mat": lambda root: (root / "meta.mat").write_bytes(published.meta_mat()),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A class folder without any table."""
    for wnid in published.WNIDS:
        published.write_files(tmp_path / "images/train" / wnid, published.train_images(wnid))
    return tmp_path / "images"


@pytest.mark.parametrize("table", TABLES)
def test_any_published_table_at_the_root_names_the_classes(table: str, root: Path) -> None:
    assert ImageFolder.open(root).class_titles == {}
    TABLES[table](root)
    assert ImageFolder.open(root).class_titles == TITLES


def test_a_table_of_labels_brings_the_names_beside_it(root: Path, tmp_path: Path) -> None:
    published.write_files(root / "val", published.val_images())
    kaggle = published.write_kaggle(tmp_path / "kaggle")
    unpack_devkit(tmp_path)
    for labels in (kaggle / "LOC_val_solution.csv", tmp_path / "ILSVRC2012_devkit_t12"):
        config = AcquisitionConfig(source="folder", path=str(root), val_labels=str(labels))
        assert acquire(config, tmp_path / "raw").class_titles == TITLES


def test_archives_without_the_devkit_are_named_by_kaggles_table(tmp_path: Path) -> None:
    place = published.write_ilsvrc(tmp_path / "published")
    (place / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    labels = published.write_kaggle(tmp_path / "kaggle") / "LOC_val_solution.csv"
    config = AcquisitionConfig(
        source="ilsvrc2012", path=str(place), val_labels=str(labels), classes="goldfish"
    )
    titles = acquire(config, tmp_path / "raw").class_titles
    assert titles == {"n01443537": "goldfish, Carassius auratus"}


def test_kaggles_names_count_where_somebody_has_sorted_val(tmp_path: Path) -> None:
    """Its labels are of no use then, and may be gone."""
    place = published.write_kaggle(tmp_path / "kaggle")
    (place / "LOC_val_solution.csv").unlink()
    shutil.rmtree(place / "ILSVRC/Data/CLS-LOC/val")
    config = AcquisitionConfig(source="kaggle", path=str(place))
    assert acquire(config, tmp_path / "raw").class_titles == TITLES


def test_a_table_that_cannot_be_read_is_told_of_and_the_next_one_counts(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "class_names.json").write_text('["tench"]')
    (root / "meta.mat").write_bytes(b"garbage")
    (root / "words.txt").write_text(lines("\t"))
    assert ImageFolder.open(root).class_titles == TITLES
    (root / "words.txt").unlink()
    assert ImageFolder.open(root).class_titles == {}
    assert "class_names.json': not a dictionary" in caplog.text
    assert "its meta.mat cannot be read" in caplog.text
