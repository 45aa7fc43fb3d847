"""Datasets of one file: round trips, atomic saves, previews and messages."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import AbstractDataset, DatasetError

import sagan.datasets
from sagan.common.files import disk
from sagan.datasets.atomic_dataset import AtomicDataset
from sagan.datasets.text_datasets import (
    JSONDataset,
    JSONLinesDataset,
    PlotlyDataset,
    TextDataset,
    ValidationReportDataset,
)
from tests.fabricated_run import validation_report

ROOT = Path(__file__).parents[2]
DATA = "--pipelines=acquisition,data_validation,preprocessing`"
TABLE = pd.DataFrame({"images_seen": [64, 128], "loss": [1.5, float("nan")]})
PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
SAMPLES = {
    "images": np.zeros((2, 3, 4, 4), np.uint8),
    "class_labels": np.array([0, 1], np.int64),
}
CASES = {
    "CSVDataset": ("t.csv", TABLE),
    "ParquetDataset": ("t.parquet", TABLE),
    "JSONDataset": ("d.json", {"fid": 1.5, "classes": ["a", "é"]}),
    "JSONLinesDataset": ("j.jsonl", [{"step": 1}, {"event": "resumed", "step": 1}]),
    "TextDataset": ("p.html", "<p>é</p>\n"),
    "PNGDataset": ("g.png", PICTURE),
    "SamplesDataset": ("s.npz", SAMPLES),
    "StatisticsDataset": ("f.npz", {"mu": np.zeros(2), "sigma": np.eye(2), "count": np.int64(9)}),
}


def make(name: str, folder: Path):
    filename, data = CASES[name]
    return getattr(sagan.datasets, name)(filepath=str(folder / "deep" / filename)), data


def assert_same(got, expected) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(got, expected)
    elif isinstance(expected, dict) and any(isinstance(v, np.ndarray) for v in expected.values()):
        assert got.keys() == expected.keys()
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected)
    else:
        assert got == expected


@pytest.mark.parametrize("name", CASES)
def test_what_was_saved_is_loaded(name: str, tmp_path: Path) -> None:
    dataset, data = make(name, tmp_path)
    assert not dataset.exists()
    dataset.save(data)
    assert dataset.exists()
    assert_same(dataset.load(), data)


@pytest.mark.parametrize("name", CASES)
def test_failed_save_keeps_the_old_file_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, data = make(name, tmp_path)
    dataset.save(data)
    before = {path: path.read_bytes() for path in (tmp_path / "deep").iterdir()}

    def disk_full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "sync", disk_full)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save(data)
    assert {path: path.read_bytes() for path in (tmp_path / "deep").iterdir()} == before


def test_dataset_of_another_library_is_saved_atomically(tmp_path: Path) -> None:
    path = tmp_path / "numbers.pickle"
    dataset = AtomicDataset(filepath=str(path), dataset="pickle.PickleDataset")
    dataset.save([1, 2])
    with pytest.raises(DatasetError, match="pickle"):
        dataset.save(["written before what fails", lambda: None])  # no function can be pickled
    assert dataset.load() == [1, 2]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "dataset", [None, "json.JsonDataset", {"type": "text.TextDataset", "x": 1}]
)
def test_wrong_dataset_of_another_library_is_refused_before_it_is_used(dataset) -> None:
    with pytest.raises(DatasetError):
        AtomicDataset(filepath="numbers", dataset=dataset)


def test_save_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"))
    dataset.save({"fid": 1.0})
    with pytest.raises(DatasetError, match="not JSON compliant"):
        dataset.save({"kid": 1.0, "fid": float("inf")})
    assert dataset.load() == {"fid": 1.0}
    assert len(list(tmp_path.iterdir())) == 1


def test_numpy_and_paths_are_written_as_plain_json(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"))
    dataset.save({"fid": np.float32(1.5), "counts": np.arange(2), "at": Path("a/b")})
    assert dataset.load() == {"fid": 1.5, "counts": [0, 1], "at": "a/b"}


def test_first_failed_save_does_not_count_as_an_output(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"))
    with pytest.raises(DatasetError):
        dataset.save({"fid": float("nan")})
    assert not dataset.exists()
    assert list(tmp_path.iterdir()) == []


def test_temporary_file_of_a_killed_process_is_removed_at_the_next_save(tmp_path: Path) -> None:
    dead = 2**22 + 1  # above Linux's highest process id
    (tmp_path / f".metrics.json.{dead}.saving").write_text("{")
    alive = tmp_path / f".metrics.json.{os.getppid()}.saving"
    alive.write_text("{")
    JSONDataset(filepath=str(tmp_path / "metrics.json")).save({"fid": 1.0})
    assert sorted(path.name for path in tmp_path.iterdir()) == [alive.name, "metrics.json"]


def test_missing_file_says_what_to_run(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"))
    with pytest.raises(DatasetError, match=r"metrics\.json does not exist.*kedro registry list"):
        dataset.load()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        *((name, DATA) for name in ("image_folder", "manifest", "validation_report")),
        *((name, DATA) for name in ("validated_manifest", "image_shards")),
        *((name, "--pipeline=train`") for name in ("generator_bundle", "training_journal")),
        ("samples", "--pipeline=train`"),
    ],
)
def test_missing_images_and_shards_are_made_without_a_training(
    name: str, remedy: str, tmp_path: Path
) -> None:
    entries: dict[str, dict] = {}
    for file in (ROOT / "conf" / "base").glob("catalog*.yml"):
        entries |= yaml.safe_load(file.read_text())
    dataset = AbstractDataset.from_config(name, entries[name] | {"filepath": str(tmp_path / "x")})
    with pytest.raises(DatasetError) as refused:
        dataset.load()
    assert f"kedro run {remedy}" in str(refused.value)


def test_missing_file_may_load_as_none_where_the_catalog_says_so(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"), missing_is_none=True)
    assert dataset.load() is None
    assert not dataset.exists()


@pytest.mark.parametrize(("kind", "text"), [(JSONDataset, '{"a": 1'), (JSONLinesDataset, "{}\n{")])
def test_damaged_document_is_named(kind: type, text: str, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text(text)
    with pytest.raises(DatasetError, match=r"broken.*remove the file"):
        kind(filepath=str(tmp_path / "broken")).load()


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, images=np.array([{"payload": 1}], dtype=object), class_labels=np.zeros(1))
    with pytest.raises(DatasetError, match=r"not a valid \.npz"):
        sagan.datasets.SamplesDataset(filepath=str(path)).load()


def test_truncated_arrays_are_refused(tmp_path: Path) -> None:
    dataset, data = make("SamplesDataset", tmp_path)
    dataset.save(data)
    path = tmp_path / "deep" / "s.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"not a valid \.npz"):
        dataset.load()


def test_samples_without_labels_are_refused(tmp_path: Path) -> None:
    dataset, data = make("SamplesDataset", tmp_path)
    with pytest.raises(DatasetError, match="expected arrays images, class_labels; got images"):
        dataset.save({"images": data["images"]})


def test_pictures_of_another_version_are_refused_by_what_they_lack(tmp_path: Path) -> None:
    dataset = sagan.datasets.EvaluationPicturesDataset(filepath=str(tmp_path / "pictures.npz"))
    np.savez(dataset.filepath, pair_samples=np.zeros(3), metadata=np.array("{}"))
    with pytest.raises(DatasetError, match=r"expected arrays pair_samples, .*got metadata, pair_s"):
        dataset.load()


def test_picture_of_floats_is_refused(tmp_path: Path) -> None:
    dataset, _ = make("PNGDataset", tmp_path)
    with pytest.raises(DatasetError, match="uint8"):
        dataset.save(np.zeros((4, 4, 3)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CSVDataset", "TablePreview"),
        ("ParquetDataset", "TablePreview"),
        ("JSONDataset", "JSONPreview"),
        ("JSONLinesDataset", "TablePreview"),
        ("PNGDataset", "ImagePreview"),
    ],
)
def test_graph_viewer_gets_a_preview_it_can_read(name: str, kind: str, tmp_path: Path) -> None:
    dataset, data = make(name, tmp_path)
    dataset.save(data)
    preview = dataset.preview()
    assert type(dataset).preview.__annotations__["return"].__name__ == kind
    if kind == "TablePreview":
        assert preview.keys() == {"index", "columns", "data"}
        json.dumps(preview, allow_nan=False)
    elif kind == "JSONPreview":
        assert json.loads(preview) == data


def test_long_document_is_cut_in_its_preview(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "report.json"))
    dataset.save({"passed": True, "rows": list(range(20_000))})
    preview = json.loads(dataset.preview())
    assert preview["passed"] is True
    assert "not shown" in preview["rows"]


def test_verdict_on_the_images_is_a_table_with_the_failed_expectations_first(
    tmp_path: Path,
) -> None:
    report = validation_report()
    failed = {"description": "all differ", "severity": "warning", "observed": "3 copies"}
    report["expectations"].append(failed | {"passed": False})
    report["skipped"] = [{"description": "known classes", "reason": "no list is given"}]
    dataset = ValidationReportDataset(filepath=str(tmp_path / "report.json"))
    dataset.save(report)

    assert dataset.load() == report
    assert dataset.preview()["data"] == [
        ["passed", "", "the data set as a whole", "1,836 images, 10 classes"],
        ["failed", "warning", "all differ", "3 copies"],
        ["met", "critical", "every class has images", "170 to 197"],
        ["not checked", "", "known classes", "no list is given"],
    ]


def test_figure_round_trip_and_preview(tmp_path: Path) -> None:
    from plotly import graph_objects

    dataset = PlotlyDataset(filepath=str(tmp_path / "curves.json"))
    dataset.save(graph_objects.Figure(graph_objects.Scatter(x=[1, 2], y=[3.0, 4.0])))
    assert list(dataset.load().data[0].y) == [3.0, 4.0]
    assert dataset.preview()["data"][0]["type"] == "scatter"


def test_unknown_dataset_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no dataset 'JsonDataset'"):
        _ = sagan.datasets.JsonDataset
    assert {"JSONDataset", "PNGDataset"} <= set(dir(sagan.datasets))


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    TextDataset(filepath=str(tmp_path / "p.html")).save("é")
    assert (tmp_path / "p.html").read_bytes() == "é".encode()


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_save_breaks_a_link_into_dvcs_cache_and_never_writes_through_it(
    link, tmp_path: Path
) -> None:
    dataset, data = make("JSONDataset", tmp_path)
    cached = tmp_path / "cache" / "object"
    cached.parent.mkdir()
    cached.write_text("what another run left")
    dataset.filepath.parent.mkdir()
    link(cached, dataset.filepath)
    dataset.save(data)
    assert cached.read_text() == "what another run left"
    assert dataset.load() == data


@pytest.mark.parametrize("line", [b"oops", b"12", b"\xff", b"\0\0"])
def test_damaged_line_of_a_journal_has_its_number(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").write_bytes(b"{}\n" + line + b"\n{}\n")
    with pytest.raises(DatasetError, match=r"j\.jsonl, line 2 is not"):
        JSONLinesDataset(filepath=str(tmp_path / "j.jsonl")).load()
