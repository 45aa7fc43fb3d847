"""What a failed run says: the useful lines, once."""

from pathlib import Path

import pytest
from kedro.io import DatasetError
from pydantic import BaseModel, ValidationError

from sagan.catalog import JSONDataset, PNGDataset
from sagan.messages import explain, unknown_pipeline


def raised_by(action, *arguments) -> Exception:
    try:
        action(*arguments)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_our_own_words_are_passed_on() -> None:
    assert explain(ValueError("image_size: got 7, expected 8")) == "image_size: got 7, expected 8"


def test_other_errors_are_told_with_their_kind() -> None:
    message = explain(ZeroDivisionError("division by zero"))
    assert message.startswith("ZeroDivisionError: division by zero\n(the full traceback")
    assert explain(AssertionError()).startswith("AssertionError\n(the full traceback")


def test_kedros_wrapping_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    inner = raised_by(JSONDataset(filepath=str(path)).load)
    assert isinstance(inner, DatasetError)
    outer = DatasetError(f"metrics: {inner}")
    outer.__cause__ = inner
    for error in (inner, outer):
        assert explain(error).startswith(f"{path} does not exist: ")
        assert "Failed while loading" not in explain(error)


def test_place_is_kept_where_the_cause_does_not_name_it(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    error = raised_by(PNGDataset(filepath=str(path)).save, __import__("numpy").zeros((2, 2)))
    assert explain(error) == f"{path}: a picture is uint8 [H, W, 3]; got float64 [2, 2]"


def test_dataset_that_cannot_be_saved_to_tells_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = raised_by(JSONDataset(filepath=str(tmp_path / "file" / "m.json")).save, {})
    assert explain(error).startswith(str(tmp_path / "file"))


def test_full_disk_is_told_with_its_path() -> None:
    error = OSError(28, "No space left on device", "/data/metrics.json")
    assert explain(error) == "/data/metrics.json: No space left on device"


def test_model_errors_are_one_line_each() -> None:
    class Model(BaseModel):
        count: int
        rate: float

    with pytest.raises(ValidationError) as caught:
        Model(count="many", rate="fast")
    lines = explain(caught.value).split("\n")
    assert [line.split(";")[0] for line in lines] == ["count: got 'many'", "rate: got 'fast'"]


def test_unknown_pipeline_names_the_nearest_or_all() -> None:
    names = ["__default__", "train", "evaluate"]
    assert unknown_pipeline("evalute", names) == (
        "unknown pipeline 'evalute'; did you mean 'evaluate'?"
    )
    assert unknown_pipeline("zzz", names) == (
        "unknown pipeline 'zzz'; registered: __default__, evaluate, train"
    )
