"""Films: by the command that makes them, and their frames."""

import numpy as np
import pytest
import torch
from PIL import Image

from sagan.sampling import drawing
from sagan.sampling.attention_maps import (
    QUERY_COLOURS,
    choose_query_points,
    generate_with_attention,
    heat_tile,
    mark_point,
)
from sagan.sampling.config import FilmConfig
from sagan.sampling.film import check_film, film_grid, shares, write_film
from sagan.sampling.generate import generate
from sagan.sampling.grids import class_grid, grid_bytes
from sagan.sampling.interpolation import blended_classes, circle, interpolate, truncate
from sagan.sampling.latents import sample_latents
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


def drawn_film(bundle, latents, labels, **changes) -> list[np.ndarray]:
    """Its frames as `film_grid` draws them, samples at twice their size."""
    options = {"tile_px": 32, "batch_size": 64, "device": torch.device("cpu")}
    config = FilmConfig(**changes)
    names = list(bundle.class_names)
    return [*film_grid(bundle.load(), latents, torch.tensor(labels), names, config, **options)]


def page(bundle, latents, labels, *, names=None, others=None, share=0.0) -> np.ndarray:
    """The grid of latents, of classes that may be on the way to others."""
    generator = bundle.load()
    with blended_classes(generator, torch.tensor(others or range(bundle.num_classes)), share):
        images = torch.cat([*generate(generator, latents, torch.tensor(labels), 64)])
    return class_grid(images.numpy(), np.array(labels), names or list(bundle.class_names), 32)


@pytest.mark.parametrize("kind", ["latents", "circle"])
def test_samples_move_to_the_next_of_their_class_and_the_last_to_the_first(bundle, kind):
    labels, nexts = [2, 0, 2, 1, 2, 0, 1], [2, 5, 4, 6, 0, 1, 3]
    latents = sample_latents(7, bundle.latent_dim, 0)
    path = interpolate if kind == "latents" else circle

    shown = drawn_film(bundle, latents, labels, interpolate=kind, frames=4)

    for frame, share in zip(shown, shares(FilmConfig(interpolate=kind, frames=4)), strict=True):
        expected = page(bundle, path(latents, latents[nexts], share), labels)
        assert np.array_equal(frame, expected)


def test_classes_become_the_next_in_order_of_appearance(tmp_path):
    names = ("one", "two", "three", "four", "five")
    bundle = small_bundle(tmp_path / "five", distinct=True, class_names=names)
    labels, others = [3, 0, 2], [2, 1, 3, 0, 4]
    latents = sample_latents(3, bundle.latent_dim, 0)
    titles = ["one to three", "two to two", "three to four", "four to one", "five to five"]

    shown = drawn_film(bundle, latents, labels, interpolate="classes", frames=4)

    for frame, share in zip(shown, (0.0, 0.5, 1.0, 0.5), strict=True):
        assert np.array_equal(
            frame, page(bundle, latents, labels, names=titles, others=others, share=share)
        )


