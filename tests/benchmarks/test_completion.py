"""The shares of the command add up, and judge and nearest image are what they are called."""

import json
import sys

import numpy as np
import pytest

from benchmarks import completion
from benchmarks.completion import Images, hidden_rmse, independent_judge, nearest_images, won_back
from sagan.completion.masks import region
from tests.small_world import small_bundle


def test_the_nearest_image_is_of_the_visible_pixels_and_of_the_class(grey_store, monkeypatch):
    monkeypatch.setattr(completion, "CHUNK", 7)  # not a divisor
    train = grey_store.split("train")
    pixels, labels = completion.everything(train)
    places = np.array([3, 30, 60])
    masks = np.stack([region("lower_half", 16)] * 3)
    damaged = np.where(masks[:, None], np.uint8(0), pixels[places])

    for given in (False, True):
        found = nearest_images(Images(damaged, labels[places], train, given_class=given), masks)
        assert (found == pixels[places])[:, :, :8].all()
    other = (labels[places] + 1) % 3
    found = nearest_images(Images(damaged, other, train, given_class=True), masks)
    for one, label in zip(found, other, strict=True):
        assert label in labels[[np.array_equal(one, image) for image in pixels]]


def test_shares_and_distances():
    shares = {"whole": 1.0, "hidden": 0.25, "completed": 0.625}
    assert won_back(shares) == 0.5
    assert won_back(shares | {"hidden": 1.0}) is None
    images = np.zeros((2, 1, 4, 4), np.uint8)
    others = images + np.uint8(10)
    others[:, :, :2] = 99  # is visible
    masks = np.stack([region("lower_half", 4)] * 2)
    assert hidden_rmse(images, others, masks) == 10


@pytest.fixture
def run(grey_store, tmp_path, monkeypatch):
    """A run of random weights; judged, as digits are, by a support vector machine."""
    monkeypatch.setattr(completion, "DIGITS", grey_store.class_names)
    small_bundle(tmp_path / "06_models/generator", channels=1)
    handle = tmp_path / "05_model_input/image_shards.json"
    handle.parent.mkdir()
    handle.write_text(json.dumps({"path": str(grey_store.path)}))
    quick = ["--encoder-steps", "2", "--refine-steps", "2", "--candidates", "2", "--images", "6"]
    words = ["--data-root", str(tmp_path), "--masks", "lower_half,random", *quick]
    monkeypatch.setattr(sys, "argv", ["completion", *words, "--out", str(tmp_path / "r/a.json")])
    return tmp_path


def test_prints_a_table_and_one_json_line(run, grey_store, monkeypatch, capsys):
    judge, accuracy = independent_judge(grey_store, run)
    pixels, labels = completion.everything(grey_store.split("val"))
    assert np.mean(judge(pixels) == labels) == pytest.approx(accuracy)  # classes of equal size
    monkeypatch.setattr(completion, "LEAST_ACCURACY", 0.0)

    completion.main()

    *_, line = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert result == json.loads((run / "r/a.json").read_text())
    for name in ("lower_half", "random"):
        row = result[name]
        assert row["images"] == 6
        low, high = row["completed_minus_nearest_interval"]
        assert low <= row["completed_minus_nearest"] <= high
        assert row["completed_minus_nearest"] == pytest.approx(
            row["completed"] - row["nearest"], abs=1e-3
        )
    assert result["seconds_per_image"] > 0


def test_images_that_are_no_digits_are_judged_by_a_network_of_so_many_steps(
    small_store, tmp_path, monkeypatch
):
    asked = []

    def classifier(shards, folder, *, steps):
        asked.append((shards, folder, steps))
        return None, 0.5

    monkeypatch.setattr(completion, "independent_classifier", classifier)

    for steps in (None, 7):
        assert independent_judge(small_store, tmp_path, steps=steps)[1] == 0.5
    monkeypatch.setattr(completion, "shards_path", lambda _: small_store.path)
    (tmp_path / "06_models/generator").mkdir(parents=True)
    words = ["--data-root", str(tmp_path), "--steps", "9"]
    monkeypatch.setattr(sys, "argv", ["completion", *words])
    with pytest.raises(SystemExit, match="cannot judge completions"):
        completion.main()

    assert [steps for *_, steps in asked] == [None, 7, 9]


def test_a_judge_that_recognises_too_little_judges_nothing(run, monkeypatch):
    monkeypatch.setattr(completion, "LEAST_ACCURACY", 1.01)
    with pytest.raises(SystemExit, match="cannot judge completions"):
        completion.main()


def test_without_a_run_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["completion", "--data-root", str(tmp_path)])
    with pytest.raises(SystemExit, match="train first: kedro run --pipeline=train --env=base"):
        completion.main()
