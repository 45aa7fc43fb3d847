"""The suites are judged as a user may leave them: all faults at once, before anything runs."""

import re

import pytest

from sagan.validation.config import DataValidationConfig
from sagan.validation.known_classes import read_known_classes
from sagan.validation.suite import build_expectations
from sagan.validation.suites import read_suites
from tests.validation.suites import documents, entry_of, one_expectation, small_config

ENTRY = {"type": "expect_table_row_count_to_be_between", "kwargs": {}}


def test_the_committed_suites_are_sound_and_the_library_takes_them_as_they_are():
    import great_expectations as gx

    suites = read_suites(documents(), small_config(known="ilsvrc2012"))
    assert len(suites.expected) > 25
    assert suites.skipped == ()
    build_expectations(suites.expected)
    for document in documents().values():
        theirs = gx.ExpectationSuite(**document)
        assert len(theirs.expectations) == len(document["expectations"])  # none was dropped


def test_what_the_library_itself_writes_is_read_back():
    import great_expectations as gx

    written = {
        table: gx.ExpectationSuite(**document).to_json_dict()
        for table, document in documents().items()
    }
    config = small_config(known="ilsvrc2012")
    again, before = (read_suites(each, config).expected for each in (written, documents()))
    assert [(e.table, e.name, e.entry.severity, e.entry.kwargs) for e in again] == [
        (e.table, e.name, e.entry.severity, e.entry.kwargs) for e in before
    ]


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ({}, "there is no suite; expected images.json, decodable_images.json"),
        ({"images": {"name": "images", "expectations": []}}, "images.json: expectations: got []"),
        ({"images": []}, "images.json: got []; input should be a mapping"),
        (one_expectation(**ENTRY, severity="warning"), "no critical expectation is left"),
        (one_expectation("pictures", **ENTRY), "pictures.json: unknown table 'pictures'"),
        (one_expectation("imags", **ENTRY), "unknown table 'imags'; did you mean 'images'"),
        (one_expectation(**ENTRY, severity="fatal"), "got 'fatal'; input should be 'critical'"),
        (one_expectation(**ENTRY, serverity="warning"), "'serverity'; did you mean 'severity'"),
        (
            one_expectation(type=ENTRY["type"], kwargs={"min_value": {"$PARAMETER": "least"}}),
            "is not in data_validation.thresholds: 'least'",
        ),
        (
            {**one_expectation(**ENTRY), **one_expectation("classes", **ENTRY)},
            "classes.json: the name 'the_one' is used twice, first in images.json",
        ),
    ],
)
def test_suites_that_could_not_fail_or_have_faults_are_refused(suites, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read_suites(suites, DataValidationConfig())


def test_a_name_that_one_suite_has_twice_is_refused():
    suites = one_expectation(**ENTRY)
    suites["images"]["expectations"] *= 2
    with pytest.raises(ValueError, match=r"images\.json: the name 'the_one' is used twice$"):
        read_suites(suites, DataValidationConfig())


def test_all_faults_of_all_files_are_told_at_once():
    suites = documents()
    entry_of(suites, "images", "path_once")["severity"] = "fatal"
    del entry_of(suites, "classes", "class_count")["type"]
    with pytest.raises(ValueError, match=r"images\.json: (?s:.*)classes\.json: (?s:.*)nope") as e:
        read_suites(suites, small_config(severity={"nope": "skip"}))
    assert str(e.value).count("\n- ") > 2


def test_a_misspelt_threshold_or_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown key 'min_clases'; did you mean 'min_classes'"):
        read_suites(documents(), small_config(min_clases=3))
    with pytest.raises(ValueError, match=r"severity: unknown key 'class_cuont'; .* 'class_count'"):
        read_suites(documents(), small_config(severity={"class_cuont": "skip"}))


def test_a_removed_expectation_is_refused_with_what_takes_its_place():
    with pytest.raises(ValueError, match=r"severity: leave out .*min_classes=1 allows one class"):
        read_suites(documents(), small_config(severity={"several_classes": "skip"}))


@pytest.mark.parametrize("value", [1.5, -0.1])
def test_a_share_outside_0_to_1_is_refused(value):
    said = rf"thresholds\.max_bad_fraction: expected a share from 0 to 1, got {value}"
    with pytest.raises(ValueError, match=said):
        read_suites(documents(), small_config(max_bad_fraction=value))


def test_severities_of_the_parameters_stand_over_those_of_the_files():
    severity = {"class_count": "skip", "content_once_in_split": "critical"}
    suites = read_suites(documents(), small_config(severity=severity))
    found = {one.name: one.entry.severity for one in suites.expected}
    assert "class_count" not in found
    assert found["content_once_in_split"] == "critical"
    assert found["no_empty_class"] == "critical"
    reasons = {one.name: one.reason for one in suites.skipped}
    assert reasons["class_count"] == "data_validation.severity.class_count is skip"
    assert reasons["classes_known"] == "data_validation.known_classes is not set"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "bytes"}},
            "unknown expectation type .*; did you mean 'expect_column_values_to_be_between'",
        ),
        (
            {"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "path"}},
            r"images\.json, the_one: .*colum extra fields not permitted",
        ),
    ],
)
def test_what_the_library_does_not_know_is_refused_not_dropped(entry, said):
    expected = read_suites(one_expectation(**entry), DataValidationConfig()).expected
    with pytest.raises(ValueError, match=said):
        build_expectations(expected)


def test_ilsvrc_2012_has_its_thousand_synsets_in_order():
    names = read_known_classes("ilsvrc2012")
    assert names is not None
    assert (len(names), names[0], names[1], names[-1]) == (
        1000,
        "n01440764",
        "n01443537",
        "n15075141",
    )
    assert list(names) == sorted(set(names))


def test_known_classes_of_a_mapping_file(tmp_path):
    mapping = tmp_path / "LOC_synset_mapping.txt"
    mapping.write_text("n02 house cat, cat\nn01 tench\n")
    assert read_known_classes(str(mapping)) == ("n02", "n01")
    mapping.write_text("n01 a\nn01 b\n")
    with pytest.raises(ValueError, match="names n01 twice"):
        read_known_classes(str(mapping))
    with pytest.raises(
        FileNotFoundError, match="does not exist; expected a file with one class name per line"
    ):
        read_known_classes(str(tmp_path / "none.txt"))
    mapping.write_text("\n")
    with pytest.raises(ValueError, match="has no names"):
        read_known_classes(str(mapping))
