"""The benchmark's manifest is as data validation makes it; the suites find its odd images."""

import json

import pytest

from benchmarks import validation
from sagan.data.manifest.parts import COLUMNS


def test_one_line_tells_rows_seconds_and_memory(capsys):
    validation.main(["--rows", "130000"])

    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["rows"] == 130_000
    assert found["expectations"] > 30
    assert {"every_image_decodes", "mode_usual", "content_in_one_split"} <= {*found["warnings"]}
    assert found["seconds"] > 0
    assert 0.1 < found["peak_gib"] < 3


def test_the_drawn_manifest_holds_what_imagenet_holds():
    table = validation.draw_manifest(20_000)

    assert set(COLUMNS) == set(table.columns)
    assert table["path"].is_unique
    assert table["class_name"].nunique() == validation.CLASSES
    assert (~table["decodable"]).sum() == validation.BAD
    assert (table["mode"] == "CMYK").sum() == validation.CMYK


def test_fewer_rows_than_the_thresholds_allow_are_refused(capsys):
    with pytest.raises(SystemExit):
        validation.main(["--rows", "5000"])

    assert "--rows: at least 130,000" in capsys.readouterr().err
