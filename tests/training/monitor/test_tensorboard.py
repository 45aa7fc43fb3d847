"""Event files: what TensorBoard will read back."""

import errno
import logging
import sys

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator

from sagan.training.monitor.tensorboard import TensorBoardWriter, grid, tag

RECORD = {
    "step": 3,
    "images_seen": 12,
    "discriminator_loss": 0.5,
    "generator_loss": -0.25,
    "real_logits": 1.5,
    "images_per_second": 100.0,
    "gamma/generator/8x8_attention": 0.125,
    "diversity": 0.75,
    "device": "cpu",
    "nothing": None,
    "bad": float("nan"),
    "yes": True,
}


def read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={IMAGES: 0})
    events.Reload()
    return events


def values(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_numbers_are_grouped_and_the_rest_is_left_out(tmp_path):
    files = TensorBoardWriter(tmp_path, purge_step=None)
    files.scalars(RECORD, step=3)
    files.scalars({"event": "warning", "step": 3, "margin": 1.0}, step=3)
    files.close()
    events = read(tmp_path)

    assert sorted(events.Tags()["scalars"]) == [
        "gamma/generator/8x8_attention",
        "logits/real",
        "losses/discriminator",
        "losses/generator",
        "run/images_per_second",
        "run/images_seen",
        "watch/diversity",
    ]
    assert values(events, "losses/generator") == [(3, -0.25)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gradient_norm/generator", "gradient_norm/generator"),
        ("attention_entropy/generator/8x8_attention", "attention_entropy/generator/8x8_attention"),
        ("diversity_ema_min", "watch/diversity_ema_min"),
        ("margin", "watch/margin"),
        ("generator_lr", "run/generator_lr"),
    ],
)
def test_tags(name, expected):
    assert tag(name) == expected


def test_a_resumed_run_hides_what_came_after_its_checkpoint(tmp_path):
    first = TensorBoardWriter(tmp_path, purge_step=None)
    for step in range(1, 9):
        first.scalars({"margin": 1.0}, step)
    first.close()
    resumed = TensorBoardWriter(tmp_path, purge_step=6)  # from the checkpoint of step 5
    resumed.scalars({"margin": 2.0}, 6)
    resumed.close()

    expected = [(step, 1.0) for step in range(1, 6)] + [(6, 2.0)]
    assert values(read(tmp_path), "watch/margin") == expected


def test_images_are_shown_as_one_grid(tmp_path):
    from io import BytesIO

    from PIL import Image

    files = TensorBoardWriter(tmp_path, purge_step=None)
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 64, 64) * 40
    files.images("samples", images, step=2, columns=3)
    files.close()

    (event,) = read(tmp_path).Images("samples")
    shown = np.asarray(Image.open(BytesIO(event.encoded_image_string)))
    assert (event.step, shown.shape) == (2, (130, 196, 3))
    assert (shown == grid(images, 3).permute(1, 2, 0).numpy()).all()
    assert shown[0, ::66, 0].tolist() == [0, 40, 80]  # row by row
    assert shown[66, ::66, 0].tolist() == [120, 160, 200]


def test_small_images_are_enlarged_pixel_by_pixel():
    image = torch.randint(256, (1, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(grid(image, 1)[:, ::4, ::4], image[0])


def test_without_tensorboard_one_line_says_what_to_do(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.WARNING):
        files = TensorBoardWriter(tmp_path / "events", purge_step=None)
        files.scalars(RECORD, step=3)
        files.images("samples", torch.zeros(1, 3, 16, 16, dtype=torch.uint8), step=3, columns=1)
        files.close()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pip install tensorboard" in caplog.text
    assert not (tmp_path / "events").exists()


@pytest.mark.parametrize("fails", ["__init__", "add_scalar"])
def test_a_full_disk_ends_the_event_files_and_not_the_run(tmp_path, monkeypatch, caplog, fails):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"torch.utils.tensorboard.SummaryWriter.{fails}", full)
    with caplog.at_level(logging.WARNING):
        files = TensorBoardWriter(tmp_path, purge_step=None)
        for step in (1, 2):
            files.scalars(RECORD, step)
        files.close()

    (said,) = caplog.records
    assert "No space left on device; training continues" in said.getMessage()
