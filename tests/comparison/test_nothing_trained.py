"""A comparison of which runs diverged still ends in a page that says so."""

import json

import numpy as np
import pytest

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.page import markdown_table, results
from sagan.pipelines.comparison.nodes import summarise_comparison
from tests.comparison.fabricated_rows import row
from tests.program import program

publish = program("compare", "publish")

DIVERGED = [row(name, 0, status="diverged") for name in ("sagan", "other")]


def test_the_page_stands_without_a_single_trained_run(tmp_path):
    config = ComparisonConfig.model_validate(
        {
            "variants": [{"name": "sagan"}, {"name": "other"}],
            "reference": "sagan",
        }
    )

    found, picture, page = summarise_comparison(DIVERGED, tmp_path, config)

    assert found["verdict"] == ["No run was trained to its end: nothing was measured."]
    json.dumps(found, allow_nan=False)
    assert picture.dtype == np.uint8
    assert picture.min() < 128, "a picture that says so"
    assert "there are no samples" in page
    assert "<li>other, seed 0: not finite</li>" in page
    assert "Cost" not in page
    assert "null" not in page
    assert "18.65" in page  # the paper's numbers stand


def test_files_to_keep_are_written_without_samples(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(DIVERGED))
    out = tmp_path / "out"

    command = [str(tmp_path / "rows.json"), "--runs", str(tmp_path), "--out", str(out)]
    assert publish(command) == 0

    written = {path.name for path in out.iterdir()}
    assert written == {"rows.json", "table.md", "verdict.md", "comparison.html"}
    assert "| sagan | 0 | 1, 0 |\n" in (out / "table.md").read_text()


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("sagan", "No run of sagan was trained to its end: nothing can be compared with it."),
        ("other", "Only sagan was trained to its end"),
    ],
)
def test_a_verdict_that_cannot_be_given_is_said(gone, said):
    left = "other" if gone == "sagan" else "sagan"
    rows = [row(gone, 0, status="diverged"), row(left, 0, fd_classifier=5.0)]

    found = results(rows, "sagan")

    assert found["verdict"][0].startswith(said)
    assert f"| {left} | 1 | 0, 0 | 5 |" in markdown_table(found)
