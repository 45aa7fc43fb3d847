import pytest

from sagan.validation.report import validate_manifest
from sagan.validation.suite import run_suite
from sagan.validation.suites import read_suites
from sagan.validation.tables import build_tables
from tests.drawn_images import draw_image_folder
from tests.validation.suites import (
    documents,
    entry_of,
    expected_of,
    manifest_of,
    one_expectation,
    outcomes_of,
    report_of,
    small_config,
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = draw_image_folder(tmp_path_factory.mktemp("images"))
    (root / "train/00_circle/broken.png").write_bytes(b"")
    return manifest_of(root)


def outcome_of(manifest, suites):
    (outcome,), _ = run_suite(build_tables(manifest), expected_of(suites), {})
    return outcome


def test_the_tables_tell_what_the_manifest_holds(manifest):
    tables = build_tables(manifest)
    assert len(tables["images"]) == 31
    assert len(tables["decodable_images"]) == 30
    assert tables["classes"].to_dict(orient="list") == {
        "class_name": ["00_circle", "01_square", "02_triangle"],
        "label": [0, 1, 2],
        "train_images": [8, 8, 8],
        "val_images": [2, 2, 2],
        "bad_images": [1, 0, 0],
        "bad_fraction": [1 / 11, 0, 0],
        "in_every_split": [True, True, True],
    }
    assert tables["dataset"].to_dict(orient="records") == [
        {
            "images": 31,
            "bad_images": 1,
            "bad_fraction": 1 / 31,
            "classes": 3,
            "train_images": 24,
            "val_images": 6,
            "copies": 0,
            "copy_fraction": 0,
            "leaked_images": 0,
            "leaked_fraction": 0,
            "class_ratio": 1,
        }
    ]


def test_without_val_no_class_misses_there(tmp_path):
    classes = build_tables(manifest_of(draw_image_folder(tmp_path, val_per_class=0)))["classes"]
    assert classes["in_every_split"].all()
    assert classes["val_images"].sum() == 0


def test_thresholds_reach_the_suite(manifest):
    outcome = outcomes_of(manifest, small_config(min_train_images_per_class=9))[
        "enough_images_per_class"
    ]
    assert not outcome.passed
    assert outcome.expected == {"column": "train_images", "min_value": 9}
    assert outcome.offenders == ["00_circle (8)", "01_square (8)", "02_triangle (8)"]
    assert "found 3 of 3 not as expected: 00_circle (8)" in outcome.sentence()


def test_offending_images_are_named(manifest):
    outcome = outcomes_of(manifest, small_config())["every_image_decodes"]
    assert (outcome.passed, outcome.severity) == (False, "warning")
    assert outcome.offenders == ["train/00_circle/broken.png"]


def test_kept_bug_the_library_itself_drops_unknown_types(manifest):
    import great_expectations as gx

    spec = [{"type": "expect_no_such_thing", "kwargs": {}}]
    assert gx.ExpectationSuite(name="s", expectations=spec).expectations == []


def test_an_empty_table_fails_every_expectation(manifest):
    config = small_config()
    expected = read_suites(documents(), config).expected
    outcomes, results = run_suite(build_tables(manifest.iloc[:0]), expected, config.thresholds)
    by_table = {outcome.table: outcome for outcome in outcomes}
    by_name = {outcome.name: outcome for outcome in outcomes}
    for table in ("images", "decodable_images", "classes"):
        assert by_table[table].observed == "an empty table"
        assert (by_table[table].passed, by_table[table].severity) == (False, "critical")
        assert table not in results
    assert not by_name["few_bad_images"].passed  # of no image at all, all are bad


def test_nulls_fail_although_the_library_passes_them(manifest):
    config = one_expectation(
        type="expect_column_values_to_be_between", kwargs={"column": "width", "max_value": 100}
    )
    outcome = outcome_of(manifest, config)  # the broken image has no width
    assert not outcome.passed
    assert (outcome.severity, outcome.observed) == ("critical", "nulls in width (1)")
    _, results = run_suite(build_tables(manifest), expected_of(config), {})
    assert results["images"].success  # what the library says


def test_expectations_about_nulls_may_meet_them(manifest):
    config = one_expectation(
        type="expect_column_values_to_not_be_null", kwargs={"column": "width", "mostly": 0.9}
    )
    assert outcome_of(manifest, config).passed


def test_a_missing_column_is_a_critical_failure_even_of_a_warning(manifest):
    suites = documents()
    entry_of(suites, "images", "every_image_decodes")["kwargs"]["column"] = "decodible"
    report, _ = validate_manifest(manifest, suites, small_config())
    assert not report["passed"]
    (failure,) = report["failures"]
    assert "every_image_decodes" in failure
    assert 'found an error: The column "decodible"' in failure
    assert "decodible" in failure


def test_an_expectation_that_raises_is_a_critical_failure(manifest):
    config = one_expectation(
        type="expect_column_values_to_be_between", kwargs={"column": "path", "max_value": 3}
    )
    outcome = outcome_of(manifest, config)
    assert not outcome.passed
    assert outcome.observed.startswith("an error: ")


def test_a_library_that_fails_as_a_whole_is_a_critical_failure(manifest, monkeypatch):
    import great_expectations as gx

    def broken(**_):
        raise RuntimeError("no context today")

    monkeypatch.setattr(gx, "get_context", broken)
    report = report_of(manifest)
    assert not report["passed"]
    assert "an error: no context today" in report["failures"][0]


def test_a_condition_that_leaves_no_row_fails(manifest):
    config = one_expectation(
        type="expect_column_values_to_be_unique",
        kwargs={"column": "path", "row_condition": 'split=="test"', "condition_parser": "pandas"},
    )
    assert not outcome_of(manifest, config).passed


def test_a_manifest_without_a_column_is_refused(manifest):
    with pytest.raises(ValueError, match="the manifest lacks the columns sha256, decodable"):
        build_tables(manifest.drop(columns=["sha256", "decodable"]))


def test_a_manifest_with_unknown_classes_is_refused(manifest):
    broken = manifest.copy()
    broken.loc[3, "class_name"] = None
    with pytest.raises(ValueError, match="1 rows without class_name"):
        build_tables(broken)
