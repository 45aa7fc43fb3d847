"""What the explorer shows, without a browser."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.explorer import explore as command
from sagan.explorer.candidates import candidates
from sagan.explorer.pictures import (
    POINT_COLOUR,
    describe,
    film_frames,
    map_picture,
    point_of,
    sample_picture,
    weights_at,
    width_px,
    write_latents,
    write_png,
)
from sagan.explorer.views import Endpoint, Explorer, LatentPoint, View
from tests.program import program
from tests.small_world import small_bundle

sample, explore = program("sample"), program("explore")


@pytest.fixture(scope="module")
def explorer(bundle):
    return Explorer(bundle)


def sampled(bundle, out, *arguments) -> np.ndarray:
    assert sample([str(bundle.path), "--out", str(out), "--npz", *arguments]) == 0
    with np.load(out / "samples.npz") as file:
        return file["images"].astype(int)


def test_a_view_is_the_sample_that_the_command_draws(explorer, bundle, tmp_path):
    point = LatentPoint(Endpoint(1, seed=7, index=2), truncation=0.6)
    arguments = ("--classes", "1", "--seed", "7", "--count", "3", "--truncation", "0.6")
    wanted = sampled(bundle, tmp_path, *arguments)
    assert np.abs(explorer.view(point).image - wanted[2]).max() <= 1
    shown = explorer.samples(point.start, 3, 0.6)
    assert np.abs(shown - wanted).max() <= 1


def test_downloads_draw_the_picture_again(explorer, bundle, tmp_path):
    point = LatentPoint(Endpoint(0, seed=1), Endpoint(0, seed=2), t=0.3, truncation=0.9)
    write_latents(tmp_path / "kept.npz", explorer, point)
    write_png(tmp_path / "kept.png", explorer.view(point))
    again = sampled(bundle, tmp_path / "out", "--latents", str(tmp_path / "kept.npz"))
    picture = np.asarray(Image.open(tmp_path / "kept.png")).transpose(2, 0, 1)
    assert np.abs(again[0] - picture).max() <= 1


def test_maps_are_of_every_block_and_even_out_to_one(explorer):
    view = explorer.view(LatentPoint(Endpoint(0)))
    assert {r: m.shape for r, m in view.maps.items()} == {8: (64, 16), 16: (256, 64)}
    for found in view.maps.values():
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_an_interpolation_starts_and_ends_at_its_ends(explorer):
    start, end = Endpoint(0, seed=3), Endpoint(2, seed=4)
    images = [explorer.view(LatentPoint(start, end, t)).image for t in (0.0, 0.5, 1.0)]
    assert (images[0] == explorer.view(LatentPoint(start)).image).all()
    assert (images[2] == explorer.view(LatentPoint(end)).image).all()
    assert (images[1] != images[0]).any()
    assert (images[1] != images[2]).any()


def test_half_way_between_classes_is_the_mean_of_their_tables(explorer, bundle):
    """Against the same generator whose class 1 was made the mean by hand."""
    mixed = bundle.load()
    for name, table in mixed.named_parameters():
        if name.endswith((".gain", ".bias")) and table.shape[:1] == (3,) and table.ndim == 2:
            table[1] = (table[0] + table[2]) / 2
    latents = explorer.latents(LatentPoint(Endpoint(0)))
    with torch.no_grad():
        wanted = mixed(latents, torch.tensor([1]))
    found = explorer.view(LatentPoint(Endpoint(0), Endpoint(2), t=0.5)).image / 127.5 - 1
    np.testing.assert_allclose(found, wanted[0].numpy(), atol=0.02)


def test_a_film_shows_the_way_between_two_samples_with_its_maps(explorer):
    point = LatentPoint(Endpoint(0, seed=3), Endpoint(2, seed=4))
    first, halfway = film_frames(explorer, point, (0.5, 0.5), [0.0, 0.5])
    side = width_px(16)
    assert first.shape == (side, 3 * side, 3)
    for frame, t in ((first, 0.0), (halfway, 0.5)):
        sample = sample_picture(explorer.view(replace(point, t=t)).image, (0.5, 0.5))
        assert (frame[:, :side] == np.asarray(sample)).all()


def test_between_classes_no_label_can_be_kept(explorer, tmp_path):
    point = LatentPoint(Endpoint(0), Endpoint(1), t=0.5)
    assert point.label is None
    assert LatentPoint(Endpoint(0), Endpoint(1), t=1.0).label == 1
    with pytest.raises(ValueError, match="no label to save"):
        write_latents(tmp_path / "kept.npz", explorer, point)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (LatentPoint(Endpoint(9)), r"expected 0\.\.2, got 9"),
        (LatentPoint(Endpoint(0, seed=-1)), "seed: expected 0"),
        (LatentPoint(Endpoint(0), truncation=0.0), "truncation must be at least 0.01"),
    ],
)
def test_a_wrong_place_is_refused(explorer, point, said):
    with pytest.raises(ValueError, match=said):
        explorer.view(point)


def test_a_point_finds_its_row_of_the_map():
    maps = np.eye(16)[:, :4] + 1e-3
    maps /= maps.sum(axis=1, keepdims=True)
    view = View(np.zeros((3, 16, 16), np.uint8), {4: maps})
    width = width_px(16)
    for x, y, row in ((0, 0, 0), (width - 1, 0, 3), (0, width - 1, 12), (width // 4, 0, 1)):
        np.testing.assert_array_equal(weights_at(view, 4, point_of(x, y, width)), maps[row])
    assert point_of(-5, 10**6, width) == (1.0, 0.0)


def test_the_point_and_the_brightest_place_are_drawn():
    peak = np.full((64, 16), 1e-6)
    peak[:, 0] = 1.0  # everything looks to the upper left
    view = View(np.zeros((3, 16, 16), np.uint8), {8: peak / peak.sum(axis=1, keepdims=True)})
    picture = np.asarray(map_picture(view, 8, (0.75, 0.75)))
    width = width_px(16)
    assert tuple(picture[width * 3 // 4, width * 3 // 4]) == POINT_COLOUR
    assert picture[20, 20].sum() > picture[20, -20].sum() + 200
    marked = np.asarray(sample_picture(view.image, (0.75, 0.75)))
    assert tuple(marked[width * 3 // 4, width * 3 // 4]) == POINT_COLOUR
    assert describe(view, 8, (0.5, 0.5)) == (
        "8x8: peak 16.0 times uniform attention, spread over 6%"
    )


def test_faults_end_in_one_line(bundle, tmp_path, capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind((command.HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert explore([str(bundle.path), "--port", port]) == 1
        assert f"port {port} is in use; choose another" in capsys.readouterr().err
    assert explore([str(tmp_path / "none")]) == 1
    assert "no generator bundle at" in capsys.readouterr().err
    other = small_bundle(tmp_path / "other", class_names=("a", "b"))
    assert explore([str(bundle.path), "--compare", str(other.path)]) == 1
    assert "its class_names differ" in capsys.readouterr().err
    grey = small_bundle(tmp_path / "grey", channels=1)
    assert explore([str(bundle.path), "--compare", str(grey.path)]) == 1
    assert "its image_channels differ" in capsys.readouterr().err
    weights = tmp_path / "other" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert explore([str(other.path)]) == 1
    assert "was changed after it was written" in capsys.readouterr().err
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert explore([str(bundle.path), "--device", "cuda"]) == 1
    assert "torch sees no CUDA device" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, command.__name__)
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert explore([str(bundle.path)]) == 1
    assert "which is not installed: pip install gradio\n" in capsys.readouterr().err


def test_ctrl_c_while_it_is_imported_ends_without_a_traceback(monkeypatch, bundle):
    def importing(*_words, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "explore", importing)
    assert explore([str(bundle.path)]) == 75


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_page_and_leaves_no_file(bundle, tmp_path, number):
    words = [sys.executable, "-m", "sagan", "explore", "--no-browser", str(bundle.path)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as process:
        said = ""
        while "Ctrl-C ends it" not in said:  # on a slow machine imports are told too
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert "starting the page" in said
    assert "Traceback" not in rest
    assert not list(tmp_path.glob("sagan-explore-*"))


def names(found) -> list[tuple[str, bool]]:
    return [(candidate.name, candidate.shown) for candidate in found]


def test_a_bundle_with_both_weights_is_two_candidates(both):
    found = candidates([both])
    assert names(found) == [("averaged", True), ("raw", False)]
    images = [candidate.explorer.view(LatentPoint(Endpoint(0))).image for candidate in found]
    assert (images[0] == Explorer(both).view(LatentPoint(Endpoint(0))).image).all()
    assert (images[0] != images[1]).any()
    assert names(candidates([both], weights="raw")) == [("raw", True)]


def test_compared_bundles_are_told_apart_by_their_folders(both, bundle):
    assert names(candidates([bundle, both])) == [
        (f"{bundle.path}, raw", True),
        (f"{both.path}, averaged", True),
        (f"{both.path}, raw", False),
    ]


def test_weights_that_a_bundle_has_not_are_refused(bundle, both, capsys):
    with pytest.raises(ValueError, match="no ema weights, but raw"):
        candidates([both, bundle], weights="ema")
    assert explore([str(bundle.path), "--weights", "ema"]) == 1
    assert "no ema weights, but raw" in capsys.readouterr().err


def test_looking_changes_no_file_of_the_bundle(bundle):
    before = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    Explorer(bundle).view(LatentPoint(Endpoint(0), Endpoint(1), t=0.4))
    assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == before
    assert Explorer(GeneratorBundle.open(bundle.path)).bundle.num_classes == 3


def test_all_but_page_and_server_do_without_gradio():
    folder = Path(command.__file__).parent
    importing = {path.name for path in folder.glob("*.py") if "import gradio" in path.read_text()}
    assert importing == {"page.py", "completion_tab.py", "explore.py", "guard.py"}


def test_a_generator_without_attention_is_looked_at_all_the_same(tmp_path):
    explorer = Explorer(small_bundle(tmp_path / "plain", attention=()))
    assert explorer.resolutions == ()
    view = explorer.view(LatentPoint(Endpoint(0)))
    assert view.maps == {}
    assert view.image.shape == (3, 16, 16)
