"""The benchmark of preprocessing compares what it says, and prints what it should."""

import json
import sys

import numpy as np
import pytest

from benchmarks import preprocessing
from tests.data.published import tar_of
from tests.drawn_images import draw_image_folder


def test_all_variants_make_the_same_square_but_for_filter_and_grid(tmp_path):
    path = next(draw_image_folder(tmp_path, size=64).glob("train/*/*.png"))
    made = {name: make(path) for name, make in preprocessing.variants(16, "lanczos").items()}
    assert {image.shape for image in made.values()} == {(16, 16, 3)}
    assert np.array_equal(made["ours"], made["crop first"])
    assert np.abs(made["peers"].astype(int) - made["ours"]).max() == 0  # a square has no margin


def test_time_and_difference_are_measured(tmp_path):
    files = sorted(draw_image_folder(tmp_path, size=32).glob("train/*/*.png"))
    methods = preprocessing.variants(16, "bicubic_antialias")
    spent = preprocessing.interleave(methods, files, rounds=2)
    assert spent.keys() == methods.keys()
    assert all(0 < seconds < 60 for seconds in spent.values())
    ours, other = methods["ours"], methods["crop first"]
    assert preprocessing.mean_abs_diff(ours, ours, files) == 0
    assert 0 < preprocessing.mean_abs_diff(ours, other, files) < 20


def test_more_cores_than_the_interpreter_can_feed_are_not_promised(capsys):
    fast = preprocessing.imagenet(rate=1000, interpreter=1e-6, size=128)
    assert fast["imagenet_minutes_16_cores"] == pytest.approx(1_281_167 / 16_000 / 60, abs=0.1)
    slow = preprocessing.imagenet(rate=1000, interpreter=1e-3, size=64)
    assert slow["imagenet_minutes_16_cores"] == pytest.approx(1_281_167 / 1_000 / 60, abs=0.1)
    assert (fast["imagenet_gb"], slow["imagenet_gb"]) == (63.0, 15.7)
    assert "16 cores" in capsys.readouterr().out


def test_it_ends_in_one_line_of_json(tmp_path, capsys, monkeypatch):
    root = draw_image_folder(tmp_path / "images", size=32)
    archive = tmp_path / "images.tar"
    archive.write_bytes(
        tar_of({str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.png"))})
    )
    for place in (root, archive):
        arguments = ["preprocessing", str(place), "--size", "16", "--rounds", "1", "--limit", "9"]
        monkeypatch.setattr(sys, "argv", arguments)
        preprocessing.main()
        result = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert {"ratio", "images_per_second_per_core", "mean_abs_diff"} <= result.keys()
