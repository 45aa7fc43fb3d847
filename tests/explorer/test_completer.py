"""Completions for the page, without a browser."""

import threading
import time

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from sagan.completion.config import CompletionConfig, EncoderConfig
from sagan.completion.encoder import obtain_encoder
from sagan.completion.masks import region
from sagan.explorer import completer as completer_module
from sagan.explorer.completer import Completer, hole_attention, outlined, pooled
from sagan.explorer.completion_tab import CompletionTab
from sagan.explorer.pictures import POINT_COLOUR, sample_picture
from tests.small_world import small_bundle, small_shards

QUICK = CompletionConfig(refine_steps=6, candidates=2, encoder=EncoderConfig(steps=3))
HALF = region("lower_half", 16)


@pytest.fixture
def completer(bundle, tmp_path):
    return Completer(bundle, "cpu", tmp_path, config=QUICK)


def test_stages_come_nearer_and_the_last_is_the_whole_search(completer):
    image = completer.offered[0]
    stages = list(completer.complete(image, HALF, None))
    energies = [float(found.energies[0]) for found in stages]
    assert len(stages) == 3
    assert energies == sorted(energies, reverse=True)
    assert stages[-1].images.shape == (2, 3, 16, 16)
    (sample, _), (eight, said), (_, _) = completer.attention(stages[-1], 1, HALF)
    assert sample.size == eight.size
    assert "are 50% of the image" in said


@pytest.mark.parametrize(("hidden", "message"), [(HALF | True, "all of"), (HALF & False, "paint")])
def test_a_mask_of_everything_or_nothing_is_refused(completer, hidden, message):
    with pytest.raises(ValueError, match=message):
        next(completer.complete(completer.offered[0], hidden, None))


def test_the_hole_attends_where_its_points_do():
    maps = np.zeros((16, 4))
    maps[:8, 0] = 1  # upper half
    maps[8:, 3] = 1
    assert hole_attention(maps, HALF).tolist() == [0, 0, 0, 1]
    assert pooled(HALF, 2).tolist() == [[0, 0], [1, 1]]
    picture = np.asarray(outlined(sample_picture(np.zeros((3, 16, 16), np.uint8)), HALF))
    assert tuple(picture[192, 7]) == POINT_COLOUR
    assert not picture[:192].any()
    assert not picture[-100:].any()


def test_validation_images_are_offered_if_the_generator_could_make_them(bundle, tmp_path):
    shards = small_shards(tmp_path)
    offered = Completer(bundle, "cpu", tmp_path, shards).offered
    assert (offered == shards.split("val").read(np.array([0, 4, 8])).numpy()).all()
    grey = small_bundle(tmp_path / "grey", channels=1)
    with pytest.raises(ValueError, match=r"16 px and 3 channels.*leave --shards out.*channels 1"):
        Completer(grey, "cpu", tmp_path, shards)


def test_uploads_are_prepared_as_the_shards_were(bundle, tmp_path):
    shards = small_shards(tmp_path)
    padded = type(shards)(shards.path, shards.index | {"fit": "pad", "pad_colour": [255] * 3})
    Image.new("RGB", (40, 20)).save(tmp_path / "wide.png")
    found = Completer(bundle, "cpu", tmp_path, padded).read(tmp_path / "wide.png")
    assert (found[:, :3] == 255).all()
    assert (found[:, 6:10] == 0).all()


def test_the_encoder_is_trained_once_for_completions_at_one_time(completer, monkeypatch):
    trained = []

    def slowly(*words, **options):
        time.sleep(0.3)
        trained.append(obtain_encoder(*words, **options))
        return trained[-1]

    monkeypatch.setattr(completer_module, "obtain_encoder", slowly)
    image = completer.offered[0]
    both = [
        threading.Thread(target=next, args=[completer.complete(image, HALF, None)])
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(trained) == 1


def test_an_encoder_that_cannot_be_written_is_told_on_the_page(bundle, tmp_path):
    (tmp_path / "file").touch()
    tab = CompletionTab(Completer(bundle, "cpu", tmp_path / "file", config=QUICK))
    half = np.zeros((16, 16, 4), np.uint8)
    half[8:] = 255
    with pytest.raises(gr.Error, match="is in the place of this folder"):
        next(tab.complete(np.zeros((3, 16, 16), np.uint8), {"layers": [half]}, None))
