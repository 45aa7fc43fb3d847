from itertools import pairwise

import numpy as np
import pytest
import torch

from sagan.data.config import ManifestConfig, PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, records
from sagan.data.shards.build import build_stores
from sagan.training.core.batches import Batches, batch_indices, epoch_flips, mirror
from tests.drawn_images import draw_image_folder


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """23 images of 16 px in six shards of four: sizes that divide nothing."""
    root = tmp_path_factory.mktemp("data")
    images = records(build_manifest(ImageFolder.open(draw_image_folder(root)), ManifestConfig()))
    images.remove(next(image for image in images if image.split == "train"))
    config = PreprocessingConfig(image_size=16, shard_images=4)
    return build_stores(root, images, root / "shards", config)[0].split("train")


class Split:
    """Ten 2x2 images; image i is filled with the value i, its label is i % 3."""

    labels = np.arange(10) % 3

    def __len__(self):
        return 10

    def read(self, indices):
        images = torch.zeros(len(indices), 3, 2, 2, dtype=torch.uint8)
        images[:, :, :, 0] = torch.from_numpy(indices.astype(np.uint8))[:, None, None]
        return images


def test_every_image_comes_once_an_epoch_in_an_order_of_its_own():
    first, second = batch_indices(0, 0, 10, 10), batch_indices(0, 10, 10, 10)

    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)


def test_how_positions_are_cut_into_batches_does_not_matter():
    whole = batch_indices(3, 0, 24, 10)
    pieces = [batch_indices(3, first, 4, 10) for first in range(0, 24, 4)]

    assert np.array_equal(whole, np.concatenate(pieces))


def test_a_batch_larger_than_the_data_set():
    assert np.bincount(batch_indices(0, 5, 30, 10)).min() >= 2


def test_images_and_labels_belong_together():
    images, labels = Batches(Split(), seed=1).read(7, 6)

    assert torch.equal(labels, images[:, 0, 0, 0].long() % 3)
    assert labels.dtype == torch.int64


def test_flips_mirror_about_half_and_always_the_same_ones():
    batches = Batches(Split(), seed=1, horizontal_flip=True)
    images, _ = batches.read(0, 400)
    mirrored = images[:, 0, 0, 1] > 0

    assert 130 < mirrored.sum() < 230  # one image in ten is blank, and looks unmirrored
    assert torch.equal(images, batches.read(0, 400)[0])
    assert not torch.equal(images, Batches(Split(), seed=1).read(0, 400)[0])


def test_an_image_is_mirrored_or_not_however_positions_are_cut_into_batches():
    batches = Batches(Split(), seed=1, horizontal_flip=True)

    whole, _ = batches.read(0, 24)
    pieces = [batches.read(first, 4)[0] for first in range(0, 24, 4)]

    assert torch.equal(whole, torch.cat(pieces))


def test_seeds_differ():
    assert list(batch_indices(0, 0, 10, 10)) != list(batch_indices(1, 0, 10, 10))


def test_flips_are_the_images_mirrored_at_the_positions_the_epoch_says(split):
    first, batch_size = 15, 20  # over the end of the first epoch
    plain, plain_labels = Batches(split, seed=5).read(first, batch_size)
    images, labels = Batches(split, seed=5, horizontal_flip=True).read(first, batch_size)

    table = np.concatenate([epoch_flips(5, 0, 23), epoch_flips(5, 1, 23)])
    mirrored = torch.from_numpy(table[first : first + batch_size])
    assert 0 < mirrored.sum() < batch_size
    assert torch.equal(images[mirrored], plain[mirrored].flip(3))
    assert torch.equal(images[~mirrored], plain[~mirrored])
    assert torch.equal(labels, plain_labels)
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("width", [1, 7, 64, 128, 20_000])  # a line of 20,000 px is a piece alone
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_mirroring_piece_by_piece_is_mirroring(width, share):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, size=(5, min(width, 128), width, 3), dtype=np.uint8)
    chosen = random.random(5) < share
    expected = np.where(chosen[:, None, None, None], images[:, :, ::-1], images)

    mirror(images, chosen)

    assert np.array_equal(images, expected)


@pytest.mark.parametrize(("width", "channels"), [(64, 3), (1057, 1), (3641, 3), (20_000, 3)])
def test_pieces_are_the_largest_that_torch_flips_in_the_calling_thread(
    monkeypatch, width, channels
):
    """For 2**15 elements it would wait for its threads; a line alone may be longer."""
    pieces, split = [], torch.split
    monkeypatch.setattr(torch, "split", lambda *given: pieces.extend(split(*given)) or pieces)

    mirror(np.zeros((2, 100, width, channels), np.uint8), np.ones(2, bool))

    lines, elements = len(pieces[0]), width * channels
    assert sum(map(len, pieces)) == 200
    assert lines == 1 or lines * elements < 2**15
    assert (lines + 1) * elements >= 2**15


def test_a_batch_is_the_callers_own(split):
    batches = Batches(split, seed=5, horizontal_flip=True)
    images, labels = batches.read(0, 23)
    kept = images.clone(), labels.clone()
    images.zero_()
    labels.zero_()

    again = batches.read(0, 23)

    assert torch.equal(again[0], kept[0])
    assert torch.equal(again[1], kept[1])


def slices(batches, first, batch_size, world_size):
    """What each of several processes reads of one batch; their slices may differ by one image."""
    bounds = [first + batch_size * rank // world_size for rank in range(world_size + 1)]
    parts = [batches.read(start, end - start) for start, end in pairwise(bounds)]
    return [torch.cat(column) for column in zip(*parts, strict=True)]


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("batch_size", [8, 10, 30])
def test_the_slices_of_all_ranks_are_the_batch_of_one_process(split, world_size, batch_size):
    for first in range(0, 70, batch_size):
        images, labels = Batches(split, seed=2, horizontal_flip=True).read(first, batch_size)
        ours = Batches(split, seed=2, horizontal_flip=True)  # a process remembers nothing
        their_images, their_labels = slices(ours, first, batch_size, world_size)

        assert torch.equal(their_images, images)
        assert torch.equal(their_labels, labels)


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_every_image_comes_once_an_epoch_whatever_the_ranks(split, world_size):
    epochs, batch_size = 6, 6  # neither 6 nor 2 nor 4 divides 23
    batches = Batches(split, seed=2)
    parts = [
        slices(batches, first, batch_size, world_size)[0]
        for first in range(0, epochs * len(split), batch_size)
    ]
    seen = torch.cat(parts)

    every = {image.numpy().tobytes() for image in split.read(np.arange(len(split)))}
    assert len(every) == len(split)
    for epoch in seen.split(len(split)):
        assert {image.numpy().tobytes() for image in epoch} == every
