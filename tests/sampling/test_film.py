"""Films, by the command that makes them."""

import numpy as np
import pytest
from PIL import Image

from tests.program import program
from tests.small_world import small_bundle

main = program("sample")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("distinct") / "generator", distinct=True)


def film(bundle, out, *words, classes="0,2", count="2") -> int:
    drawn = ["--classes", classes, "--count", count, "--device", "cpu"]
    return main([str(bundle.path), "--out", str(out), *drawn, *words])


def frames(path) -> list[np.ndarray]:
    with Image.open(path) as file:
        found = []
        for number in range(file.n_frames):
            file.seek(number)
            found.append(np.asarray(file.convert("RGB")).astype(int))
    return found


@pytest.mark.parametrize("kind", ["latents", "classes", "circle", "truncation"])
def test_a_film_begins_with_the_grid_and_comes_back(bundle, tmp_path, kind):
    words = ["--interpolate", kind, "--frames", "8", "--film-format", "apng"]

    assert film(bundle, tmp_path, *words) == 0

    shown = frames(tmp_path / "interpolation.apng")
    assert len(shown) == 8
    grid = np.asarray(Image.open(tmp_path / "sample_grid.png")).astype(int)
    tiles = (slice(12, 12 + 2 * 66), slice(-12 - 2 * 66, -12))  # two rows and columns
    first = np.abs(shown[0][tiles] - grid[tiles])
    assert first.max() <= (60 if kind == "truncation" else 1)  # which starts at 3 std
    farthest = np.abs(shown[4][tiles] - grid[tiles]).mean()
    for early, late in zip(shown[1:4], shown[:4:-1], strict=True):
        assert np.abs(early[tiles] - grid[tiles]).mean() > 0
        if kind != "circle":
            assert np.abs(early - late).max() <= 1
            assert np.abs(early[tiles] - grid[tiles]).mean() < farthest


def test_the_last_class_of_a_film_is_the_next_one_of_the_same_latents(bundle, tmp_path):
    words = ["--interpolate", "classes", "--frames", "3", "--once", "--film-format", "apng"]
    assert film(bundle, tmp_path / "film", *words, "--same-latents", count="3") == 0
    *_, last = frames(tmp_path / "film" / "interpolation.apng")
    grid = np.asarray(Image.open(tmp_path / "film" / "sample_grid.png")).astype(int)
    rows = [slice(12 + 66 * i, 12 + 66 * i + 64) for i in range(2)]
    columns = slice(-12 - 3 * 66, -12)
    for row, other in zip(rows, rows[::-1], strict=True):
        assert np.abs(last[row, columns] - grid[other, columns]).max() <= 1


@pytest.mark.parametrize("suffix", ["webp", "gif", "apng"])
@pytest.mark.parametrize("once", [False, True])
def test_formats_keep_frames_speed_and_loops(bundle, tmp_path, suffix, once):
    words = ["--interpolate", "latents", "--frames", "4", "--fps", "10", "--film-format", suffix]

    assert film(bundle, tmp_path, *words, *["--once"] * once, classes="0") == 0

    with Image.open(tmp_path / f"interpolation.{suffix}") as file:
        assert file.n_frames == 4
        assert file.info.get("loop") == (None if once and suffix == "gif" else int(once))
        file.seek(1)
        file.load()
        assert file.info["duration"] == 100


@pytest.mark.parametrize("channels", [3, 1])
def test_attention_is_beside_each_sample(tmp_path, channels):
    attentive = small_bundle(tmp_path / "two", attention=(8, 16), channels=channels)
    words = ["--interpolate", "latents", "--frames", "2", "--film-format", "apng"]
    assert film(attentive, tmp_path / "plain", *words, classes="0") == 0

    assert film(attentive, tmp_path / "with", *words, "--film-attention", classes="0") == 0

    (plain, _), (beside, _) = (
        frames(tmp_path / name / "interpolation.apng") for name in ("plain", "with")
    )
    assert beside.shape[1] - plain.shape[1] == 2 * 2 * 66  # two maps of two samples
    grey, heat = beside[20:60, -12 - 198 : -12 - 134], beside[20:60, -12 - 66 : -14]
    assert (np.ptp(grey, axis=2) > 0).mean() < 0.3 or channels == 3  # but for the mark
    assert (np.ptp(heat, axis=2) > 0).mean() > 0.9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", "4"], "--interpolate says what to film; --frames needs it"),
        (["--interpolate", "latents", "--count", "1"], "at least 2 samples of each class"),
        (["--interpolate", "circle", "--count", "1"], "at least 2 samples of each class"),
        (["--interpolate", "classes", "--classes", "0"], "film of classes needs at least 2"),
        (["--interpolate", "truncation", "--truncation", "1"], "leave out --truncation"),
        (["--interpolate", "latents", "--film-attention"], "no self-attention layer"),
    ],
)
def test_a_film_that_cannot_be_made_is_refused_and_nothing_written(
    tmp_path, capsys, words, message
):
    plain = small_bundle(tmp_path / "plain", attention=())
    assert film(plain, tmp_path / "out", *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_frames_beyond_the_format_are_refused(bundle, tmp_path, capsys):
    words = ["--interpolate", "latents", "--frames", "2", "--tile", "9000", "--film-format"]
    assert film(bundle, tmp_path, *words, "webp", classes="0") == 1
    assert "webp has at most 16383" in capsys.readouterr().err