def test_the_truncation_falls_evenly_in_its_logarithm_and_is_told_below(bundle):
    latents, labels = sample_latents(2, bundle.latent_dim, 0), [0, 1]

    shown = drawn_film(bundle, latents, labels, interpolate="truncation", frames=4)

    for frame, truncation in zip(shown, (3.0, 0.3**0.5, 0.1, 0.3**0.5), strict=True):
        grid = page(bundle, truncate(latents, truncation), labels)
        assert np.array_equal(frame[:-24], grid)
        line, pen = drawing.blank(grid.shape[1], 24)
        told = f"truncation {truncation:.2f}"
        pen.text((grid.shape[1] // 2, 0), told, drawing.INK, drawing.font(14), anchor="mt")
        assert np.array_equal(frame[-24:], line)


def test_maps_are_those_of_the_point_of_the_first_frame(tmp_path):
    """More samples than are computed together; each layer's map of the query under the point."""
    bundle = small_bundle(tmp_path / "two", attention=(8, 16))
    labels = [0] * 9 + [1] * 2
    latents = sample_latents(11, bundle.latent_dim, 0)
    nexts = [*range(1, 9), 0, 10, 9]
    points = []

    shown = drawn_film(bundle, latents, labels, frames=3, attention=True)

    for frame, share in zip(shown, shares(FilmConfig(frames=3)), strict=True):
        moved = interpolate(latents, latents[nexts], share)
        images, maps = generate_with_attention(bundle.load(), moved, torch.tensor(labels))
        points = points or [choose_query_points(image, 1)[0] for image in images]
        tiles = []
        for i, (image, (row, column)) in enumerate(zip(images, points, strict=True)):
            sample = drawing.enlarge(image, 2)
            coarse, fine = row // 2 * 8 + column // 2, row * 16 + column  # of 8 px, of 16
            heats = heat_tile(sample, maps[8][i, coarse]), heat_tile(sample, maps[16][i, fine])
            for tile in (sample, *heats):
                mark_point(tile, (2 * column + 1, 2 * row + 1), QUERY_COLOURS[0])
                tiles.append(np.asarray(tile).transpose(2, 0, 1))
        grid = class_grid(np.stack(tiles), np.repeat(labels, 3), bundle.class_names, 32)
        assert np.array_equal(frame, grid)


@pytest.mark.parametrize(
    ("kind", "once", "expected"),
    [
        ("latents", False, [0, 0.5, 1, 0.5]),
        ("classes", True, [0, 0.25, 0.75, 1]),
        ("circle", False, [0, 0.25, 0.5, 0.75]),
        ("circle", True, [0, 1 / 3, 2 / 3, 1]),
    ],
)
def test_the_way_of_the_frames(kind, once, expected):
    found = shares(FilmConfig(interpolate=kind, frames=4, once=once))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("suffix", "most"), [("webp", 16_383), ("gif", 65_535), ("apng", 10**6)])
def test_the_largest_side_of_a_format_is_taken(tmp_path, suffix, most):
    config = FilmConfig(format=suffix)
    for shape in ((1, most, 3), (most, 1, 3)):
        blank = np.zeros(shape, np.uint8)
        write_film(tmp_path / "film", [blank, blank + 255], config)
        assert len(frames(tmp_path / "film")) == 2
        with pytest.raises(ValueError, match=f"{suffix} has at most {most}"):
            write_film(tmp_path / "film", [np.repeat(blank, 2, np.argmax(shape))], config)


@pytest.mark.parametrize(("fps", "milliseconds"), [(1, 1000), (16, 62), (50, 20)])
def test_each_picture_is_shown_for_its_part_of_a_second(tmp_path, fps, milliseconds):
    blank = np.zeros((1, 1, 3), np.uint8)
    write_film(tmp_path / "film", [blank, blank + 255], FilmConfig(fps=fps))
    with Image.open(tmp_path / "film") as file:
        file.load()
        assert file.info["duration"] == milliseconds


@pytest.mark.parametrize("maps", [False, True])
def test_frames_beyond_memory_are_refused_with_how_many_fit(tmp_path, monkeypatch, maps):
    """Three rows; the longest has three samples, each with two maps where they are asked for."""
    generator = small_bundle(tmp_path / "two", attention=(8, 16)).load()
    labels = torch.tensor([0, 1, 1, 1, 2])
    of_one = grid_bytes(3, 3 * (3 if maps else 1), 16, 32)
    monkeypatch.setattr("sagan.common.memory.available_bytes", lambda: of_one * 100)
    config = FilmConfig(interpolate="truncation", attention=maps, frames=90)

    check_film(generator, labels, config, tile_px=32)
    with pytest.raises(ValueError, match=r"--frames 91 needs .*up to 90 fit"):
        check_film(generator, labels, config.model_copy(update={"frames": 91}), tile_px=32)


@pytest.mark.parametrize("rows", [False, True])
def test_a_grid_as_wide_or_high_as_the_format_is_accepted(bundle, monkeypatch, rows):
    """Samples of 32 px and their gap, 34 px."""
    monkeypatch.setattr("sagan.sampling.film._LARGEST_PX", {"webp": 3 * 34})
    labels = torch.tensor([0, 1, 2] if rows else [0, 0, 0])
    config = FilmConfig(interpolate="truncation")

    check_film(bundle.load(), labels, config, tile_px=32)
    monkeypatch.setattr("sagan.sampling.film._LARGEST_PX", {"webp": 3 * 34 - 1})
    with pytest.raises(ValueError, match=r"frame has (34x102|102x34) px"):
        check_film(bundle.load(), labels, config, tile_px=32)


def test_a_film_of_classes_needs_two_and_their_condition(bundle, tmp_path):
    one_of_each, config = torch.tensor([0, 2]), FilmConfig(interpolate="classes")
    check_film(bundle.load(), one_of_each, config, tile_px=32)
    without = small_bundle(tmp_path / "free", conditional=False).load()
    for generator, labels in ((bundle.load(), one_of_each[:1]), (without, one_of_each)):
        with pytest.raises(ValueError, match="a film of classes needs at least 2"):
            check_film(generator, labels, config, tile_px=32)


def test_a_film_of_latents_needs_two_of_each_class(bundle):
    config = FilmConfig(interpolate="latents")
    check_film(bundle.load(), torch.tensor([0, 0]), config, tile_px=32)
    with pytest.raises(ValueError, match="at least 2 samples of each class, got 1"):
        check_film(bundle.load(), torch.tensor([0, 0, 2]), config, tile_px=32)
