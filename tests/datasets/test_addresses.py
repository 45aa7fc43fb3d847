"""Datasets as Kedro's own: addresses, credentials, versions, other classes."""

from pathlib import Path

import pytest
from kedro.io import DataCatalog, DatasetError

from sagan.datasets.base import location
from tests.s3_server import endpoint  # noqa: F401 - a fixture
from tests.small_world import small_bundle

FIRST, SECOND = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


def catalog(entry: dict, **options) -> DataCatalog:
    return DataCatalog.from_config({"artefact": entry}, **options)


def test_a_bucket_holds_files_and_bundles(endpoint: str, tmp_path: Path) -> None:  # noqa: F811
    store = {"credentials": {"key": "testing", "secret": "testing"}}
    store["fs_args"] = {"client_kwargs": {"endpoint_url": endpoint}}
    page = {"type": "sagan.datasets.TextDataset", "filepath": "s3://runs/a/report.html"}
    written = catalog(page | store)
    assert not written.exists("artefact")
    written.save("artefact", "<p>é</p>")
    assert catalog(page | store).load("artefact") == "<p>é</p>"
    assert location(written.get("artefact")) == "s3://runs/a/report.html"
    assert "testing" not in repr(written.get("artefact"))

    bundle = small_bundle(tmp_path / "run")
    kind = {"type": "sagan.datasets.GeneratorBundleDataset"} | store
    for place in ({"filepath": "s3://runs/g"}, {"filepath": "s3://runs/kept", "versioned": True}):
        catalog(kind | place).save("artefact", bundle)
        again = catalog(kind | place).load("artefact")
        assert again.weights_sha256 == bundle.weights_sha256
        again.load()


def test_kedros_record_of_a_catalog_makes_it_again(tmp_path: Path) -> None:
    """Of `kedro catalog resolve-patterns` too: arguments by name, keys of a bucket apart."""
    entries = {
        "report": {
            "type": "sagan.datasets.text_datasets.TextDataset",
            "filepath": "s3://runs/report.html",
            "credentials": "report_credentials",
            "versioned": True,
        },
        "metrics": {
            "type": "sagan.datasets.text_datasets.JSONDataset",
            "filepath": str(tmp_path / "metrics.json"),
            "missing_is_none": True,
        },
        "image_shards": {
            "type": "sagan.datasets.path_datasets.ShardStoreDataset",
            "filepath": str(tmp_path / "shards.json"),
            "address": "s3://runs/shards/key",
        },
        "raw_workspace": {
            "type": "sagan.datasets.path_datasets.WorkspaceDataset",
            "filepath": str(tmp_path / "raw"),
        },
    }
    keys = {"report_credentials": {"key": "ann", "secret": "hidden"}}
    made = DataCatalog.from_config(entries, keys)
    for name in entries:
        made.get(name)
    config, credentials, *versions = made.to_config()
    assert config == entries
    assert credentials == keys
    again = DataCatalog.from_config(config, credentials, *versions)
    assert [repr(again.get(name)) for name in entries] == [repr(made.get(name)) for name in entries]


def test_versions_are_kept_and_chosen(tmp_path: Path) -> None:
    entry = {"type": "sagan.datasets.JSONDataset", "filepath": str(tmp_path / "metrics.json")}
    entry |= {"versioned": True}
    assert not catalog(entry).exists("artefact")
    for version, fid in ((FIRST, 1.0), (SECOND, 2.0)):
        catalog(entry, save_version=version).save("artefact", {"fid": fid})
    assert catalog(entry).load("artefact") == {"fid": 2.0}
    assert catalog(entry, load_versions={"artefact": FIRST}).load("artefact") == {"fid": 1.0}
    assert (tmp_path / "metrics.json" / FIRST / "metrics.json").is_file()
    other = "2025-01-01T00.00.00.000Z"
    with pytest.raises(DatasetError, match=f"does not exist; versions of it: {SECOND}, {FIRST}"):
        catalog(entry, load_versions={"artefact": other}).load("artefact")


def test_versions_of_a_bundle(tmp_path: Path) -> None:
    entry = {"type": "sagan.datasets.GeneratorBundleDataset", "filepath": str(tmp_path / "kept")}
    bundle = small_bundle(tmp_path / "run")
    catalog(entry | {"versioned": True}, save_version=FIRST).save("artefact", bundle)
    assert (
        catalog(entry | {"versioned": True}).load("artefact").path
        == tmp_path / "kept" / FIRST / "kept"
    )
    with pytest.raises(DatasetError, match=f"does not exist; versions of it: {FIRST}"):
        catalog(entry | {"versioned": True}, load_versions={"artefact": SECOND}).load("artefact")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"type": "sagan.datasets.WorkspaceDataset", "filepath": "s3://runs/a"}, "is of this disk"),
        ({"type": "sagan.datasets.ImageFolderDataset", "filepath": "s3://r/a"}, "is of this disk"),
        (
            {"type": "sagan.datasets.WorkspaceDataset", "filepath": "a", "versioned": True},
            "has no versions",
        ),
    ],
)
def test_what_cannot_be_elsewhere_or_have_versions_says_so(entry: dict, told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        catalog(entry).get("artefact")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"type": "MemoryDataset"}, None),
        ({"type": "json.JSONDataset", "filepath": "/a/m.json"}, "/a/m.json"),
        ({"type": "json.JSONDataset", "filepath": "memory://a/m.json"}, "memory://"),
        (
            {
                "type": "CachedDataset",
                "dataset": {"type": "sagan.datasets.JSONDataset", "filepath": "/a/m.json"},
            },
            "/a/m.json",
        ),
    ],
)
def test_the_place_of_a_dataset_of_any_class(entry: dict, expected: str | None) -> None:
    place = location(catalog(entry).get("artefact"))
    assert place == expected or (expected == "memory://" and place.startswith(expected))


@pytest.mark.parametrize(
    "place", [{"filepath": "s3://runs/report.html"}, {"filepath": "/a/r.html", "versioned": True}]
)
def test_kedro_viz_which_asks_for_a_path_after_each_node_finds_none(place: dict) -> None:
    from kedro_viz.integrations.kedro.hooks_utils import extract_file_paths

    dataset = catalog({"type": "sagan.datasets.TextDataset"} | place).get("artefact")
    assert extract_file_paths(dataset) == [str(dataset._filepath)]
