"""No pipeline trains on images that validation did not find fit, and none such are left lying."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog, MemoryDataset

from sagan.data.validation_status import ValidationFailedError
from sagan.hooks import ProjectHooks
from sagan.pipeline_registry import register_pipelines
from sagan.preflight.pipeline import check_expectations, check_validation_status
from tests import fabricated_run
from tests.validation.suites import documents, entry_of, small_config

PIPELINES = register_pipelines()
SOUND = {"data_hash": "abc", "expectations": [{}], "passed": True, "failures": []}


def catalog_in(folder: Path, shards: object, report: object) -> DataCatalog:
    """A catalog of the two files that the door looks at."""
    entries = {
        "image_shards": ("ShardStoreDataset", "image_shards.json"),
        "validation_report": ("JSONDataset", "report.json"),
    }
    for name, content in (("image_shards.json", shards), ("report.json", report)):
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return DataCatalog.from_config(
        {
            name: {"type": f"sagan.datasets.{kind}", "filepath": str(folder / file)}
            for name, (kind, file) in entries.items()
        }
    )


@pytest.mark.parametrize("name", ["training", "tuning"])
def test_a_sound_verdict_on_these_images_opens_the_door(tmp_path: Path, name: str) -> None:
    check_validation_status(PIPELINES[name], catalog_in(tmp_path, {"data_hash": "abc"}, SOUND))


@pytest.mark.parametrize("name", ["training", "tuning"])
@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            SOUND | {"data_hash": "other"},
            "belongs to another data set.*data_validation,preprocessing with the same --params as "
            "before$",
        ),
        (SOUND | {"passed": False, "failures": ["class_count: 3"]}, "failed 1 critical"),
        (SOUND | {"expectations": []}, "has no expectations"),
        ([], "report is empty"),
    ],
)
def test_no_other_verdict_does(tmp_path: Path, name: str, report: object, said: str) -> None:
    catalog = catalog_in(tmp_path, {"data_hash": "abc"}, report)
    with pytest.raises(ValidationFailedError, match=said):
        check_validation_status(PIPELINES[name], catalog)


def test_a_missing_report_is_told_with_the_remedy(tmp_path: Path) -> None:
    catalog = catalog_in(tmp_path, {"data_hash": "abc"}, None)
    with pytest.raises(FileNotFoundError, match=r"report\.json does not exist: training does not"):
        check_validation_status(PIPELINES["training"], catalog)


@pytest.mark.parametrize("name", ["train", "tune", "sampling", "evaluation", "data_validation"])
def test_runs_with_the_gate_inside_and_pipelines_that_do_not_train_pass(
    tmp_path: Path, name: str
) -> None:
    check_validation_status(PIPELINES[name], catalog_in(tmp_path, {"data_hash": "abc"}, None))


def test_faulty_suites_are_told_before_images_are_fetched() -> None:
    suites = documents()
    entry_of(suites, "images", "path_once")["severity"] = "fatal"
    catalog = DataCatalog()
    catalog["expectation_suites"] = suites
    catalog["params:data_validation"] = small_config()
    with pytest.raises(ValueError, match=r"images\.json: .*got 'fatal'"):
        check_expectations(PIPELINES["train"], catalog)
    check_expectations(PIPELINES["training"], catalog)  # which does not read them


def test_a_type_that_the_library_has_not_and_an_absent_list_are_told_as_early() -> None:
    suites = documents()
    catalog = DataCatalog()
    catalog["expectation_suites"] = suites
    catalog["params:data_validation"] = small_config().model_copy(
        update={"known_classes": "/no/such/list.txt"}
    )
    with pytest.raises(
        FileNotFoundError, match=r"known_classes: '/no/such/list\.txt' does not exist"
    ):
        check_expectations(PIPELINES["train"], catalog)
    entry_of(suites, "images", "path_once")["type"] = "expect_wonders"
    catalog["expectation_suites"] = suites
    catalog["params:data_validation"] = small_config()
    with pytest.raises(ValueError, match=r"images\.json, path_once: unknown expectation type"):
        check_expectations(PIPELINES["train"], catalog)


def test_a_shut_gate_takes_away_what_an_earlier_run_let_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = tmp_path / "validated_manifest.parquet"
    earlier.write_bytes(b"of another day")
    entry = {"type": "sagan.datasets.ParquetDataset", "filepath": str(earlier)}
    page = {"type": "sagan.datasets.TextDataset", "filepath": str(tmp_path / "data_docs.html")}
    catalog = DataCatalog.from_config({"validated_manifest": entry, "data_docs": page})
    (gate,) = [node for node in PIPELINES["train"].nodes if node.name.endswith("open_gate")]
    hooks = ProjectHooks()
    hooks.on_node_error(OSError("no space"), gate, catalog)  # no verdict
    assert earlier.exists()
    with caplog.at_level(logging.INFO, logger="sagan.hooks"):
        hooks.on_node_error(ValidationFailedError("unfit"), gate, catalog)
    assert not earlier.exists()
    assert f"validation report: {tmp_path / 'data_docs.html'}" in caplog.text


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("comparison", ["comparison.html", "samples.png"]),
        ("tuning", ["best_parameters.yml", "tuning_report.html"]),
        ("evaluate", ["metrics.json", "report.html"]),
        ("export", ["shared generator"]),
        ("complete", ["completions.png"]),
    ],
)
def test_the_last_lines_say_where_the_page_is(caplog, name: str, left: list[str]) -> None:
    files = {"comparison_report": "comparison.html", "best_parameters": "best_parameters.yml"}
    files |= {"tuning_report": "tuning_report.html", "metrics": "metrics.json"}
    files |= {"report": "report.html", "sample_grid": "sample_grid.png"}
    files |= {"attention_maps": "attention_maps.png", "comparison_samples": "samples.png"}
    files |= {"data_docs": "data_docs.html", "comparison_rows": "rows.json"}
    files |= {"comparison_workspace": "comparison", "shared_generator": "shared generator"}
    files |= {"completion_sheet": "completions.png"}
    catalog = DataCatalog.from_config(
        {
            dataset: {"type": "sagan.datasets.TextDataset", "filepath": f"/nowhere/{file}"}
            for dataset, file in files.items()
        }
    )
    caplog.set_level("INFO", "sagan")

    ProjectHooks().after_pipeline_run({"env": "mine"}, PIPELINES[name], catalog)

    places = [line for line in caplog.messages if line.startswith("  ")]
    assert [line.rpartition("/")[2] for line in places][-len(left) :] == left
    told = {
        "evaluate": "kedro run --pipeline=export --env=mine",
        "tuning": "sagan tune adopt --env mine --as mine_tuned",
        "comparison": "sagan compare publish /nowhere/rows.json --runs /nowhere/comparison/runs "
        "--out published",
        "export": "sagan sample '/nowhere/shared generator' --out pictures",
        "complete": "kedro explore --env=mine",
    }
    assert caplog.messages[-1] == f"next: {told[name]}"


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        (None, ""),
        (
            {"acquisition": {"path": "/my/images", "val_share": 0.1}},
            " --params=acquisition.path=/my/images,acquisition.val_share=0.1",
        ),
        ({"acquisition": {"path": "/my images"}}, " --params=..."),
        ({"acquisition": {"classes": ["cat", "dog"]}}, " --params=..."),
    ],
)
def test_the_next_command_has_the_parameters_that_it_needs(caplog, given, repeated: str) -> None:
    entry = {"type": "sagan.datasets.TextDataset", "filepath": "/nowhere/data_docs.html"}
    caplog.set_level("INFO", "sagan")
    ran = {"env": "mine", "runtime_params": given}
    ProjectHooks().after_pipeline_run(
        ran, PIPELINES["data_validation"], DataCatalog.from_config({"data_docs": entry})
    )
    assert caplog.messages[-1] == f"next: kedro run --pipeline=train --env=mine{repeated}"


def test_after_a_study_of_base_the_next_command_is_that_without_its_name(caplog) -> None:
    entry = {"type": "sagan.datasets.TextDataset", "filepath": "/nowhere/page.html"}
    catalog = DataCatalog.from_config(dict.fromkeys(("best_parameters", "tuning_report"), entry))
    caplog.set_level("INFO", "sagan")
    ProjectHooks().after_pipeline_run({"env": "base"}, PIPELINES["tuning"], catalog)
    assert caplog.messages[-1] == "next: sagan tune adopt"


def test_an_installed_package_is_told_its_own_command(caplog, monkeypatch) -> None:
    entry = {"type": "sagan.datasets.TextDataset", "filepath": "/nowhere/report.html"}
    names = ("report", "metrics", "completion_sheet", "generator_bundle")
    catalog = DataCatalog.from_config(dict.fromkeys(names, entry))
    caplog.set_level("INFO", "sagan")
    monkeypatch.setattr("sys.argv", ["/env/bin/sagan", "run", "--conf-source=conf"])
    ProjectHooks().after_pipeline_run({}, PIPELINES["reporting"], catalog)
    assert caplog.messages[-1] == "next: sagan run --pipeline=export --conf-source=conf"
    ProjectHooks().after_pipeline_run({"env": "mine"}, PIPELINES["completion"], catalog)
    assert caplog.messages[-1] == "next: sagan explore /nowhere/report.html"
    monkeypatch.setattr("sys.argv", ["/env/lib/sagan/__main__.py", "run"])
    ProjectHooks().after_pipeline_run({}, PIPELINES["reporting"], catalog)
    assert caplog.messages[-1] == "next: python -m sagan run --pipeline=export"


@pytest.mark.parametrize("measured", [None, {"images_seen": 640}, {}])
def test_samples_of_a_measured_generator_are_not_followed_by_measuring_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, measured: dict | None
) -> None:
    """With the environment's parameters, perhaps, in place of those of a full measurement."""
    facts = fabricated_run.bundle_config()["facts"]
    generator = SimpleNamespace(available=["ema"], choose=lambda _: SimpleNamespace(facts=facts))
    picture = {"type": "sagan.datasets.TextDataset", "filepath": str(tmp_path / "picture.png")}
    catalog = DataCatalog.from_config({"sample_grid": picture, "attention_maps": picture})
    catalog["generator_bundle"] = MemoryDataset(generator, copy_mode="assign")
    if measured is not None:
        metrics = fabricated_run.metrics()
        metrics["protocol"]["samples"]["generator"] = facts | measured
        catalog["metrics"] = MemoryDataset(metrics)
    caplog.set_level("INFO", "sagan")

    ProjectHooks().after_pipeline_run({}, PIPELINES["sampling"], catalog)

    following = "reporting" if measured == {} else "evaluate"
    assert caplog.messages[-1] == f"next: kedro run --pipeline={following}"


def test_no_next_command_reads_what_is_in_memory_only(caplog) -> None:
    caplog.set_level("INFO", "sagan")
    catalog = DataCatalog({"shared_generator": MemoryDataset()})
    ProjectHooks().after_pipeline_run({}, PIPELINES["export"], catalog)
    assert [line for line in caplog.messages if line.startswith("next")] == []
