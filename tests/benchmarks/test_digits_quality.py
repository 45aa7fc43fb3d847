import json

import numpy as np
import pytest

from benchmarks import digits_quality
from benchmarks.digits_quality import measure
from tests.small_world import small_bundle


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits at 16 px, as stored: uint8 [1797, 3, 16, 16]."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    grey = (loaded.images * (255 / 16)).round().astype(np.uint8)
    large = grey.repeat(2, axis=1).repeat(2, axis=2)
    return np.repeat(large[:, None], 3, axis=1), loaded.target


def test_real_digits_are_recognised_and_diverse(digits):
    images, labels = digits

    result = measure(images[:1000], labels[:1000], images, labels)

    assert result["recognised"] > 0.99
    assert result["real_recognised"] > 0.99
    assert result["diversity_mean"] == pytest.approx(1, abs=0.05)
    assert [row["digit"] for row in result["classes"]] == list(range(10))
    assert sum(row["samples"] for row in result["classes"]) == 1000


def test_a_prototype_a_class_is_recognised_and_found_out(digits):
    images, labels = digits
    firsts = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]

    result = measure(images[firsts].repeat(5, 0), labels[firsts].repeat(5), images, labels)

    assert result["recognised"] >= 0.9
    assert result["diversity_mean"] == result["diversity_min"] == 0


def test_digits_of_other_classes_are_not_recognised(digits):
    images, labels = digits

    assert measure(images, (labels + 1) % 10, images, labels)["recognised"] < 0.05


def test_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["digits_quality", "--data-root", str(tmp_path)])

    with pytest.raises(SystemExit, match=r"not there: .*train first: make train"):
        digits_quality.main()


def test_one_image_a_class_has_no_diversity(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["digits_quality", "--per-class", "1"])

    with pytest.raises(SystemExit):
        digits_quality.main()

    assert "--per-class: at least 2" in capsys.readouterr().err


def test_prints_a_table_and_one_json_line(tmp_path, monkeypatch, capsys, digits):
    images, labels = digits
    root = tmp_path / "data"
    (root / "05_model_input").mkdir(parents=True)
    (root / "05_model_input" / "image_shards.json").write_text('{"path": "shards"}')
    (root / "08_reporting").mkdir()
    (root / "08_reporting" / "training_summary.json").write_text('{"train_seconds": 12.5}')
    names = tuple(str(digit) for digit in range(10))
    small_bundle(root / "06_models" / "generator", class_names=names)
    monkeypatch.setattr(digits_quality, "read_real", lambda _: (images, labels))
    monkeypatch.setattr(
        "sys.argv", ["digits_quality", "--data-root", str(root), "--per-class", "3"]
    )

    digits_quality.main()

    *table, line = capsys.readouterr().out.strip().split("\n")
    assert max(map(len, table)) <= 80
    result = json.loads(line)
    assert set(result) == {"recognised", "diversity_mean", "diversity_min", "train_seconds"}
    assert result["train_seconds"] == 12.5
