"""Preflight checks of the catalog."""

import logging

import pytest

from sagan.preflight.catalog import check_catalog, check_load_versions

PNG = {"type": "sagan.datasets.PNGDataset", "filepath": "grid.png"}


def faults(entries: dict, artefacts: set[str] = frozenset({"sample_grid"})) -> list[str]:
    with pytest.raises(ValueError, match="wrong catalog") as caught:
        check_catalog(entries, artefacts)
    return str(caught.value).split("\n")[1:]


def test_a_sound_catalog_passes(caplog: pytest.LogCaptureFixture) -> None:
    check_catalog({"sample_grid": PNG, "photos": PNG}, {"sample_grid"})
    assert caplog.text == ""


def test_an_artefact_without_an_entry_is_refused() -> None:
    (told,) = faults({})
    assert told.startswith("  sample_grid: no entry, so it would not be saved")
    check_catalog({"sample_grid": {"type": "MemoryDataset"}}, {"sample_grid"})


@pytest.mark.parametrize("pattern", ["{stem}_grid", "{anything}"])
def test_a_pattern_is_an_entry(pattern: str) -> None:
    check_catalog({pattern: PNG}, {"sample_grid"})


def test_a_pattern_of_other_names_is_none() -> None:
    assert len(faults({"{stem}_maps": PNG})) == 1


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (PNG | {"type": "sagan.datasets.PNGDatset"}, "'PNGDatset' not found in 'sagan.datasets'"),
        (PNG | {"type": "sagan.catlog.PNGDataset"}, "No module named 'sagan.catlog'"),
        (PNG | {"filpath": "x"}, "unexpected keyword argument 'filpath'"),
        ({"type": "sagan.datasets.PNGDataset"}, "argument: 'filepath'"),
        ({"filepath": "x.png"}, "got {'filepath': 'x.png'}; expected a mapping with a 'type'"),
        (3, "got 3; expected a mapping with a 'type'"),
    ],
)
def test_a_faulty_entry_is_told(entry: object, fault: str) -> None:
    (told,) = faults({"sample_grid": entry})
    assert told.startswith("  sample_grid: ")
    assert fault in told


def test_all_faults_are_told_together() -> None:
    assert len(faults({"a": 3, "b": {"type": "sagan.datasets.X"}}, {"a", "b", "c"})) == 3


def test_another_librarys_classes_are_its_own_business() -> None:
    check_catalog({"table": {"type": "pandas.CSVDataset", "filepath": "t.csv"}}, {"table"})


def test_a_misspelt_override_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_catalog({"sample_grid": PNG, "sample_grdi": PNG}, {"sample_grid"})
    assert "'sample_grdi' is used by no node; did you mean 'sample_grid'?" in caplog.text


def test_a_working_folder_is_refused_elsewhere() -> None:
    (told,) = faults({"raw_workspace": {"type": "MemoryDataset"}}, {"raw_workspace"})
    assert "expected type: sagan.datasets.WorkspaceDataset" in told


def test_versions_to_load_of_a_dataset_without_versions_are_refused() -> None:
    entries = {"sample_grid": PNG, "metrics": PNG | {"versioned": True}}
    check_load_versions(entries, {"metrics": "2026-01-01"})
    with pytest.raises(ValueError, match="--load-versions: sample_grid: no versions"):
        check_load_versions(entries, {"metrics": "2026-01-01", "sample_grid": "2026-01-01"})
