import pytest
from pydantic import ValidationError

from sagan.validation.config import DataValidationConfig
from tests.validation.suites import parameters

ENTRY = {"type": "expect_table_row_count_to_be_between", "kwargs": {}, "description": "rows"}


def test_the_committed_suite_is_sound():
    config = DataValidationConfig(**parameters())
    assert len(list(config.expectations())) > 10


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ({}, "at least 1 item"),
        ({"images": {}}, "at least 1 item"),
        ({"images": {"one": None}}, "no critical expectation"),
        ({"images": {"one": ENTRY | {"severity": "warning"}}}, "no critical expectation"),
        ({"pictures": {"one": ENTRY}}, "'images', 'decodable_images', 'classes' or 'dataset'"),
        ({"images": {"one": ENTRY | {"severity": "fatal"}}}, "'critical' or 'warning'"),
        ({"images": {"one": ENTRY | {"mostly": 1}}}, "unknown key 'mostly'"),
        (
            {"images": {"one": ENTRY | {"kwargs": {"min_value": {"$PARAMETER": "least"}}}}},
            "a threshold that is not set: 'least'",
        ),
    ],
)
def test_a_suite_that_could_not_fail_or_has_faults_is_refused(suite, said):
    with pytest.raises(ValidationError, match=said):
        DataValidationConfig(suite=suite)


def test_a_misspelt_threshold_is_refused_with_the_nearest_name():
    with pytest.raises(ValidationError, match="unknown key 'min_clases'; did you mean 'min_class"):
        DataValidationConfig(**parameters(min_clases=3))


def test_an_expectation_can_be_switched_off():
    values = parameters()
    values["suite"]["classes"]["class_count"] = None
    names = [name for _, name, _ in DataValidationConfig(**values).expectations()]
    assert "class_count" not in names
    assert "several_classes" in names
